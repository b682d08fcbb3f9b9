"""Numbers whose last digits check the others: payment cards, IBANs, Chinese identity numbers."""

from __future__ import annotations

from datetime import date

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # the digit sum of twice a digit
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999
_CHECK_CHARACTERS = "10X98765432"
_LEAST_CARD, _LONGEST_CARD = 13, 19  # digits, ISO/IEC 7812
_LEAST_IBAN, _LONGEST_IBAN = 15, 34  # characters, ISO 13616


def is_card(digits: str) -> bool:
    """Whether digits are a payment card's: its length, its issuer, and Luhn's check (ISO 7812).

    >>> is_card("4111111111111111"), is_card("4111111111111112"), is_card("2019202020212022")
    (True, False, False)
    """
    if not _LEAST_CARD <= len(digits) <= _LONGEST_CARD or digits[0] not in "23456":
        return False
    # Mir and Mastercard are the issuers that begin with 2.
    if digits[0] == "2" and not (
        2200 <= int(digits[:4]) <= 2204 or 2221 <= int(digits[:4]) <= 2720
    ):
        return False
    last_first = [int(digit) for digit in reversed(digits)]
    return (sum(last_first[::2]) + sum(_DOUBLED[digit] for digit in last_first[1::2])) % 10 == 0


def is_iban(text: str) -> bool:
    """Whether an IBAN without spaces has the right check digits (ISO 7064, modulo 97).

    >>> is_iban("DE89370400440532013000"), is_iban("DE89370400440532013001")
    (True, False)
    """
    if not _LEAST_IBAN <= len(text) <= _LONGEST_IBAN:
        return False
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1


def is_chinese_id(text: str) -> bool:
    """Whether 18 characters are a citizen's number: a day of birth, and the check (ISO 7064).

    >>> is_chinese_id("11010519491231002X"), is_chinese_id("110105194912310021")
    (True, False)
    """
    try:
        born = date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(text[:17], _WEIGHTS, strict=True))
    return born.year >= 1900 and _CHECK_CHARACTERS[total % 11] == text[17].upper()
