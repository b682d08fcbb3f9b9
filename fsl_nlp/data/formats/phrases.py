"""Collects the texts of an export, with their labels and places, and gives a table of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from fsl_nlp.data.formats.files import FileTree
from fsl_nlp.data.records import Problem, Record, Table
from fsl_nlp.types import Label, LabelInfo

_NAMED = 5  # names in a note
# `[Berlin](city)`, `[Berlin](city:berlin)` and `[Berlin]{"entity": "city"}`. Bounded, so that a
# text of a million brackets is read in one pass.
_ENTITY = re.compile(
    r"\[([^\[\]]{1,1000})\](?:\([^():]{1,200}(?::[^()]{1,200})?\)|\{[^{}]{1,500}\})"
)


class Phrases:
    """The texts of one export. What is left out is counted, for a note."""

    def __init__(self, source: str, format_title: str) -> None:
        self.source = source
        self.format_title = format_title
        self.info: dict[Label, LabelInfo] = {}
        self._records: list[Record] = []
        self._problems: list[Problem] = []
        self._titles: list[str] = []
        self._left_out: Counter[str] = Counter()
        self._notes: list[str] = []
        self._entities = 0

    def add(self, text: Any, label: Any, line: int, file: str = "", **parts: Any) -> None:
        """One text of a line; `parts` are values such as its language."""
        values = {"text": text, "label": label, **parts}
        self._records.append(Record(self._position(line, file), values))

    def add_marked(self, text: Any, label: Any, line: int, file: str = "", **parts: Any) -> None:
        """One text whose entities are marked, as in `to [Berlin](city)`; their words stay."""
        if isinstance(text, str):
            plain = _ENTITY.sub(r"\1", text)
            self._entities += plain != text
            text = plain
        self.add(text, label, line, file, **parts)

    def refuse(self, reason: str, line: int, file: str = "") -> None:
        """A line that cannot be used."""
        self._problems.append(Problem((self._position(line, file),), reason))

    def describe(self, label: Any, description: Any) -> None:
        """What a label means, if the export says it."""
        if isinstance(label, str) and isinstance(description, str) and description.strip():
            self.info[label.strip()] = LabelInfo(description=description.strip())

    def leave_out(self, noun: str, count: int = 1) -> None:
        """Count what is not used: `noun` is one of it, such as "synonym"."""
        if count:
            self._left_out[noun] += count

    def leave_out_empty(self, labels: Iterable[str]) -> None:
        """Name the labels that have no texts."""
        if names := list(dict.fromkeys(labels)):
            self._notes.append(f"without texts, so left out: {_shown(names)}")

    def note(self, text: str) -> None:
        """A further part of the note, without a full stop."""
        self._notes.append(text)

    def table(self, *parts: str, tree: FileTree | None = None) -> Table:
        """The table; `parts` are the names of values that divide it."""
        notes = []
        if self._left_out:
            counts = (plural(count, noun) for noun, count in self._left_out.items())
            notes.append(f"left out {', '.join(counts)}")
        if self._entities:
            notes.append(f"of {plural(self._entities, 'text')} with marked entities the words stay")
        notes += self._notes
        if tree and tree.encodings:
            encodings = ", ".join(sorted(set(tree.encodings.values())))
            notes.append(f"{plural(len(tree.encodings), 'file')} not in UTF-8 read as {encodings}")
        note = f"{self.source}, read as {self.format_title}: {'; '.join(notes)}." if notes else ""
        return Table(
            self.source,
            ("text", "label"),
            tuple(self._records),
            tuple(self._problems),
            note=note,
            info=self.info,
            titles=tuple(self._titles),
            parts=parts,
        )

    def _position(self, line: int, file: str) -> int:
        """The line; of several files, the index of a title that names file and line."""
        if not file:
            return line
        self._titles.append(f"{file}:{line}" if line else file)
        return len(self._titles) - 1


def plural(count: int, noun: str) -> str:
    """A count and its noun.

    >>> plural(1, "regex"), plural(2, "regex"), plural(2, "text"), plural(3, "entity")
    ('1 regex', '2 regexes', '2 texts', '3 entities')
    """
    if count == 1:
        return f"1 {noun}"
    ending = "ies" if noun.endswith("y") else "es" if noun.endswith("x") else "s"
    return f"{count:,} {noun.removesuffix('y') if ending == 'ies' else noun}{ending}"


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
