"""A fitted tuned encoder: the parameters that trained, and the heads on its vectors."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from fsl_nlp.decision.calibration import Calibration
from fsl_nlp.decision.outputs import Outputs
from fsl_nlp.heads.base import State
from fsl_nlp.inputs.kinds import Inputs
from fsl_nlp.methods.base import Classifier, Part, Tensors
from fsl_nlp.seeding import seeded
from fsl_nlp.training.adaptation import Adaptation, merge_adapters, trained_tensors
from fsl_nlp.training.copies import put_tensors, to_array
from fsl_nlp.training.tuned_encoder import TunedEncoder
from fsl_nlp.types import Example, Label
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from fsl_nlp.encoders.graphs import GraphSource

# The names of the head's tensors.
COSINE = "head.cosine"  # [N, D]
CENTRE = "head.centre"  # [D]
LINEAR = ("head.linear.weight", "head.linear.bias")  # [N, D], [N]
HEAD = (COSINE, CENTRE, *LINEAR)

# Divides the scores of the logistic regression.
LINEAR_TEMPERATURE = 0.5


@dataclass(frozen=True)
class TunedClassifier(Classifier):
    """The mean probability of a cosine head and a logistic regression, or of the one it has."""

    labels: tuple[Label, ...]
    reader: TunedEncoder
    adaptation: Adaptation | None
    tuned: tuple[str, ...]  # the names of the parameters that trained
    head: State
    loss_temperature: float  # divides the cosines
    temperature: float  # divides the log-probabilities
    accepted: Inputs
    calibration: Calibration | None = None  # where the temperature comes from

    @property
    def inputs(self) -> Inputs:
        """Single texts or pairs, as in the support set."""
        return self.accepted

    def embed(self, examples: Sequence[Example]) -> Matrix:
        """[n, D]: the tuned vectors."""
        return self.rows(examples)

    def scores(self, examples: Sequence[Example]) -> Matrix:
        """[n, N]."""
        return self.row_scores(self.rows(examples))

    def outputs(self, examples: Sequence[Example]) -> Outputs:
        """The scores and the vectors, of one reading."""
        rows = self.rows(examples)
        return Outputs(self.row_scores(rows), rows)

    def truncates(self, examples: Sequence[Example]) -> list[bool]:
        """Whether each example is too long to be read whole."""
        return self.reader.truncates(examples)

    def rows(self, examples: Sequence[Example]) -> Matrix:
        """[n, D]: the tuned vectors."""
        return self.reader.vectors(examples)

    def refitted(self, state: State, calibration: Calibration) -> TunedClassifier:
        """The classifier with a logistic regression as its only head, and another temperature."""
        centre = {name: self.head[name] for name in (CENTRE,) if name in self.head}
        head = centre | linear_tensors(state)
        temperature = calibration.temperature / LINEAR_TEMPERATURE
        calibration = replace(calibration, temperature=temperature)
        return replace(self, head=head, temperature=temperature, calibration=calibration)

    def row_scores(self, rows: Matrix) -> Matrix:
        """[n, N], of tuned vectors [n, D]."""
        result: Matrix = self._score(torch.from_numpy(rows)).numpy()
        return result

    def _score(self, vectors: Tensor) -> Tensor:
        head = self.head
        parts = []
        if COSINE in head:
            parts.append((vectors @ head[COSINE].mT / self.loss_temperature).log_softmax(-1))
        if LINEAR[0] in head:
            weight, bias = (head[name] for name in LINEAR)
            parts.append(((vectors @ weight.mT + bias) / LINEAR_TEMPERATURE).log_softmax(-1))
        scores = torch.stack(parts).logsumexp(0) - math.log(len(parts))
        return scores / self.temperature

    def runtime_parts(self) -> tuple[Part, ...]:
        """One part: the tuned encoder's graph and the heads."""

        def score(rows: Tensor) -> tuple[Tensor, Tensor]:
            vectors = self.reader.centred(rows)
            return self._score(vectors), vectors

        encoder = self.reader.encoder
        source = self.tuned_graph() if self.adaptation else encoder.text_graph
        return (Part("pair", source, encoder.dimensions, score),)

    def read_by_graph(self) -> TunedClassifier:
        """The classifier that reads through the graph of its encoder, where it has one."""
        if self.adaptation is None:
            return self
        return replace(self, reader=replace(self.reader, graph=self.tuned_graph()))

    def tuned_graph(self) -> GraphSource:
        """The graph of the tuned encoder, adapters merged into its weights."""
        reader, adaptation = self.reader, self.adaptation
        assert adaptation
        trained = trained_tensors(reader.module, reader.encoder.module, self.tuned)
        digest = hashlib.sha256(reader.encoder.fingerprint.encode())
        for name, tensor in sorted(trained.items()):
            digest.update(f"{name}{tuple(tensor.shape)}".encode())
            digest.update(np.ascontiguousarray(to_array(tensor)).tobytes())

        def tuned(module: nn.Module) -> nn.Module:
            with seeded(0):
                adapted, _ = adaptation.apply(module, reader.encoder.name)
            put_tensors(adapted, trained)
            return merge_adapters(adapted)

        return reader.tuned_graph(digest.hexdigest(), tuned)

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        """The trained parameters and the heads; temperatures, inputs, adaptation."""
        tuned = trained_tensors(self.reader.module, self.reader.encoder.module, self.tuned)
        arrays = {name: to_array(tensor) for name, tensor in tuned.items()}
        head = {name: tensor.numpy() for name, tensor in self.head.items()}
        settings: dict[str, Any] = {
            "loss_temperature": self.loss_temperature,
            "temperature": self.temperature,
            "inputs": self.accepted.to_dict(),
        }
        if self.calibration:
            settings["calibration"] = self.calibration.to_dict()
        if self.adaptation:
            settings["adaptation"] = asdict(self.adaptation)
        return {**head, **arrays}, settings


def linear_tensors(state: State) -> State:
    """The state of a fitted `LinearHead` under the names of the head's tensors."""
    return dict(zip(LINEAR, (state["weight"][0], state["bias"][0]), strict=True))
