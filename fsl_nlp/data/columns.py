"""Finds the columns that hold the text, the label and the id."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from fsl_nlp.data.records import Table, quoted
from fsl_nlp.errors import DataError

TEXT_NAMES = (
    *("text", "sentence", "utterance", "query", "question", "input", "content"),
    *("文本", "句子"),
)
LABEL_NAMES = ("label", "intent", "category", "class", "target", "标签", "类别", "意图")
ID_NAMES = ("id", "idx", "guid")


@dataclass(frozen=True, slots=True)
class Columns:
    """Column names as the table spells them."""

    text: str
    label: str | None = None
    id: str | None = None


def find_columns(
    table: Table, *, text: str | None = None, label: str | None = None, labelled: bool = True
) -> Columns:
    """The columns that the arguments name, else those with usual names.

    >>> find_columns(Table("a.csv", ("ID", "Frage", "意图"), ()), text="frage")
    Columns(text='Frage', label='意图', id='ID')
    """
    named = _named_columns(table, text=text, label=label)
    texts, labels = (
        # A column that is named for one role is not a candidate for the other.
        [named[role]]
        if role in named
        else [name for name in _match(table.columns, usual) if name not in named.values()]
        for role, usual in (("text", TEXT_NAMES), ("label", LABEL_NAMES))
    )
    if len(texts) != 1 or (labelled and len(labels) != 1):
        candidates = {"text": texts, "label": labels} if labelled else {"text": texts}
        raise DataError(_explain(table, candidates, named))
    ids = [column for name in ID_NAMES for column in _match(table.columns, (name,))]
    return Columns(texts[0], labels[0] if len(labels) == 1 else None, ids[0] if ids else None)


def _named_columns(table: Table, **names: str | None) -> dict[str, str]:
    """The columns that the arguments name, as the table spells them."""
    named: dict[str, str] = {}
    for argument, name in names.items():
        if name is None:
            continue
        matches = _match(table.columns, (name,))
        if len(matches) != 1:
            count = "more than one column" if matches else "no column"
            raise DataError(
                f'{table.source}: {argument}="{name}" (--{argument}-column) names {count}. '
                f"{_list_columns(table.columns)}"
            )
        if matches[0] in named.values():
            raise DataError(f'{table.source}: text and label both name the column "{matches[0]}".')
        named[argument] = matches[0]
    return named


def _match(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns with one of the names: exactly equal, else without regard to case."""
    exact = [column for column in columns if len(names) == 1 and column == names[0]]
    plain = {name.strip().casefold() for name in names}
    return exact or [column for column in columns if column.strip().casefold() in plain]


def _list_columns(columns: Sequence[str]) -> str:
    return f"The columns are: {', '.join(quoted(column) for column in columns)}."


def _explain(table: Table, candidates: dict[str, list[str]], named: dict[str, str]) -> str:
    """The roles without exactly one column, the columns of the table, and a call that works."""
    doubled = [name for names in candidates.values() for name in names if names.count(name) > 1]
    if doubled:
        return f'{table.source}: two columns are named "{doubled[0]}". Rename one of them.'
    guess = _guess_columns(table, candidates)
    needed = [role for role in candidates if role in named or len(candidates[role]) != 1]
    call = _show_call(table, {role: guess[role] for role in needed if role in guess})
    if table.has_header and not any(candidates.values()) and _is_data(table):
        return (
            f"{table.source}: the first row seems to be data. A header row is needed: a first "
            f"line that names the columns, such as text,label\n{_list_columns(table.columns)}\n"
            f"If these are names of columns, say which to take: {call}"
        )
    lines = [
        f"{table.source}: the {role} column may be {' or '.join(map(quoted, names))}."
        if names
        else f"{table.source}: no {role} column was found."
        for role, names in candidates.items()
        if len(names) != 1
    ]
    lines.append(_list_columns(table.columns))
    if len(guess) == len(candidates):
        lines.append(f"Say which to take: {call}")
    if len(candidates["text"]) == 1 and candidates.get("label") == []:
        lines.append(without_labels(table))
    if table.has_header and not any(candidates.values()):
        lines.append("The file needs a header row: a first line that names the columns.")
    return "\n".join(lines)


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


def _guess_columns(table: Table, candidates: dict[str, list[str]]) -> dict[str, str]:
    """A guess at the columns that are meant, for the example in a message."""
    guess = {role: names[0] for role, names in candidates.items() if len(names) == 1}
    for role, names in candidates.items():
        free = [name for name in names or table.columns if name not in guess.values()]
        if role in guess or not free:
            continue
        values = {
            name: [str(record.values.get(name, "")) for record in table.records] for name in free
        }
        if role == "text":  # texts are long
            guess[role] = max(free, key=lambda name: sum(map(len, values[name])))
        else:  # labels are few
            guess[role] = min(free, key=lambda name: len(set(values[name])))
    return guess


def _show_call(table: Table, arguments: dict[str, str]) -> str:
    """The call, in Python and on the command line, that names these columns."""
    source = table.call or _literal(table.source)
    python = ", ".join([source, *(f"{role}={_literal(name)}" for role, name in arguments.items())])
    options = " ".join(f"--{role}-column {shlex.quote(name)}" for role, name in arguments.items())
    return f"load_dataset({python}), or {options} on the command line."


def _literal(text: str) -> str:
    """The text as Python source."""
    return json.dumps(text, ensure_ascii=False)


def _is_data(table: Table) -> bool:
    """Whether the header row is a sentence and a label, not names of columns."""
    return any(
        any(record.values[cell] == cell for record in table.records)  # labels are repeated below
        or re.search(r"[?!.。？！]$", cell)
        or len(cell.split()) > 3
        or len(cell.encode()) > 24  # bytes: about eight Chinese characters
        for cell in table.columns
        if cell
    )
