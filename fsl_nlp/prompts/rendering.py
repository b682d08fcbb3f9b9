"""Examples to token ids, as a template says; nothing that it wants to keep is ever cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.inputs.candidates import split_at_blank
from fsl_nlp.prompts.pieces import Pieces
from fsl_nlp.prompts.template import (
    FieldPart,
    MaskPart,
    SoftPart,
    Template,
    Words,
)
from fsl_nlp.types import Example, Span

_LEAST = 4  # tokens that must be left for the fields that may be shortened


@dataclass(frozen=True)
class Segment:
    """Tokens side by side. `ids` None is the mask; `cut` says what shortening takes away."""

    ids: list[int] | None
    cut: str = "keep"


@dataclass(frozen=True)
class Rendered:
    """An input and where its masks are."""

    ids: list[int]
    masks: list[int]


@dataclass(frozen=True)
class Renderer:
    """A template for one model. Soft tokens are ids from `vocabulary` on."""

    template: Template
    pieces: Pieces
    longest: int  # tokens the model reads at most
    vocabulary: int

    def __post_init__(self) -> None:
        least = sum(len(self._words[i]) for i in self._words)
        least += sum(map(len, self.pieces.around)) + len(self.template.soft)
        least += (self.template.mask.count or 1) + _LEAST
        if least > self.longest:
            raise OptionError(
                f"template: its own words take {least} tokens, and the model reads "
                f"{self.longest}.\n  {self.template.source}\nShorten it."
            )

    @cached_property
    def _spaced(self) -> list[bool]:
        """Whether a part follows a space: its own, or that at the end of the words before."""
        spaced, after = [], False
        for part in self.template.parts:
            words = part.text if isinstance(part, Words) else ""
            spaced.append(after or words[:1].isspace())
            after = words[-1:].isspace()
        return spaced

    @cached_property
    def _words(self) -> dict[int, list[int]]:
        """The ids of the parts that are the same for every example."""
        parts = enumerate(self.template.parts)
        texts = {i: part.text.strip() for i, part in parts if isinstance(part, Words)}
        return {i: self._tokens(i, [text])[0] if text else [] for i, text in texts.items()}

    def _tokens(self, place: int, texts: Sequence[str]) -> list[list[int]]:
        """Texts as they read at the place of a part."""
        if self._spaced[place]:
            return self.pieces.spaced(texts)
        return self.pieces.begin(texts) if place == 0 else self.pieces.glued(texts)

    def label_words(self, words: Sequence[str]) -> list[list[int]]:
        """The pieces of words as they read in the place of the mask."""
        for place, part in enumerate(self.template.parts):
            if isinstance(part, MaskPart):
                return self._tokens(place, words)
        return self.pieces.glued(words)  # in a blank

    def read(self, examples: Sequence[Example]) -> list[list[Segment]]:
        """The segments of each example."""
        rows: list[list[Segment]] = [[] for _ in examples]
        soft = self.vocabulary
        for place, part in enumerate(self.template.parts):
            if isinstance(part, FieldPart):
                for row, found in zip(rows, self._field(place, part, examples), strict=True):
                    row += found
                continue
            if isinstance(part, MaskPart):
                segment = Segment(None)
            elif isinstance(part, SoftPart):
                segment, soft = Segment([soft]), soft + 1
            else:
                segment = Segment(self._words[place])
            for row in rows:
                row.append(segment)
        return rows

    def _field(
        self, place: int, part: FieldPart, examples: Sequence[Example]
    ) -> list[list[Segment]]:
        blank = self.template.blank
        texts = [value_of(example, part.name).strip() for example in examples]
        if blank is None or part.name != "text":
            return [[Segment(ids, part.cut)] for ids in self._tokens(place, texts)]
        before, after = [], []
        for text in texts:
            first, second = split_at_blank(text, blank, "The mask")
            before.append(first.strip())
            after.append(second.strip())
        # What is next to the blank says most of it.
        return [
            [Segment(a, "start"), Segment(None), Segment(b, "end")]
            for a, b in zip(self._tokens(place, before), self.pieces.glued(after), strict=True)
        ]

    def render(self, segments: Sequence[Segment], masks: Sequence[int]) -> Rendered:
        """An input with these ids in the place of the mask, shortened to what the model reads."""
        start, end = self.pieces.around
        fixed = len(start) + len(end) + len(masks)
        fixed += sum(len(s.ids) for s in segments if s.ids is not None and s.cut == "keep")
        open_ = [s.ids for s in segments if s.ids is not None and s.cut != "keep"]
        room = self.longest - fixed
        if room < 0:
            raise DataError(
                f"What the template keeps whole takes {fixed} tokens, and the model reads "
                f"{self.longest}. Let a field be shortened: {{text}} instead of {{text:keep}}."
            )
        most = _share(list(map(len, open_)), room)
        ids, places = list(start), []
        for segment in segments:
            if segment.ids is None:
                places = list(range(len(ids), len(ids) + len(masks)))
                ids += masks
            elif segment.cut == "end":
                ids += segment.ids[:most]
            elif segment.cut == "start":
                ids += segment.ids[max(0, len(segment.ids) - most) :]
            else:
                ids += segment.ids
        return Rendered(ids + end, places)


def value_of(example: Example, name: str) -> str:
    """What an example has in a field."""
    if name == "text":
        return example.text
    found: str | Span | None = getattr(example, name)
    if found is None:
        what = "second text (text_b)" if name == "text_b" else f"marked {name}"
        raise DataError(
            f"The template uses {{{name}}}, and this example has no {what}: {example.text[:60]!r}."
        )
    return found if isinstance(found, str) else example.text[slice(*found)]


def _share(lengths: Sequence[int], room: int) -> int:
    """How many tokens each may have at most, so that all fit; the longest give way first.

    >>> _share([3, 10, 20], 17)
    7
    """
    if sum(lengths) <= room:
        return max(lengths, default=0)
    left = room
    for done, length in enumerate(sorted(lengths)):
        share = left // (len(lengths) - done)
        if length > share:
            return share
        left -= length
    return left
