"""What to expect of a decision, from examples that were held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fsl_nlp.intervals import Share

_FEW = 50  # held-out questions


@dataclass(frozen=True)
class Expectation:
    """How the thresholds did on held-out examples of the support.

    `answered` is the share of in-scope questions that got an answer, `accuracy` the share of those
    answers that were right, and `caught` the share of pseudo-outsiders that got none: texts of
    labels that were held out whole. They are closer to the other labels than most real outsiders
    are. `accuracy_of_all` counts the questions without an answer,
    too, by their best label.
    """

    answered: Share
    accuracy: Share
    accuracy_of_all: Share
    caught: Share | None

    def to_dict(self) -> dict[str, Any]:
        """Plain types only."""
        return asdict(self)

    @classmethod
    def of_dict(cls, entry: Mapping[str, Any]) -> Expectation:
        """The expectation that `to_dict` gave."""
        shares: dict[str, Any] = {n: share and Share(**share) for n, share in entry.items()}
        return cls(**shares)

    def __str__(self) -> str:
        lines = [
            f"answers {self.answered} of in-scope questions",
            f"right in {self.accuracy} of its answers",
        ]
        if self.caught:
            lines.append(f"turns away {self.caught} of the texts of labels that it has not seen")
        if self.answered.count < _FEW:
            lines.append(f"was asked only {self.answered.count} texts, so this is rough")
        return "\n".join(lines)
