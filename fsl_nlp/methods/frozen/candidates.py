"""Examples with candidates, such as seven idioms for a blank: which one fits?

A label is the position of the right candidate, so a label has no meaning that could be learned.
Each candidate is a prototype, and the support set teaches the temperature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fsl_nlp.decision.calibration import Calibration, calibrate
from fsl_nlp.encoders.length import too_long_for
from fsl_nlp.inputs.candidates import closeness, without_blank
from fsl_nlp.inputs.kinds import CANDIDATES, Inputs
from fsl_nlp.inputs.support import check_candidates
from fsl_nlp.methods.base import Classifier, Part, Tensors
from fsl_nlp.types import Dataset, Example, Label
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

_TEMPERATURE = 1.0  # where the search for one starts; closeness is in standard deviations


@dataclass(frozen=True)
class CandidateClassifier(Classifier):
    """Chooses the candidate nearest to the text, by the mean of the values of `closeness`."""

    labels: tuple[Label, ...]
    encoder: TextEncoder
    blank: str | None
    spread: Matrix  # [F]: what each kind of closeness is divided by
    temperature: float
    calibration: Calibration | None = None  # where the temperature comes from

    @property
    def inputs(self) -> Inputs:
        """Texts with one candidate for each label."""
        return Inputs((CANDIDATES,), candidates=len(self.labels), blank=self.blank)

    @classmethod
    def learn(
        cls, encoder: TextEncoder, support: Dataset, blank: str | None, temperature: float | None
    ) -> CandidateClassifier:
        """Learn from the support how far candidates differ, and the temperature."""
        count = check_candidates(support)
        near = closeness(encoder.encode, support.examples, blank)
        spread = np.maximum(near.std((0, 1)), 1e-6)
        if temperature is not None:
            calibration = Calibration(temperature, 0, "option")
        else:
            targets = np.array([int(label) for label in support.known_targets], np.int64)
            scores = (near / spread).mean(-1)
            # No candidate was learned, so the support itself is held out.
            calibration = calibrate(scores, targets, start=_TEMPERATURE)
        labels = tuple(range(count))
        return cls(labels, encoder, blank, spread, calibration.temperature, calibration)

    def scores(self, examples: Sequence[Example]) -> Matrix:
        """[n, K]: the closeness of each candidate to its text."""
        if not examples:
            return np.zeros((0, len(self.labels)), np.float32)
        scaled = closeness(self.encoder.encode, examples, self.blank) / self.spread
        result: Matrix = scaled.mean(-1) / np.float32(self.temperature)
        return result

    def truncates(self, examples: Sequence[Example]) -> list[bool]:
        """Whether a text is too long to be read whole."""
        return too_long_for(self.encoder, [without_blank(e.text, self.blank) for e in examples])

    def embed(self, examples: Sequence[Example]) -> Matrix:
        """[n, D]: the vectors of the texts without their blank."""
        return self.encoder.encode([without_blank(e.text, self.blank) for e in examples])

    def runtime_parts(self) -> tuple[Part, ...]:
        """One part without a scorer: closeness is computed from the encoder's vectors."""
        settings = {"blank": self.blank, "temperature": self.temperature}
        source = self.encoder.text_graph
        return (Part("candidates", source, tensors={"spread": self.spread}, settings=settings),)

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        """The spread, the temperature and the number of candidates."""
        settings: dict[str, Any] = {
            "candidates": len(self.labels),
            "temperature": self.temperature,
        }
        if self.calibration:
            settings["calibration"] = self.calibration.to_dict()
        return {"spread": self.spread}, settings

    @classmethod
    def restore(
        cls, encoder: TextEncoder, blank: str | None, tensors: Tensors, settings: Mapping[str, Any]
    ) -> CandidateClassifier:
        """The classifier that `state` described."""
        labels = tuple(range(settings["candidates"]))
        calibration = Calibration.from_dict(settings.get("calibration"))
        return cls(labels, encoder, blank, tensors["spread"], settings["temperature"], calibration)
