"""A fitted prompt on a masked language model, tuned or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from fsl_nlp.decision.calibration import Calibration
from fsl_nlp.decision.outputs import Outputs
from fsl_nlp.inputs.kinds import Inputs
from fsl_nlp.methods.base import Classifier, Tensors
from fsl_nlp.methods.prompted.prompt import (
    PROTOTYPE_TEMPERATURE,
    Prompt,
    PromptSpec,
    example_of,
)
from fsl_nlp.methods.prompted.settings import PromptSettings
from fsl_nlp.prompts.masked_model import load_masked_net
from fsl_nlp.training.adaptation import (
    Adaptation,
    trained_tensors,
)
from fsl_nlp.training.copies import to_array
from fsl_nlp.types import Example, Label

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

# The names of saved tensors that do not belong to the model.
VECTORS = "label.vectors"  # [N, D]
PRIOR = "label.prior"  # [N]


@dataclass(frozen=True)
class PromptClassifier(Classifier):
    """Scores each label by its words, or by a vector, at the mask of a template."""

    labels: tuple[Label, ...]
    encoder: TextEncoder
    spec: PromptSpec
    prompt: Prompt
    adaptation: Adaptation | None
    tuned: tuple[str, ...]  # the names of the parameters that trained
    settings: PromptSettings
    vectors: Tensor | None = None  # [N, D]: soft words or prototypes
    prior: Tensor | None = None  # [N]: subtracted from the scores
    calibration: Calibration | None = None  # where the temperature comes from

    @property
    def inputs(self) -> Inputs:
        """The kinds of examples that its prompt takes."""
        return self.spec.inputs

    def example_of(self, text: str) -> Example:
        """An example that says `text`, with the other fields of its inputs."""
        return example_of(text, self.spec)

    @property
    def temperature(self) -> float:
        """What divides the scores; 1 before calibration."""
        return self.settings.temperature or 1.0

    def calibrated(self, calibration: Calibration) -> PromptClassifier:
        """The classifier with a temperature."""
        settings = replace(self.settings, temperature=calibration.temperature)
        return replace(self, settings=settings, calibration=calibration)

    def outputs(self, examples: Sequence[Example]) -> Outputs:
        """The scores and the states at the mask; of one reading, where labels have vectors."""
        states = self.embed(examples)
        if self.vectors is None or not examples:
            return Outputs(self.scores(examples), states)
        return Outputs(self._finished(self._vector_scores(states)), states)

    def scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """[n, N], after calibration and temperature."""
        if not examples:
            return np.zeros((0, len(self.labels)), np.float32)
        return self._finished(self._scores(examples))

    def _finished(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = torch.from_numpy(raw)
        if self.prior is not None:
            scores = scores - self.prior
        result: NDArray[np.float32] = (scores / self.temperature).numpy()
        return result

    def truncates(self, examples: Sequence[Example]) -> list[bool]:
        """Whether a field of each example is shortened."""
        return self.prompt.cloze.renderer.truncates(examples)

    def _scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        if self.vectors is not None:
            return self._vector_scores(self.embed(examples))
        scores = self._run(examples)
        blank = self.spec.blank
        if self.spec.words is None and blank and self.settings.calibration == "contextual":
            # Each candidate has its own prior: its score without the text.
            scores = scores - self._run([replace(example, text=blank) for example in examples])
        return scores

    def _vector_scores(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        assert self.vectors is not None
        vectors = self.vectors.cpu()
        scores = vector_scores(torch.from_numpy(states), vectors, self.settings.verbalizer)
        result: NDArray[np.float32] = scores.numpy()
        return result

    def _run(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        questions = self.prompt.label_questions(examples)
        return self.encoder.run(
            questions.lengths, lambda _, rows: self.prompt.scores(questions, rows)
        )

    def embed(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """[n, D]: the states at the mask."""
        if not examples:
            return np.zeros((0, self.prompt.cloze.net.words.embedding_dim), np.float32)
        questions = self.prompt.mask_questions(examples)
        return self.encoder.run(
            questions.lengths, lambda _, rows: self.prompt.states(questions, rows)
        )

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        """The trained parameters, label vectors and prior; the prompt."""
        net = self.prompt.cloze.net
        tuned = trained_tensors(net, load_masked_net(self.encoder), self.tuned)
        tensors = {name: to_array(tensor) for name, tensor in tuned.items()}
        for name, tensor in ((VECTORS, self.vectors), (PRIOR, self.prior)):
            if tensor is not None:
                tensors[name] = to_array(tensor)
        settings: dict[str, Any] = {
            **self.spec.to_settings(),
            "temperature": self.temperature,
        }
        if self.calibration:
            settings["calibration"] = self.calibration.to_dict()
        if self.adaptation:
            settings["adaptation"] = asdict(self.adaptation)
        return tensors, settings


def vector_scores(states: Tensor, vectors: Tensor, verbalizer: str) -> Tensor:
    """[B, N]: the scores of states [B, D] with one vector per label, [N, D]."""
    if verbalizer == "soft":
        return states @ vectors.mT
    return F.normalize(states, dim=-1) @ vectors.mT / PROTOTYPE_TEMPERATURE
