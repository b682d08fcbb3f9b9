"""`Verbalizer`: the words that stand for each label, and their pieces in one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fsl_nlp.data.labels import readable
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.prompts.rendering import Renderer
from fsl_nlp.types import Label, LabelInfo


@dataclass(frozen=True)
class Verbalizer:
    """One or more words for each label. A word may have any number of pieces.

    >>> Verbalizer.of(["体育", "财经"]).words
    (('体育',), ('财经',))
    """

    labels: tuple[Label, ...]
    words: tuple[tuple[str, ...], ...]

    @classmethod
    def of(
        cls,
        labels: Sequence[Label],
        user_words: Mapping[Any, str | Sequence[str]] | None = None,
        info: Mapping[Label, LabelInfo] | None = None,
    ) -> Verbalizer:
        """Words for each label: of `user_words`, or else of `info`, or else its name."""
        user_words, info = dict(user_words or {}), info or {}
        # Keys from JSON files are texts, even if labels are numbers.
        label_of_name = {str(label): label for label in labels}
        unknown = [name for name in user_words if str(name) not in label_of_name]
        if unknown:
            raise OptionError(
                f"words: {', '.join(map(repr, unknown))} is not a label. "
                f"Labels: {list(labels)[:20]}."
            )
        chosen = {label_of_name[str(name)]: words for name, words in user_words.items()}
        all_words = tuple(_words(label, chosen.get(label), info.get(label)) for label in labels)
        if lacking := [label for label, words in zip(labels, all_words, strict=True) if not words]:
            raise DataError(
                f"These labels have no words: {lacking[:20]}. Set some for each: "
                f'words={{"{lacking[0]}": "..."}}.'
            )
        owners: dict[str, Label] = {}
        for label, words in zip(labels, all_words, strict=True):
            for word in words:
                if owners.setdefault(word, label) != label:
                    raise OptionError(
                        f"words: {word!r} stands for {owners[word]!r} and for {label!r}. "
                        "Two labels cannot share a word."
                    )
        return cls(tuple(labels), all_words)

    def pieces(self, renderer: Renderer) -> list[list[list[int]]]:
        """The pieces of each word in the position of the mask, [label][word][piece]."""
        return [_pieces(words, renderer) for words in self.words]


def _pieces(words: Sequence[str], renderer: Renderer) -> list[list[int]]:
    """The pieces of each word. Raises an error if the tokenizer or the mask cannot take it."""
    pieces = renderer.label_words(words)
    for word, ids in zip(words, pieces, strict=True):
        if not ids or renderer.pieces.unknown in ids:
            raise OptionError(
                f"words: the tokenizer of {renderer.pieces.encoder.name} does not know {word!r}. "
                "Use another word for that label."
            )
        check_length(word, ids, renderer)
    return pieces


def check_length(word: str, ids: list[int], renderer: Renderer) -> None:
    """Raise an error if the template has another number of masks than the word has pieces."""
    count = renderer.template.mask.count
    if count is not None and len(ids) != count:
        raise OptionError(
            f"words: {word!r} has {len(ids)} pieces, but the template has [MASK*{count}]. "
            "Write [MASK], which fits every word, or choose another word."
        )


def _words(
    label: Label, user_words: str | Sequence[str] | None, info: LabelInfo | None
) -> tuple[str, ...]:
    if user_words is not None:
        words = (user_words,) if isinstance(user_words, str) else tuple(user_words)
        return tuple(word.strip() for word in words if word.strip())
    if info and info.words:
        return info.words
    name = (info and info.name) or readable(label) or (info and info.description)
    return (name,) if name else ()
