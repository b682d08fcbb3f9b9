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
    """One or several words for each label, of any number of pieces.

    >>> Verbalizer.of(["体育", "财经"]).words
    (('体育',), ('财经',))
    """

    labels: tuple[Label, ...]
    words: tuple[tuple[str, ...], ...]

    @classmethod
    def of(
        cls,
        labels: Sequence[Label],
        given: Mapping[Any, str | Sequence[str]] | None = None,
        info: Mapping[Label, LabelInfo] | None = None,
    ) -> Verbalizer:
        """The words given; else those known of the label; else its name, as it reads."""
        given, info = dict(given or {}), info or {}
        # A JSON file has no numbers as keys.
        written = {str(label): label for label in labels}
        unknown = [name for name in given if str(name) not in written]
        if unknown:
            raise OptionError(
                f"words: {', '.join(map(repr, unknown))} is no label. Labels: {list(labels)[:20]}."
            )
        chosen = {written[str(name)]: words for name, words in given.items()}
        found = tuple(_words(label, chosen.get(label), info.get(label)) for label in labels)
        if lacking := [label for label, words in zip(labels, found, strict=True) if not words]:
            raise DataError(
                f"These labels have no word: {lacking[:20]}. Give each one: "
                f'words={{"{lacking[0]}": "..."}}.'
            )
        owners: dict[str, Label] = {}
        for label, words in zip(labels, found, strict=True):
            for word in words:
                if owners.setdefault(word, label) != label:
                    raise OptionError(
                        f"words: {word!r} stands for {owners[word]!r} and for {label!r}. "
                        "Give each label words of its own."
                    )
        return cls(tuple(labels), found)

    def pieces(self, renderer: Renderer) -> list[list[list[int]]]:
        """[label][word]: its pieces in the place of the mask."""
        return [_pieces(words, renderer) for words in self.words]


def _pieces(words: Sequence[str], renderer: Renderer) -> list[list[int]]:
    """The pieces of each word, if the tokenizer knows them and they fit the mask."""
    found = renderer.label_words(words)
    for word, ids in zip(words, found, strict=True):
        if not ids or renderer.pieces.unknown in ids:
            raise OptionError(
                f"words: the tokenizer of {renderer.pieces.encoder.name} does not know {word!r}. "
                "Use another word for that label."
            )
        check_length(word, ids, renderer)
    return found


def check_length(word: str, ids: list[int], renderer: Renderer) -> None:
    count = renderer.template.mask.count
    if count is not None and len(ids) != count:
        raise OptionError(
            f"words: {word!r} is {len(ids)} pieces to this model, and the template has "
            f"[MASK*{count}]. Write [MASK], which fits every word, or choose another word."
        )


def _words(
    label: Label, given: str | Sequence[str] | None, info: LabelInfo | None
) -> tuple[str, ...]:
    if given is not None:
        words = (given,) if isinstance(given, str) else tuple(given)
        return tuple(word.strip() for word in words if word.strip())
    if info and info.words:
        return info.words
    name = (info and info.name) or readable(label) or (info and info.description)
    return (name,) if name else ()
