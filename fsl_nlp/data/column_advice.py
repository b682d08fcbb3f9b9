"""What is said if no columns, or too many, may hold texts and labels."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace

from fsl_nlp.data.contents import (
    LABEL_WORDS,
    TEXT_WORDS,
    are_sentences,
    could_be_labels,
    is_other,
    values_of,
)
from fsl_nlp.data.layouts import describe_layout
from fsl_nlp.data.records import Record, Table, quoted

_SHOWN_COLUMNS = 30


def explain_columns(table: Table, candidates: dict[str, list[str]], named: dict[str, str]) -> str:
    """The roles without exactly one column, the columns of the table, and a call that works."""
    doubled = [name for names in candidates.values() for name in names if names.count(name) > 1]
    if doubled:
        return f'{table.source}: two columns are named "{doubled[0]}". Rename one of them.'
    unnamed = not any(candidates.values())
    if unnamed and (layout := describe_layout(table)):
        return f"{table.source}: {layout}\n{list_columns(table.columns)}"
    if table.has_header and unnamed and is_data(table):
        return (
            f"{table.source}: the first row seems to be data, not the names of columns. "
            f"{list_columns(table.columns)}\n{_without_header(table, candidates)}\n"
            f"If these are names of columns, say {_which(list(candidates))}"
        )
    lines = [
        f"{table.source}: the {role} column may be {' or '.join(map(quoted, names))}."
        if names
        else f"{table.source}: no {role} column was found."
        for role, names in candidates.items()
        if len(names) != 1
    ]
    lines.append(list_columns(table.columns))
    guess = _guess_columns(table, candidates)
    needed = [role for role in candidates if role in named or len(candidates[role]) != 1]
    call = _show_call(table, {role: guess[role] for role in needed if role in guess})
    if len(guess) == len(candidates):
        lines.append(f"Say which to take, for example: {call}")
    else:
        lines.append(f"Say {_which(needed)}")
    if len(candidates["text"]) == 1 and candidates.get("label") == []:
        lines.append(without_labels(table))
    if table.has_header and unnamed:
        lines.append(_without_header(table, candidates))
    return "\n".join(lines)


def list_columns(columns: Sequence[str]) -> str:
    """The columns in one sentence.

    >>> list_columns(["Frage", "Ziel"])
    'The columns are: "Frage", "Ziel".'
    """
    more = f" and {len(columns) - _SHOWN_COLUMNS} more" if len(columns) > _SHOWN_COLUMNS else ""
    return f"The columns are: {', '.join(map(quoted, columns[:_SHOWN_COLUMNS]))}{more}."


def without_labels(table: Table) -> str:
    """The remedy for texts that have no labels, as the end of a message."""
    if table.call:  # no file
        return "If the texts have no labels, pass labelled=False."
    file = shlex.quote(table.source)
    return (
        f"If the texts have no labels, `fsl-nlp predict FOLDER --file {file}` has a classifier "
        f"label them, and `fsl-nlp fit TRAIN --unlabelled {file}` learns from them. In Python, "
        "pass labelled=False."
    )


def swapped_columns(table: Table) -> str:
    """The message for a table without header whose first column holds labels."""
    call = _show_call(table, {"text": table.columns[1], "label": table.columns[0]}, header=False)
    return (
        f"{table.source}: without a header row the first column is the text and the second the "
        f"label, but here they seem to be swapped. Say which to take: {call}"
    )


def is_data(table: Table) -> bool:
    """Whether the header row is a sentence and a label, not names of columns."""
    numbers = [cell for cell in table.columns if _is_number(cell)]
    # Programs write 0, 1, 2 above all columns that have no names.
    return 0 < len(numbers) < len(table.columns) or any(
        any(str(record.values[cell]) == cell for record in table.records)  # labels are repeated
        or re.search(r"[?!.。？！]$", cell)
        or len(cell.split()) > 3
        or len(cell.encode()) > 24  # bytes: about eight Chinese characters
        for cell in table.columns
        if cell
    )


def _without_header(table: Table, candidates: dict[str, list[str]]) -> str:
    """The call that reads the first row as data, with the columns by their position."""
    first = Record(0, {name: name for name in table.columns})
    with_first = replace(table, records=(first, *table.records))
    guess = _guess_columns(with_first, candidates, names_say=False)
    numbers = {role: str(table.columns.index(name) + 1) for role, name in guess.items()}
    usual = {"text": "1", "label": "2"}
    wanted = {} if all(usual[role] == numbers[role] for role in numbers) else numbers
    call = _show_call(table, wanted, header=False)
    return f"If the first row is data, say that there is no header: {call}"


def _guess_columns(
    table: Table, candidates: dict[str, list[str]], *, names_say: bool = True
) -> dict[str, str]:
    """A guess at the columns that are meant, for the example in a message; none where unclear.

    With `names_say=False` the names are data themselves.
    """
    guess = {role: names[0] for role, names in candidates.items() if len(names) == 1}
    values = {name: values_of(table.records, name) for name in table.columns}
    for role, names in candidates.items():
        if role in guess:
            continue
        free = [n for n in names or table.columns if n not in guess.values()]
        free = [n for n in free if not (names_say and is_other(n))]
        words = {"text": TEXT_WORDS, "label": LABEL_WORDS}[role]
        hinted = [n for n in free if names_say and words.search(n)]
        if role == "text":  # texts are long
            free = [n for n in free if not all(map(_is_number, values[n]))]
            free = [n for n in free if are_sentences(values[n])] or free
            free = [n for n in free if n in hinted] or free
            if not names and sum(are_sentences(values[n]) for n in free) > 1:
                continue  # questions and answers, or translations
            best = max(free, key=lambda name: sum(map(len, values[name])), default=None)
        else:  # labels are few
            free = [n for n in free if could_be_labels(values[n])]
            free = [n for n in free if n in hinted] or free
            best = min(free, key=lambda name: len(set(values[name])), default=None)
        if best is not None:
            guess[role] = best
    return guess


def _is_number(value: str) -> bool:
    return value.replace(".", "", 1).isdecimal()


def _show_call(table: Table, arguments: dict[str, str], *, header: bool = True) -> str:
    """The call, in Python and on the command line, that names these columns."""
    shown = {role: _literal(name) for role, name in arguments.items()}
    shown |= {} if header else {"header": "False"}
    source = table.call or _literal(table.source)
    python = ", ".join([source, *(f"{name}={value}" for name, value in shown.items())])
    options = [f"--{role}-column {shlex.quote(name)}" for role, name in arguments.items()]
    options += [] if header else ["--no-header"]
    return f"load_dataset({python}), or {' '.join(options)} on the command line."


def _which(roles: Sequence[str]) -> str:
    """The end of a sentence that asks to name the columns of these roles."""
    arguments = " and ".join(f"{role}=" for role in roles)
    options = ", ".join(f"--{role}-column" for role in roles)
    return f"which to take with {arguments} ({options})."


def _literal(text: str) -> str:
    """The text as Python source."""
    return json.dumps(text, ensure_ascii=False)
