"""What an example can be: a text, a pair, a sentence with mentions, a text with candidates."""

from __future__ import annotations

from fsl_nlp.inputs.candidates import without_blank
from fsl_nlp.types import Example


def example_of(text: str, reads: str, *, candidates: int = 0, blank: str | None = None) -> Example:
    """An example of the kind that a classifier `reads` (`methods.base.Part`), made of a text.

    >>> example_of("where is it", "angle").text_b
    'where'
    """
    if reads == "angle":
        return Example(text, text_b=text[: len(text) // 2])
    if reads == "mentions":
        return Example(text, head=(0, 1), tail=(len(text) - 1, len(text)))
    if reads == "candidates":
        named = tuple(f"{text} {place}" for place in range(candidates))
        return Example(without_blank(text, blank) + (blank or ""), candidates=named)
    return Example(text)
