"""Personal data in questions, replaced before anything is written.

Each kind is recognised by its form and, where it has one, by its checksum. Dates and numbers of up
to 8 digits stay: they are order numbers, postcodes and amounts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fsl_nlp.errors import OptionError
from fsl_nlp.serving.questions.check_digits import is_card, is_chinese_id, is_iban

# Latin, Greek and Cyrillic. Chinese is written without spaces: in 邮箱zhang@qq.com请回复 the
# address is what stands between the Chinese characters.
_LETTER = r"a-zA-Z\u00c0-\u024f\u0370-\u052f"
_AT = r"(?: ?@ ?| ?[\[({] ?at ?[\])}] ?)"
_DOT = r"(?:\.| ?[\[({] ?(?:dot|punkt) ?[\])}] ?)"
_EMAIL = (
    rf"(?<![{_LETTER}\d._+%'-])[{_LETTER}\d._+%'-]{{1,64}}{_AT}"
    rf"(?:[{_LETTER}\d-]{{1,63}}{_DOT}){{1,5}}[{_LETTER}]{{2,24}}"
)
_IBAN = r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}"
_CHINESE_ID = r"(?<!\d)\d{6}[ -]?\d{8}[ -]?\d{3}[\dXx](?![A-Za-z0-9])"
_CARD = (
    r"(?<!\d)(?:3\d{3}[ -]?\d{6}[ -]?\d{4,5}"  # American Express, Diners Club
    r"|[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,4}(?:[ -]?\d{1,3})?)(?!\d)"
)
_GAP = r"(?: ?[()/-] ?|\) ?\(|[ .]|)"  # between the digits of a telephone number
_PHONE = (
    r"(?<![\d+])(?<!\d[.,:/-])(?:"
    # +49 170 1234567, 0049 ..., +1 (415) 555-2671: at most 15 digits (ITU-T E.164)
    rf"(?:\+|00)[ (]?[1-9](?:{_GAP}\d){{6,14}}"
    # 86 138 1234 5678: a mobile number of China
    r"|(?:\(?86\)?[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}"
    # 0170 1234567, (030) 123456, 010-12345678: with an area code
    r"|\(?0[1-9]\d{1,4}\)?(?: ?[/-] ?| )?\d(?:[ -]?\d){4,8}"
    # 06 12 34 56 78: France and its neighbours
    r"|0[1-9](?:[ .-]\d{2}){4}"
    # (415) 555-2671, 1-800-555-2671: North America
    r"|(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}"
    r")(?!\d)(?![.,/-]\d)"
)
_DIGIT = re.compile(r"\d")
_GROUP = re.compile(r"[A-Za-z0-9]+")
_LEAST_PHONE = 9  # digits after an area code and in all; shorter is an order number
# 123-45-6789 is a Social Security number; four groups of four are a card with a slip of the pen.
_NUMBER = r"(?<!\d)(?<!\d[.,])(?:\d{9,}[Xx]?|\d{3}-\d{2}-\d{4}|[3-6]\d{3}(?:[ -]\d{4}){3})(?!\d)"

# Full-width characters, dashes and spaces, each as one of ASCII: places stay the same.
_PLAIN: dict[int, int | str] = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-"),
    **dict.fromkeys(map(ord, "\u00a0\u2007\u2009\u202f\u3000"), " "),
}


@dataclass(frozen=True)
class Rule:
    """What becomes `[name]`. `length` says how much of a match that is; 0 if it is something else.

    A text without the `clue` has no match; looking for one costs less.

    >>> rule = Rule("order", re.compile(r"ORD-[0-9]+"))
    >>> rule.replace("where is ORD-12?")
    'where is [order]?'
    """

    name: str
    pattern: re.Pattern[str]
    length: Callable[[str], int] = len
    clue: re.Pattern[str] | None = None

    def replace(self, text: str) -> str:
        """The text with `[name]` in place of what the rule is about."""
        if self.clue and not self.clue.search(text):
            return text
        plain = text if text.isascii() else text.translate(_PLAIN)
        parts, end, start = list[str](), 0, 0
        while match := self.pattern.search(plain, start):
            if length := self.length(match[0]):
                parts += [text[end : match.start()], f"[{self.name}]"]
                start = end = match.start() + length
            else:
                start = match.start() + 1
        return "".join(parts) + text[end:] if parts else text


def _checked(is_valid: Callable[[str], bool]) -> Callable[[str], int]:
    """The length of what is valid at the beginning of a match, which may hold the words after it.

    It ends where a group of characters ends: in "4111 1111 1111 1111 123" before " 123".
    """

    def length(text: str) -> int:
        compact, ends = "", list[tuple[int, int]]()
        for group in _GROUP.finditer(text):
            compact += group[0]
            ends.append((group.end(), len(compact)))
        return next((end for end, size in reversed(ends) if is_valid(compact[:size])), 0)

    return length


def _phone(text: str) -> int:
    return len(text) if sum(map(str.isdecimal, text)) >= _LEAST_PHONE else 0


_RULES = (
    Rule("email", re.compile(_EMAIL, re.IGNORECASE), clue=re.compile(r"[@＠\])}）］｝]")),
    Rule("iban", re.compile(_IBAN), _checked(is_iban), _DIGIT),
    Rule("id", re.compile(_CHINESE_ID), _checked(is_chinese_id), _DIGIT),
    Rule("card", re.compile(_CARD), _checked(is_card), _DIGIT),
    Rule("phone", re.compile(_PHONE), _phone, _DIGIT),
    Rule("number", re.compile(_NUMBER), clue=_DIGIT),
)


@dataclass(frozen=True)
class Redaction:
    """Replaces personal data: e-mail addresses, telephone numbers, cards, IBANs, long numbers.

    >>> Redaction()("I am max@example.org, call 0170 1234567 about order 123456")
    'I am [email], call [phone] about order 123456'
    """

    rules: tuple[Rule, ...] = _RULES

    @classmethod
    def parse(cls, options: Iterable[str]) -> Redaction:
        r"""What `--log-redact` says: "standard", "none", or rules of the user's as NAME=REGEX.

        >>> Redaction.parse([r"order=ORD-\d+"])("ORD-12 for max@example.org")
        '[order] for [email]'
        >>> Redaction.parse(["none"])("max@example.org")
        'max@example.org'
        """
        options = list(options)
        added = [_rule(option) for option in options if option not in ("standard", "none")]
        return cls((*added, *(() if "none" in options else _RULES)))

    def __call__(self, text: str) -> str:
        """The text with `[email]`, `[phone]`, `[card]`, `[iban]`, `[id]` or `[number]` in it."""
        for rule in self.rules:
            text = rule.replace(text)
        return text


STANDARD = Redaction()


def _rule(option: str) -> Rule:
    name, equals, expression = option.partition("=")
    if not equals or not re.fullmatch(r"[\w-]+", name):
        raise OptionError(
            f"--log-redact {option}: write 'standard', 'none', or NAME=REGEX, "
            r"for example 'order=ORD-\d+'."
        )
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise OptionError(f"--log-redact {option}: no regular expression: {error}.") from None
    if pattern.search(""):
        raise OptionError(f"--log-redact {option}: it matches an empty text, so everywhere.")
    return Rule(name, pattern)
