"""`Template`: the text of a prompt, with fields and masks.

{text}          a field of the example: text, text_b, head or tail (the marked words)
{text:start}    a long field is cut at its start; at its end with {text:end}, the default
{text_b:keep}   a field that is not shortened; head and tail never are
[MASK]          the word of the label, with a mask for each of its pieces
[MASK*2]        two masks, for words of two pieces only
[SOFT]          a trained token; [SOFT*3] three of them; [SOFT:word] starts as the word
{{ }}           braces
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Literal

from fsl_nlp.errors import OptionError

FIELDS = ("text", "text_b", "head", "tail")
CUTS = ("end", "start", "keep")
Cut = Literal["end", "start", "keep"]


@dataclass(frozen=True)
class Words:
    """Fixed words."""

    text: str


@dataclass(frozen=True)
class FieldPart:
    """A field of the example; `cut` is the end that is cut off if it is too long."""

    name: str
    cut: Cut


@dataclass(frozen=True)
class MaskPart:
    """The masks. `count` None: as many as the word has pieces."""

    count: int | None = None


@dataclass(frozen=True)
class SoftPart:
    """A trained token. It starts as the mean of the pieces of `word`, or at random."""

    word: str | None = None


Part = Words | FieldPart | MaskPart | SoftPart

_BRACKET = re.compile(r"\[(?P<kind>MASK|SOFT)(?:\*(?P<count>\d+)|:(?P<word>[^\]]*))?\]")
_BRACKET_START = re.compile(r"\[(MASK|SOFT)")


def check_blank(blank: str | None, what: str) -> None:
    """Raise an error for an empty blank; `what` says what the blank stands for."""
    if blank == "":
        raise OptionError(
            f"blank='': must be the text that stands for {what}. Set it, or leave it out."
        )


@dataclass(frozen=True)
class Template:
    """A parsed template.

    `blank` is a text inside the field {text} that marks the position of the mask. A `statement`
    comes after the text, so it needs no field.

    >>> Template("{text} 这是一条[MASK]新闻。").parts[1:3]
    (Words(text=' 这是一条'), MaskPart(count=None))
    """

    source: str
    blank: str | None = None
    statement: bool = False
    parts: tuple[Part, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.source, str):
            raise OptionError(f"template={self.source!r}: must be a text.")
        check_blank(self.blank, "the mask")
        object.__setattr__(self, "parts", tuple(self._parse()))
        self._check()

    @property
    def mask(self) -> MaskPart:
        """The mask of the template. For a blank, the word sets the number of masks."""
        return next((part for part in self.parts if isinstance(part, MaskPart)), MaskPart())

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields, in order."""
        return tuple(part.name for part in self.parts if isinstance(part, FieldPart))

    @property
    def soft(self) -> tuple[SoftPart, ...]:
        """The soft tokens, in order."""
        return tuple(part for part in self.parts if isinstance(part, SoftPart))

    def _parse(self) -> list[Part]:
        parts: list[Part] = []
        text, words, position = self.source, "", 0
        while position < len(text):
            if text[position : position + 2] in ("{{", "}}"):
                words += text[position]
                position += 2
                continue
            special_parts, end = self._special(position)
            if end == position:
                words += text[position]
                position += 1
                continue
            if words:
                parts.append(Words(words))
                words = ""
            parts += special_parts
            position = end
        return [*parts, Words(words)] if words else parts

    def _special(self, position: int) -> tuple[list[Part], int]:
        """The parts that start at a position, and where they end; no parts for plain text."""
        character = self.source[position]
        if character == "{":
            return self._field(position)
        if character == "}":
            raise self._error(position, "this } has no {. Write }} for a brace.")
        if not _BRACKET_START.match(self.source, position):
            return [], position
        match = _BRACKET.match(self.source, position)
        if match is None:
            raise self._error(position, "write [MASK], [MASK*2], [SOFT], [SOFT*3] or [SOFT:word].")
        count = int(match["count"]) if match["count"] else 1
        if count == 0 or (match["word"] is not None and not match["word"].strip()):
            raise self._error(position, "there must be at least one token.")
        if match["kind"] == "SOFT":
            return [SoftPart(match["word"])] * count, match.end()
        if match["word"] is not None:
            raise self._error(position, "a mask takes no word. Write [MASK], or [SOFT:word].")
        if any(isinstance(part, MaskPart) for part in self._before(position)):
            raise self._error(
                position, "there is a mask already. One [MASK] stands for a word of any length."
            )
        return [MaskPart(count if match["count"] else None)], match.end()

    def _before(self, position: int) -> list[Part]:
        return [MaskPart()] if "[MASK" in self.source[:position] else []

    def _field(self, position: int) -> tuple[list[Part], int]:
        end = self.source.find("}", position)
        if end < 0:
            raise self._error(position, "this { has no }. Write {{ for a brace.")
        name, _, cut = self.source[position + 1 : end].partition(":")
        if name not in FIELDS:
            raise self._error(
                position + 1, f"there is no field {name!r}. The fields are {', '.join(FIELDS)}."
            )
        default_cut = "keep" if name in ("head", "tail") else "end"
        if cut and cut not in CUTS:
            raise self._error(
                position + len(name) + 2,
                f"{cut!r} is not a way to shorten: choose one of {', '.join(CUTS)}.",
            )
        chosen: Cut = cut or default_cut  # type: ignore[assignment]
        return [FieldPart(name, chosen)], end + 1

    def _check(self) -> None:
        masked = any(isinstance(part, MaskPart) for part in self.parts)
        if not masked and self.blank is None:
            raise self._error(
                len(self.source),
                "there is no mask. Write [MASK] where the word of the label belongs.",
            )
        if masked and self.blank is not None:
            raise self._error(
                self.source.index("[MASK"),
                f"the blank {self.blank} marks the mask. Leave [MASK] out.",
            )
        if not self.fields and not self.statement:
            raise self._error(
                len(self.source), "there is no field. Write {text} for the text of the example."
            )
        if self.blank is not None and self.fields.count("text") != 1:
            raise self._error(0, f"{{text}}, which has the blank {self.blank}, must occur once.")

    def _error(self, position: int, what: str) -> OptionError:
        """An error that shows the template with a caret under the position."""
        return OptionError(
            f"template: {what}\n  {self.source}\n  {' ' * _terminal_width(self.source[:position])}^"
        )


def _terminal_width(text: str) -> int:
    """The width of a text on a terminal, where Chinese characters take two columns.

    >>> _terminal_width("ab新闻")
    6
    """
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
