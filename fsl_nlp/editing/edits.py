"""What an edit did: which stored texts get another label, and what is expected now."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from fsl_nlp.editing.support import key_of
from fsl_nlp.output import one_line
from fsl_nlp.types import Label

if TYPE_CHECKING:
    from fsl_nlp.editing.versions import Version

_SHOWN = 10  # texts in words


@dataclass(frozen=True)
class Moved:
    """A stored text that gets another label than before.

    `label` is the one that it is stored with.

    >>> Moved("refund me", "refund", "refund", "return").after
    'return'
    """

    text: str
    label: Label
    before: Label
    after: Label


@dataclass(frozen=True)
class Expected:
    """What held-out examples show of a version; None where none could be held out.

    `accuracy` is the share of `count` held-out examples whose best label is right, `answered` the
    share that the thresholds let pass. An example passes if its familiarity is at least
    `familiarity`, and its certainty at least `certainty`; None if every one passes.

    >>> Expected(accuracy=0.9, count=180).answered is None
    True
    """

    accuracy: float | None = None
    count: int = 0
    answered: float | None = None
    familiarity: float | None = None
    certainty: float | None = None


@dataclass(frozen=True)
class Edit:
    """The result of an edit.

    `before` and `after` are numbers of versions, equal if nothing changed (`applied` is False).
    `moved` are stored texts that get another label than before, other than by a new name for it.

    >>> unknown = Expected()
    >>> Edit("undo", "undone", True, 2, 1, "v1", (), unknown, unknown).to_dict()["after"]
    1
    """

    action: str
    summary: str
    applied: bool
    before: int
    after: int
    model_version: str
    moved: tuple[Moved, ...]
    expected_before: Expected
    expected_after: Expected
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for `json.dumps`."""
        return asdict(self)

    @property
    def is_worse(self) -> bool:
        """Whether the expected accuracy falls by more than one standard error of the new one.

        >>> before, after = Expected(0.90, 100), Expected(0.85, 100)
        >>> Edit("add_examples", "", True, 1, 2, "", (), before, after).is_worse
        True
        """
        before, after = self.expected_before.accuracy, self.expected_after.accuracy
        if before is None or after is None:
            return False
        variance = after * (1 - after) / max(1, self.expected_after.count)
        return before - after > math.sqrt(variance)

    def refused(self) -> Edit:
        """The edit as one that was not made; its `model_version` is then of no version."""
        return replace(self, applied=False, after=self.before, model_version="")

    def __str__(self) -> str:
        if self.applied:
            head = f"{self.summary}: version {self.before} -> {self.after} ({self.model_version})"
        else:
            head = f"{self.summary}: refused, version {self.before} stays"
        lines = [head, *self._expectations()]
        if self.moved:
            count = len(self.moved)
            subject = "1 stored text gets" if count == 1 else f"{count} stored texts get"
            lines.append(f"{subject} another label:")
            lines += [f"  {described(moved)}" for moved in self.moved[:_SHOWN]]
            lines += [f"  and {count - _SHOWN} more"] if count > _SHOWN else []
        else:
            lines.append("every stored text keeps its label")
        return "\n".join([*lines, *([f"note: {self.note}"] if self.note else [])])

    def _expectations(self) -> list[str]:
        before, after = self.expected_before, self.expected_after
        pairs = {
            "expected accuracy": (before.accuracy, after.accuracy, "{:.1%}"),
            "questions answered": (before.answered, after.answered, "{:.1%}"),
            "least familiarity": (before.familiarity, after.familiarity, "{:.3f}"),
            "least certainty": (before.certainty, after.certainty, "{:.3f}"),
        }
        return [
            f"{name}: {_shown(old, form)} -> {_shown(new, form)}"
            for name, (old, new, form) in pairs.items()
            if (old, new) != (None, None)
        ]


def moved_between(
    before: Version, after: Version, renamed: Collection[tuple[Label | None, Label | None]]
) -> list[Moved]:
    """The stored texts of `after` whose best label is another one than `before` gives.

    `renamed` are pairs of labels, of which the second took the place of the first.
    """
    if not after.examples:
        return []
    old = _labels_by(before, after)
    pairs = zip(after.examples, old, after.stored_answers, strict=True)
    return [
        Moved(example.text, _label(example.label), label, new)
        for example, label, answer in pairs
        if (new := after.classifier.labels[answer]) != label and (label, new) not in renamed
    ]


def _labels_by(before: Version, after: Version) -> list[Label]:
    """What `before` answers to the stored examples of `after`."""
    labels = before.classifier.labels
    known = dict(zip(map(key_of, before.examples), before.stored_answers, strict=True))
    new = [example for example in after.examples if key_of(example) not in known]
    if new:
        scores = before.classifier.scores(new)
        known |= dict(zip(map(key_of, new), scores.argmax(1), strict=True))
    return [labels[known[key_of(example)]] for example in after.examples]


def _label(label: Label | None) -> Label:
    assert label is not None
    return label


def described(moved: Moved) -> str:
    """The text with its labels, in one line."""
    mark = "" if moved.after == moved.label else f" (stored as {one_line(moved.label)})"
    return f"{one_line(moved.before)} -> {one_line(moved.after)}{mark}: {one_line(moved.text)}"


def _shown(value: float | None, form: str) -> str:
    return "unknown" if value is None else form.format(value)
