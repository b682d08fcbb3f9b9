"""Tokens back to the sentence that they were cut from, with the span of every token in it.

Corpora follow one of two conventions. Penn Treebank writes quotes as `` and '' and keeps hyphens
inside words; spaCy writes " for both quotes and makes every hyphen a token. Where the tokens leave
the spacing open, the usual one is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fsl_nlp.types import Span

_BRACKETS = {"-lrb-": "(", "-rrb-": ")", "-lsb-": "[", "-rsb-": "]", "-lcb-": "{", "-rcb-": "}"}
_DOUBLE_QUOTES = ("``", "''", '"')
_CLOSING = frozenset(",.;:!?)]}%°”’…") | {"..", "..."}
_OPENING = frozenset("([{$£€#“‘¿¡")
_CLITICS = {"'s", "'m", "'re", "'ve", "'d", "'ll", "n't"}
# Next to one of these words a hyphen is not part of a longer word: "mid- and late", "from -6".
_FUNCTION_WORDS = {
    *("a", "and", "at", "by", "from", "in", "is", "nor", "of", "or", "than", "the", "to", "was"),
    *("were", "with"),
}
_INNER_HYPHEN = re.compile(r"[^\W\d_]-[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text and the span of each token; a token of white space has an empty span."""

    text: str
    spans: tuple[Span, ...]


def detokenise(tokens: Sequence[str], *, split_hyphens: bool = False) -> Sentence:
    """The most likely sentence that the tokens were cut from.

    With `split_hyphens` a hyphen token joins the words on both sides.

    >>> detokenise(["``", "It", "'s", "a", "well-known", "rule", ",", "''", "he", "said", "."])
    ...     # doctest: +ELLIPSIS
    Sentence(text='"It\\'s a well-known rule," he said.', spans=((0, 1), (1, 3), (3, 5), ...))
    >>> detokenise("a 23 - year - old ( born 1990 )".split(), split_hyphens=True).text
    'a 23-year-old (born 1990)'
    """
    raw = [" ".join(token.split()) for token in tokens]
    filled = [index for index, token in enumerate(raw) if token]
    spaces = _spaces_before([raw[index] for index in filled], split_hyphens)
    spans, parts, position = [(0, 0)] * len(raw), [], 0
    for index, space in zip(filled, spaces, strict=True):
        word = _written_form(raw[index])
        position += space
        parts.append(" " * space + word)
        spans[index] = (position, position + len(word))
        position += len(word)
    return Sentence("".join(parts), tuple(spans))


def splits_hyphens(sentences: Iterable[Sequence[str]]) -> bool:
    """Whether the tokeniser of a corpus split words at their hyphens.

    >>> splits_hyphens([["light", "-", "years"]]), splits_hyphens([["a", "-", "well-known"]])
    (True, False)
    """
    alone = inside = 0
    for tokens in sentences:
        for token in tokens:
            alone += token == "-"
            inside += _INNER_HYPHEN.search(token) is not None
    return alone > inside


def _written_form(token: str) -> str:
    """The token as it is written in the text."""
    return _BRACKETS.get(token.lower(), token.replace("``", '"').replace("''", '"'))


def _spaces_before(tokens: list[str], split_hyphens: bool) -> list[bool]:
    """Whether a space stands before each token."""
    # Tokens without a space before them (left) and after them (right).
    left, right = [False] * len(tokens), [False] * len(tokens)
    in_double = in_single = False
    for index, token in enumerate(tokens):
        before = tokens[index - 1] if index else ""
        after = tokens[index + 1] if index + 1 < len(tokens) else ""
        word = _written_form(token)
        if token in _DOUBLE_QUOTES:
            in_double = not in_double and _opens_double(tokens, index)
            left[index], right[index] = not in_double, in_double
        elif token == "'":
            in_single = not in_single and _opens_single(tokens, index)
            left[index], right[index] = not in_single, in_single
        elif word in _CLOSING or token.lower().replace("’", "'") in _CLITICS:
            left[index] = True
        elif word in _OPENING:
            right[index] = True
        elif _is_inner(token, before, after, split_hyphens):
            left[index] = right[index] = True
        else:
            left[index] = _continues(token, before)
            right[index] = _is_continued(token, after)
            in_double = _quote_within(token, in_double)
            in_single = in_single or (token[0] == "'" and token[1:2].isalpha())
    return [index > 0 and not left[index] and not right[index - 1] for index in range(len(tokens))]


def _opens_double(tokens: list[str], index: int) -> bool:
    """Whether a quote opens here if none is open; it may be closed in another sentence."""
    later = next((t for t in tokens[index + 1 :] if t.startswith(_DOUBLE_QUOTES)), None)
    if tokens[index] == "''":
        return later is not None and not later.startswith("``")
    if later is None and tokens[index] == '"':
        return index + 1 < len(tokens) and tokens[index + 1] not in _CLOSING
    return True


def _opens_single(tokens: list[str], index: int) -> bool:
    """Whether ' opens a quote, and is not a closing quote or an apostrophe (the girls' team)."""
    if index + 1 == len(tokens):
        return False
    if index == 0 or not tokens[index - 1][-1].isalnum():
        return True
    return tokens[index - 1][-1] not in "sxz0123456789" and "'" in tokens[index + 1 :]


def _quote_within(token: str, is_open: bool) -> bool:
    """Whether a quote is open after a token that includes a quote, such as ''It."""
    if len(token) > 2 and token.startswith(_DOUBLE_QUOTES):
        return True
    return is_open and not token.endswith(_DOUBLE_QUOTES)


def _is_inner(token: str, before: str, after: str, split_hyphens: bool) -> bool:
    """Whether the mark joins the tokens on both sides to one word."""
    if not before or not after:
        return False
    if token == "-":
        return split_hyphens
    if token == "/":
        return _ends_word(before) and after[0].isalnum()
    # "the Paris–Strasbourg line", but "quantum mechanics – into seven"
    return token == "–" and before.istitle() and after.istitle()


def _continues(token: str, before: str) -> bool:
    """Whether the token is the rest of the word before it: caspase -mediated, kinase 1 /2."""
    if len(token) < 2 or token[0] not in "-/" or not token[1].isalnum() or not before:
        return False
    function_word = before.lower() in _FUNCTION_WORDS or token[1:].lower() in _FUNCTION_WORDS
    return _ends_word(before) and not function_word


def _is_continued(token: str, after: str) -> bool:
    """Whether the token is the start of the word after it: anti- apoptotic, 1901– 1958."""
    if len(token) < 2 or token[-1] not in "-/–" or not token[-2].isalnum():
        return False
    return after[:1].isalnum() and after.lower() not in _FUNCTION_WORDS


def _ends_word(token: str) -> bool:
    return token[-1].isalnum() or token[-1] in ")]"
