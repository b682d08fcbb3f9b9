"""A fitted head on the vectors of a frozen encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from fsl_nlp.decision.calibration import Calibration
from fsl_nlp.decision.outputs import Outputs
from fsl_nlp.heads.base import Head, PreparedHead, State
from fsl_nlp.inputs.kinds import PAIR, Inputs
from fsl_nlp.methods.base import Classifier, Part, Tensors
from fsl_nlp.methods.frozen.reading import Reader
from fsl_nlp.types import Example, Label
from fsl_nlp.vectors import Matrix

# The names of saved tensors that do not belong to the head's state.
CENTRE = "reader.centre"
SCALE = "reader.scale"
LEARNED = "head.parameters."


@dataclass(frozen=True)
class FrozenClassifier(Classifier):
    """Scores of a head for the vectors that a reader makes of examples.

    `metadata` is what the method needs besides its options to restore the classifier.
    """

    labels: tuple[Label, ...]
    reader: Reader
    head: Head
    head_state: State
    temperature: float
    metadata: Mapping[str, Any] = field(default_factory=dict)
    calibration: Calibration | None = None  # where the temperature comes from

    @property
    def inputs(self) -> Inputs:
        """The kinds of examples that its reader takes."""
        return self.reader.inputs

    def embed(self, examples: Sequence[Example]) -> Matrix:
        """[n, D], by the reader."""
        return self.reader.embed(examples)

    def scores(self, examples: Sequence[Example]) -> Matrix:
        """[n, N]: the scores of the head, divided by the temperature."""
        return self.row_scores(self.rows(examples))

    def outputs(self, examples: Sequence[Example]) -> Outputs:
        """The scores and the vectors, of one reading."""
        rows, vectors = self.reader.read_and_embed(examples)
        return Outputs(self.row_scores(transform(self.head, rows)), vectors)

    def truncates(self, examples: Sequence[Example]) -> list[bool]:
        """Whether the reader cannot read an example whole."""
        return self.reader.truncates(examples)

    def rows(self, examples: Sequence[Example]) -> Matrix:
        """[n, F]: the vectors that the head compares."""
        return transform(self.head, self.reader.read(examples))

    def row_scores(self, rows: Matrix) -> Matrix:
        """[n, N], of the output of `rows`."""
        with torch.inference_mode():
            scores: Matrix = self._score(torch.from_numpy(rows)).numpy()
        return scores

    def _score(self, rows: Tensor) -> Tensor:
        return self.head.score(self.head_state, rows.unsqueeze(0))[0] / self.temperature

    def refitted(self, state: State, calibration: Calibration) -> FrozenClassifier:
        """The classifier with another state of its head."""
        return replace(
            self,
            head_state=state,
            temperature=calibration.temperature,
            calibration=calibration,
        )

    def runtime_parts(self) -> tuple[Part, ...]:
        """One part: the encoder's graph and the head."""

        def score(vectors: Tensor) -> tuple[Tensor, Tensor]:
            return self._score(self.head.transform(vectors)), vectors

        source, width = self.reader.graph(), self.reader.width
        centre = self.reader.centre
        tensors = {} if centre is None else {"centre": centre}
        if self.reader.scale is not None:
            tensors["scale"] = self.reader.scale
        return (Part(self.reader.reads, source, width, score, tensors),)

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        """The head's state and parameters, the reader's centre; the temperature."""
        tensors: Tensors = {name: tensor.cpu().numpy() for name, tensor in self.head_state.items()}
        if self.reader.centre is not None:
            tensors[CENTRE] = self.reader.centre
        if self.reader.scale is not None:
            tensors[SCALE] = self.reader.scale
        if isinstance(self.head, PreparedHead):
            learned = self.head.parameters or {}
            tensors |= {f"{LEARNED}{n}": t.cpu().numpy() for n, t in learned.items()}
        pairs = {"pairs": True} if PAIR in self.inputs.kinds else {}
        calibration = {"calibration": self.calibration.to_dict()} if self.calibration else {}
        return tensors, {"temperature": self.temperature, **calibration, **pairs, **self.metadata}


def transform(head: Head, vectors: NDArray[Any]) -> Matrix:
    """[n, F]: vectors [n, D] in the form that the head takes."""
    with torch.inference_mode():
        rows: Matrix = head.transform(torch.from_numpy(vectors)).numpy()
    return rows
