"""Texts that a spreadsheet program would take for formulas, as cells of CSV.

Excel computes a cell that begins with "=", and so does one that begins with a sign; a text of a
stranger could then run commands or send the other cells away. By convention such a text is written
with an apostrophe before it, which belongs to no text (OWASP, "CSV injection").
"""

from __future__ import annotations

import re

# White space and apostrophes before the sign count: programs leave them out. Full-width signs are
# taken for plain ones.
_FORMULA = re.compile(r"[\s']*[=+\-@＝＋－＠]")
_ESCAPED = re.compile(r"'[\s']*[=+\-@＝＋－＠]")


def escape_formula(text: str) -> str:
    """The text as a cell that no program computes.

    >>> escape_formula("=1+1"), escape_formula("where is it")
    ("'=1+1", 'where is it')
    """
    return f"'{text}" if _FORMULA.match(text) else text


def escape_apostrophe(text: str) -> str:
    """The text as a cell that `unescape` gives back; formulas stay as they are.

    >>> escape_apostrophe("'-' or '+'?"), escape_apostrophe("-1")
    ("''-' or '+'?", '-1')
    """
    return f"'{text}" if _ESCAPED.match(text) else text


def unescape(cell: str) -> str:
    """The text of a cell.

    >>> unescape("'=1+1"), unescape("'tis here")
    ('=1+1', "'tis here")
    """
    return cell[1:] if cell[:1] == "'" and _ESCAPED.match(cell) else cell
