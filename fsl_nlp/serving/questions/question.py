"""A question with its answer, and what a user says of the answer."""

from __future__ import annotations

import os
from dataclasses import KW_ONLY, asdict, dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from fsl_nlp.types import Label

if TYPE_CHECKING:
    from fsl_nlp.types import Prediction


_ALTERNATIVES = 5  # that are kept; an endpoint may give all labels


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(timezone.utc)


def new_id() -> str:
    """A name for a question, which no other has: 32 hexadecimal digits.

    >>> len(new_id()), new_id() == new_id()
    (32, False)
    """
    return os.urandom(16).hex()


@dataclass(frozen=True)
class Question:
    """What was asked, and what was answered. `label` is None if there was no answer.

    `text_b` is the second text of a pair. `alternatives` are a few labels with their confidence,
    the likeliest first. `request` is the id of the HTTP request.

    >>> question = Question("where is it", "shop", label="track", confidence=0.9)
    >>> question.to_dict()["label"]
    'track'
    """

    text: str
    bot: str
    _: KW_ONLY
    text_b: str | None = None
    model_version: str = ""
    label: Label | None = None
    reason: str = "ok"
    confidence: float = 0.0
    in_scope: float | None = None
    alternatives: tuple[tuple[Label, float], ...] = ()
    request: str = ""
    id: str = field(default_factory=new_id)
    time: datetime = field(default_factory=now)

    @classmethod
    def of(
        cls,
        text: str,
        prediction: Prediction,
        *,
        bot: str,
        text_b: str | None = None,
        request: str = "",
    ) -> Question:
        """The question that a prediction answers.

        >>> from fsl_nlp.types import Prediction
        >>> Question.of("where is it", Prediction("track", 0.9, 0.8, "ok"), bot="shop").label
        'track'
        """
        return cls(
            text=text,
            bot=bot,
            text_b=text_b,
            model_version=prediction.model_version,
            label=prediction.label,
            reason=prediction.reason,
            confidence=float(prediction.confidence),
            in_scope=None if prediction.in_scope is None else float(prediction.in_scope),
            alternatives=tuple(
                (other.label, float(other.confidence))
                for other in prediction.alternatives[:_ALTERNATIVES]
            ),
            request=request,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for `json.dumps`; alternatives as in a prediction."""
        return asdict(self) | {
            "time": self.time.isoformat(timespec="milliseconds"),
            "alternatives": [
                {"label": label, "confidence": confidence}
                for label, confidence in self.alternatives
            ],
        }


@dataclass(frozen=True)
class Feedback:
    """The right label of a question; None says that no label of the bot is right.

    >>> Feedback("c0ffee", "return").label
    'return'
    """

    question: str
    label: Label | None
    comment: str = ""
    time: datetime = field(default_factory=now)


@dataclass(frozen=True)
class Entry:
    """A question of the log, with the feedback on it if there is any.

    >>> entry = Entry(Question("where is it", "shop", label="track"), Feedback("c0ffee", "return"))
    >>> entry.to_dict()["feedback"]["label"]
    'return'
    """

    question: Question
    feedback: Feedback | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain types only; "feedback" is null if there is none."""
        feedback = self.feedback and {
            "label": self.feedback.label,
            "comment": self.feedback.comment,
            "time": self.feedback.time.isoformat(timespec="milliseconds"),
        }
        return self.question.to_dict() | {"feedback": feedback}
