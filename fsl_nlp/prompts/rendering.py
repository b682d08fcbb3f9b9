"""Fill a template with examples, as token ids, and shorten long fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.inputs.candidates import split_at_blank
from fsl_nlp.inputs.length import too_long, visible_parts
from fsl_nlp.prompts.pieces import Pieces
from fsl_nlp.prompts.template import (
    FieldPart,
    MaskPart,
    SoftPart,
    Template,
    Words,
)
from fsl_nlp.types import Example, Span

_LEAST_FIELD_TOKENS = 4  # room that a template must leave for the fields


@dataclass(frozen=True)
class Segment:
    """The tokens of a part; `ids` None is the mask. `cut` is the end that may be cut off."""

    ids: list[int] | None
    cut: str = "keep"


@dataclass(frozen=True)
class Rendered:
    """An input and the positions of its masks."""

    ids: list[int]
    masks: list[int]


@dataclass(frozen=True)
class Renderer:
    """A template for one model. Soft tokens are ids from `vocabulary` on."""

    template: Template
    pieces: Pieces
    longest: int  # the largest number of tokens of an input
    vocabulary: int

    def __post_init__(self) -> None:
        least = sum(len(self._words[i]) for i in self._words)
        least += sum(map(len, self.pieces.special_tokens)) + len(self.template.soft)
        least += (self.template.mask.count or 1) + _LEAST_FIELD_TOKENS
        if least > self.longest:
            raise OptionError(
                f"template: its words take {least} tokens, and the model takes at most "
                f"{self.longest}.\n  {self.template.source}\nShorten it."
            )

    @cached_property
    def _spaced(self) -> list[bool]:
        """For each part, whether a space stands before it."""
        spaced, after = [], False
        for part in self.template.parts:
            words = part.text if isinstance(part, Words) else ""
            spaced.append(after or words[:1].isspace())
            after = words[-1:].isspace()
        return spaced

    @cached_property
    def _words(self) -> dict[int, list[int]]:
        """The ids of the words of the template, by the index of the part."""
        parts = enumerate(self.template.parts)
        texts = {i: part.text.strip() for i, part in parts if isinstance(part, Words)}
        return {i: self._tokens(i, [text])[0] if text else [] for i, text in texts.items()}

    def _tokens(self, index: int, texts: Sequence[str]) -> list[list[int]]:
        """Ids of texts in the position of a part."""
        if self._spaced[index]:
            return self.pieces.after_space(texts)
        return self.pieces.at_start(texts) if index == 0 else self.pieces.after_token(texts)

    def label_words(self, words: Sequence[str]) -> list[list[int]]:
        """Ids of words in the position of the mask."""
        for index, part in enumerate(self.template.parts):
            if isinstance(part, MaskPart):
                return self._tokens(index, words)
        return self.pieces.after_token(words)  # the mask is a blank inside the text

    def segments(self, examples: Sequence[Example]) -> list[list[Segment]]:
        """The segments of each example."""
        rows: list[list[Segment]] = [[] for _ in examples]
        soft = self.vocabulary
        for index, part in enumerate(self.template.parts):
            if isinstance(part, FieldPart):
                for row, field_segments in zip(
                    rows, self._field(index, part, examples), strict=True
                ):
                    row += field_segments
                continue
            if isinstance(part, MaskPart):
                segment = Segment(None)
            elif isinstance(part, SoftPart):
                segment, soft = Segment([soft]), soft + 1
            else:
                segment = Segment(self._words[index])
            for row in rows:
                row.append(segment)
        return rows

    def _field(
        self, index: int, part: FieldPart, examples: Sequence[Example]
    ) -> list[list[Segment]]:
        blank = self.template.blank
        texts = [field_value(example, part.name).strip() for example in examples]
        if blank is None or part.name != "text":
            texts = self._visible(texts, from_end=part.cut == "start")
            return [[Segment(ids, part.cut)] for ids in self._tokens(index, texts)]
        before, after = [], []
        for text in texts:
            first, second = split_at_blank(text, blank, "The mask")
            before.append(first.strip())
            after.append(second.strip())
        before, after = self._visible(before, from_end=True), self._visible(after)
        # The words next to the blank say most, so they are kept.
        return [
            [Segment(a, "start"), Segment(None), Segment(b, "end")]
            for a, b in zip(
                self._tokens(index, before), self.pieces.after_token(after), strict=True
            )
        ]

    def _visible(self, texts: Sequence[str], *, from_end: bool = False) -> list[str]:
        """The parts of fields that an input can hold."""
        return visible_parts(
            texts, self.longest, lambda t: len(self.pieces.at_start([t])[0]), from_end=from_end
        )

    def truncates(self, examples: Sequence[Example]) -> list[bool]:
        """Whether the fields of each example have more tokens than fit beside one mask."""
        fields = [part.name for part in self.template.parts if isinstance(part, FieldPart)]
        words = sum(map(len, self._words.values())) + len(self.template.soft)
        fixed = sum(map(len, self.pieces.special_tokens)) + (self.template.mask.count or 1)

        def lengths(indices: list[int]) -> list[int]:
            rows = self.segments([examples[i] for i in indices])
            return [sum(len(segment.ids or ()) for segment in row) - words for row in rows]

        texts = [[field_value(example, name) for name in fields] for example in examples]
        return too_long(texts, self.longest - fixed - words, lengths)

    def render(self, segments: Sequence[Segment], masks: Sequence[int]) -> Rendered:
        """An input with the ids `masks` for the mask, shortened to the `longest` input."""
        start, end = self.pieces.special_tokens
        fixed = len(start) + len(end) + len(masks)
        fixed += sum(len(s.ids) for s in segments if s.ids is not None and s.cut == "keep")
        shortenable = [s.ids for s in segments if s.ids is not None and s.cut != "keep"]
        room = self.longest - fixed
        if room < 0:
            raise DataError(
                f"The parts that are not shortened take {fixed} tokens, and the model takes at "
                f"most {self.longest}. Let a field be shortened: {{text}} instead of {{text:keep}}."
            )
        most = _fair_share(list(map(len, shortenable)), room)
        ids, mask_positions = list(start), []
        for segment in segments:
            if segment.ids is None:
                mask_positions = list(range(len(ids), len(ids) + len(masks)))
                ids += masks
            elif segment.cut == "end":
                ids += segment.ids[:most]
            elif segment.cut == "start":
                ids += segment.ids[max(0, len(segment.ids) - most) :]
            else:
                ids += segment.ids
        return Rendered(ids + end, mask_positions)


def field_value(example: Example, name: str) -> str:
    """The text of a field of an example.

    >>> field_value(Example("Paris, France", head=(0, 5)), "head")
    'Paris'
    """
    if name == "text":
        return example.text
    value: str | Span | None = getattr(example, name)
    if value is None:
        missing = "second text (text_b)" if name == "text_b" else f"marked {name}"
        raise DataError(
            f"The template uses {{{name}}}, but this example has no {missing}: "
            f"{example.text[:60]!r}."
        )
    return value if isinstance(value, str) else example.text[slice(*value)]


def _fair_share(lengths: Sequence[int], room: int) -> int:
    """The largest length at which all fit in `room`; shorter ones stay whole.

    >>> _fair_share([3, 10, 20], 17)
    7
    """
    if sum(lengths) <= room:
        return max(lengths, default=0)
    remaining = room
    for done, length in enumerate(sorted(lengths)):
        share = remaining // (len(lengths) - done)
        if length > share:
            return share
        remaining -= length
    return remaining
