"""A fitted `efl`: one statement for each label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from fsl_nlp.decision.calibration import Calibration
from fsl_nlp.errors import OptionError
from fsl_nlp.inputs.candidates import split_at_blank
from fsl_nlp.inputs.kinds import Inputs
from fsl_nlp.methods.base import Classifier, Tensors
from fsl_nlp.methods.prompted.efl_net import load_net
from fsl_nlp.methods.prompted.prompt import PromptSpec, example_of
from fsl_nlp.methods.prompted.settings import EflSettings
from fsl_nlp.prompts.rendering import field_value
from fsl_nlp.prompts.template import FieldPart, MaskPart, Template, Words
from fsl_nlp.training.adaptation import Adaptation, trained_tensors
from fsl_nlp.training.copies import to_array
from fsl_nlp.training.tuned_encoder import TunedEncoder
from fsl_nlp.types import Example, Label

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder


@dataclass(frozen=True)
class EflClassifier(Classifier):
    """The log-probability that a text entails each label's statement."""

    labels: tuple[Label, ...]
    encoder: TextEncoder
    spec: PromptSpec
    net: nn.Module
    adaptation: Adaptation | None
    tuned: tuple[str, ...]
    settings: EflSettings
    calibration: Calibration | None = None  # where the temperature comes from

    @property
    def inputs(self) -> Inputs:
        """The kinds of examples that its statements take."""
        return self.spec.inputs

    def example_of(self, text: str) -> Example:
        """An example that says `text`, with the other fields of its inputs."""
        return example_of(text, self.spec)

    def statements(self, example: Example) -> list[Example]:
        """The text of the example, paired with the statement of each label."""
        blank, words = self.spec.blank, self.spec.words
        if words is None:
            if blank is None:
                raise OptionError("blank: name the mark in the texts where a candidate belongs.")
            before, after = split_at_blank(example.text, blank, "A statement")
            return [
                Example(before + candidate + after, text_b=candidate)
                for candidate in example.candidates
            ]
        template = Template(self.spec.template, statement=True)
        return [Example(example.text, text_b=_fill(template, example, w[0])) for w in words]

    @property
    def temperature(self) -> float:
        """What divides the scores; 1 before calibration."""
        return self.settings.temperature or 1.0

    def calibrated(self, calibration: Calibration) -> EflClassifier:
        """The classifier with a temperature."""
        settings = replace(self.settings, temperature=calibration.temperature)
        return replace(self, settings=settings, calibration=calibration)

    def scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """[n, N]: log-probabilities of entailment, divided by the temperature."""
        if not examples:
            return np.zeros((0, len(self.labels)), np.float32)
        pairs = [pair for example in examples for pair in self.statements(example)]
        reader = TunedEncoder(self.encoder, self.net)
        tokens = reader.tokens(pairs)
        logits = self.encoder.run(
            tokens.ids, lambda _, rows: self.net(reader.features(tokens, rows)).float()[:, None]
        )
        scores = F.logsigmoid(torch.from_numpy(logits.reshape(len(examples), -1)))
        result: NDArray[np.float32] = (scores / self.temperature).numpy()
        return result

    def truncates(self, examples: Sequence[Example]) -> list[bool]:
        """Whether a text with a statement is too long to be read whole."""
        pairs = [pair for example in examples for pair in self.statements(example)]
        cut = TunedEncoder(self.encoder, self.net).truncates(pairs)
        return [any(row) for row in np.reshape(cut, (len(examples), -1))] if examples else []

    def embed(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """[n, D]: the encoder's vectors of the first texts."""
        return self.encoder.encode([example.text for example in examples])

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        """The trained parameters; the statements."""
        tuned = trained_tensors(self.net, load_net(self.encoder, 0), self.tuned)
        settings: dict[str, Any] = {
            **self.spec.to_settings(),
            "temperature": self.temperature,
        }
        if self.calibration:
            settings["calibration"] = self.calibration.to_dict()
        if self.adaptation:
            settings["adaptation"] = asdict(self.adaptation)
        return {name: to_array(tensor) for name, tensor in tuned.items()}, settings


def _fill(template: Template, example: Example, word: str) -> str:
    """The statement of an example, with a word in place of the mask."""
    parts = []
    for part in template.parts:
        if isinstance(part, Words):
            parts.append(part.text)
        elif isinstance(part, FieldPart):
            parts.append(field_value(example, part.name))
        elif isinstance(part, MaskPart):
            parts.append(word)
    return "".join(parts)
