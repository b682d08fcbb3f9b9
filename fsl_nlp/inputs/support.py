"""The one check of what a method learns from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fsl_nlp.errors import DataError
from fsl_nlp.inputs.kinds import CANDIDATES, MENTIONS, common_kinds, in_words
from fsl_nlp.inputs.mentions import MENTIONS as BOTH
from fsl_nlp.inputs.mentions import check_spans, marked_mentions
from fsl_nlp.types import Dataset, Example

# What a method can learn from.
EXAMPLES = "examples"
NAMES = "label names"
DESCRIPTIONS = "label descriptions"
UNLABELLED = "unlabelled texts"
SOURCE = "source classes"
WEIGHTS = "example weights"
LEARNS_FROM = (EXAMPLES, NAMES, DESCRIPTIONS, UNLABELLED, SOURCE, WEIGHTS)


def check_kinds(
    examples: Sequence[Example],
    method: str,
    takes: Sequence[str],
    *,
    combines: bool,
    instead: Callable[[Sequence[str]], Sequence[str]],
) -> tuple[str, ...]:
    """The kinds of the examples, which must be among those that a method takes.

    `combines` says that examples may be of several kinds at once. `instead` gives the methods that
    take certain kinds, to be named in the error.
    """
    kinds = common_kinds(examples)
    if not set(kinds) <= set(takes) or (len(kinds) > 1 and not combines):
        methods = " or ".join(map(repr, instead(kinds)))
        raise DataError(
            f"method {method!r} does not take {in_words(kinds, plural=True)}: "
            f"{examples[0].text[:40]!r}. Use {methods}."
        )
    if MENTIONS in kinds:
        mentions = marked_mentions(examples) if combines else BOTH
        for example in examples:
            check_spans(example, mentions)
    return kinds


def check_candidates(support: Dataset) -> int:
    """The number of candidates of every example; a label is the position of the right one."""
    counts = sorted({len(example.candidates) for example in support.examples})
    if len(counts) != 1:
        raise DataError(
            f"Examples have {' or '.join(map(str, counts))} candidates; all must have the same "
            "number."
        )
    (count,) = counts
    if wrong := [label for label in support.labels if label not in range(count)]:
        raise DataError(
            f"The label of an example with candidates is the right one's position, a whole number "
            f"from 0 to {count - 1}; {wrong[0]!r} is not."
        )
    return count


def has_candidates(examples: Sequence[Example]) -> bool:
    """Whether the examples have candidates."""
    return bool(examples) and CANDIDATES in common_kinds(examples)
