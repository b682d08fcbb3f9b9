"""What differs between two versions: their examples, and what they answer to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from fsl_nlp.editing.edits import Moved, described, moved_between
from fsl_nlp.editing.support import key_of
from fsl_nlp.editing.versions import Version
from fsl_nlp.output import one_line
from fsl_nlp.types import Example, Label

_SHOWN = 10  # texts of each kind in words


@dataclass(frozen=True)
class StoredText:
    """A stored text with its label."""

    text: str
    label: Label


@dataclass(frozen=True)
class Relabelled:
    """A stored text whose label was changed."""

    text: str
    before: Label
    after: Label


@dataclass(frozen=True)
class Difference:
    """From one version, `before`, to another, `after`; both are a `model_version`.

    `moved` are stored texts that get another label, other than by a new name for it.

    >>> print(Difference("v0", "v1", (StoredText("hi", "greet"),), (), (), ()))
    from v0 to v1
    1 text added
      greet: hi
    0 texts removed
    0 texts with another label
    0 texts answered otherwise
    """

    before: str
    after: str
    added: tuple[StoredText, ...]
    removed: tuple[StoredText, ...]
    relabelled: tuple[Relabelled, ...]
    moved: tuple[Moved, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for `json.dumps`."""
        return asdict(self)

    def __str__(self) -> str:
        renamed = Counter((item.before, item.after) for item in self.relabelled)
        lines = [f"from {self.before} to {self.after}"]
        lines += _section("added", [_stored(item) for item in self.added])
        lines += _section("removed", [_stored(item) for item in self.removed])
        lines += _section(
            "with another label",
            [f"{one_line(a)} -> {one_line(b)}: {count}" for (a, b), count in renamed.items()],
            len(self.relabelled),
        )
        lines += _section("answered otherwise", [described(item) for item in self.moved])
        return "\n".join(lines)


def difference(before: Version, after: Version) -> Difference:
    """What differs from one version to another."""
    old = {key_of(example): example for example in before.examples}
    new = {key_of(example): example for example in after.examples}
    both = [(old[key], example) for key, example in new.items() if key in old]
    changed = [(a, b) for a, b in both if a.label != b.label]
    return Difference(
        before=before.name,
        after=after.name,
        added=_texts(example for key, example in new.items() if key not in old),
        removed=_texts(example for key, example in old.items() if key not in new),
        relabelled=tuple(Relabelled(b.text, _label(a), _label(b)) for a, b in changed),
        moved=tuple(moved_between(before, after, {(a.label, b.label) for a, b in changed})),
    )


def _texts(examples: Iterable[Example]) -> tuple[StoredText, ...]:
    return tuple(StoredText(example.text, _label(example)) for example in examples)


def _label(example: Example) -> Label:
    assert example.label is not None
    return example.label


def _stored(item: StoredText) -> str:
    return f"{one_line(item.label)}: {one_line(item.text)}"


def _section(title: str, lines: list[str], count: int | None = None) -> list[str]:
    count = len(lines) if count is None else count
    more = len(lines) - _SHOWN
    return [
        f"{count} {'text' if count == 1 else 'texts'} {title}",
        *(f"  {line}" for line in lines[:_SHOWN]),
        *([f"  and {more} more"] if more > 0 else []),
    ]
