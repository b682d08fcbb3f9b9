"""`Template`: a cloze in a small language.

{text}          a field of the example: text, text_b, head or tail (the marked words)
{text:start}    too long a field loses its start; {text:end}, what fields do anyway, its end
{text_b:keep}   a field that is never shortened; head and tail never are
[MASK]          the label's word: as many masks as it has pieces
[MASK*2]        two masks, and only words of two pieces
[SOFT]          a trained token; [SOFT*3] three; [SOFT:word] begins as the word
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
    """A part that is the same for every example."""

    text: str


@dataclass(frozen=True)
class FieldPart:
    name: str
    cut: Cut


@dataclass(frozen=True)
class MaskPart:
    """`count` None: as many masks as the word has pieces."""

    count: int | None = None


@dataclass(frozen=True)
class SoftPart:
    """`word` None: begins at random; else as the mean of the word's pieces."""

    word: str | None = None


Part = Words | FieldPart | MaskPart | SoftPart

_BRACKET = re.compile(r"\[(?P<kind>MASK|SOFT)(?:\*(?P<count>\d+)|:(?P<word>[^\]]*))?\]")
_LOOKS_LIKE = re.compile(r"\[(MASK|SOFT)")


def check_blank(blank: str | None, what: str) -> None:
    """Refuse an empty one; `what` is that for which it stands."""
    if blank == "":
        raise OptionError(f"blank='': give the text that stands for {what}, or leave it out.")


@dataclass(frozen=True)
class Template:
    """A parsed template; `blank` is what stands in a field's own text where the mask belongs.

    A `statement`, which is read after the text, needs no field.

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
        """The template's mask; that of a blank is set by the word."""
        return next((part for part in self.parts if isinstance(part, MaskPart)), MaskPart())

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(part.name for part in self.parts if isinstance(part, FieldPart))

    @property
    def soft(self) -> tuple[SoftPart, ...]:
        return tuple(part for part in self.parts if isinstance(part, SoftPart))

    def _parse(self) -> list[Part]:
        parts: list[Part] = []
        text, words, at = self.source, "", 0
        while at < len(text):
            if text[at : at + 2] in ("{{", "}}"):
                words += text[at]
                at += 2
                continue
            found, end = self._special(at)
            if end == at:
                words += text[at]
                at += 1
                continue
            if words:
                parts.append(Words(words))
                words = ""
            parts += found
            at = end
        return [*parts, Words(words)] if words else parts

    def _special(self, at: int) -> tuple[list[Part], int]:
        """The parts that begin at a place, and where they end; there, if none does."""
        character = self.source[at]
        if character == "{":
            return self._field(at)
        if character == "}":
            raise self._error(at, "this } closes nothing. A brace itself is written }}.")
        if not _LOOKS_LIKE.match(self.source, at):
            return [], at
        match = _BRACKET.match(self.source, at)
        if match is None:
            raise self._error(at, "write [MASK], [MASK*2], [SOFT], [SOFT*3] or [SOFT:word].")
        count = int(match["count"]) if match["count"] else 1
        if count == 0 or (match["word"] is not None and not match["word"].strip()):
            raise self._error(at, "there must be at least one token.")
        if match["kind"] == "SOFT":
            return [SoftPart(match["word"])] * count, match.end()
        if match["word"] is not None:
            raise self._error(at, "a mask begins as nothing: write [MASK], or [SOFT:word].")
        if any(isinstance(part, MaskPart) for part in self._before(at)):
            raise self._error(
                at, "there is a mask already. One [MASK] stands for a word of any length."
            )
        return [MaskPart(count if match["count"] else None)], match.end()

    def _before(self, at: int) -> list[Part]:
        return [MaskPart()] if "[MASK" in self.source[:at] else []

    def _field(self, at: int) -> tuple[list[Part], int]:
        end = self.source.find("}", at)
        if end < 0:
            raise self._error(at, "this { is not closed. A brace itself is written {{.")
        name, _, cut = self.source[at + 1 : end].partition(":")
        if name not in FIELDS:
            raise self._error(
                at + 1, f"there is no field {name!r}. The fields are {', '.join(FIELDS)}."
            )
        kept = "keep" if name in ("head", "tail") else "end"
        if cut and cut not in CUTS:
            raise self._error(
                at + len(name) + 2, f"{cut!r} says not how to shorten: {', '.join(CUTS)}."
            )
        chosen: Cut = cut or kept  # type: ignore[assignment]
        return [FieldPart(name, chosen)], end + 1

    def _check(self) -> None:
        masked = any(isinstance(part, MaskPart) for part in self.parts)
        if not masked and self.blank is None:
            raise self._error(
                len(self.source), "there is no mask. Put [MASK] where the label's word belongs."
            )
        if masked and self.blank is not None:
            raise self._error(
                self.source.index("[MASK"),
                f"the mask stands where the text says {self.blank}; leave [MASK] out.",
            )
        if not self.fields and not self.statement:
            raise self._error(len(self.source), "there is no field. Put {text} somewhere.")
        if self.blank is not None and self.fields.count("text") != 1:
            raise self._error(0, f"{{text}}, which holds {self.blank}, must stand once.")

    def _error(self, at: int, what: str) -> OptionError:
        """The template with a caret under the place."""
        return OptionError(
            f"template: {what}\n  {self.source}\n  {' ' * _columns(self.source[:at])}^"
        )


def _columns(text: str) -> int:
    """On a terminal, where Chinese characters are two columns wide.

    >>> _columns("ab新闻")
    6
    """
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
