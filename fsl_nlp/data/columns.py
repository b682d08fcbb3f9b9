"""Which column holds the text, which the label, which the id."""

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
    """The columns that were named, or those whose names are usual.

    >>> find_columns(Table("a.csv", ("ID", "Frage", "意图"), ()), text="frage")
    Columns(text='Frage', label='意图', id='ID')
    """
    given = _given(table, text=text, label=label)
    texts, labels = (
        # A column that was named for one thing is not a candidate for the other.
        [given[what]]
        if what in given
        else [name for name in _named(table.columns, usual) if name not in given.values()]
        for what, usual in (("text", TEXT_NAMES), ("label", LABEL_NAMES))
    )
    if len(texts) != 1 or (labelled and len(labels) != 1):
        found = {"text": texts, "label": labels} if labelled else {"text": texts}
        raise DataError(_advice(table, found, given))
    ids = [name for known in ID_NAMES for name in _named(table.columns, (known,))]
    return Columns(texts[0], labels[0] if len(labels) == 1 else None, ids[0] if ids else None)


def _given(table: Table, **names: str | None) -> dict[str, str]:
    """The columns that the arguments name, as the table spells them."""
    given: dict[str, str] = {}
    for argument, name in names.items():
        if name is None:
            continue
        found = _named(table.columns, (name,))
        if len(found) != 1:
            what = "no column" if not found else "more than one column"
            raise DataError(
                f'{table.source}: {argument}="{name}" (--{argument}-column) names {what}. '
                f"{_listed(table.columns)}"
            )
        if found[0] in given.values():
            raise DataError(f'{table.source}: text and label both name the column "{found[0]}".')
        given[argument] = found[0]
    return given


def _named(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns that bear one of the names: to the letter, else without regard to case."""
    exact = [column for column in columns if len(names) == 1 and column == names[0]]
    plain = {name.strip().casefold() for name in names}
    return exact or [column for column in columns if column.strip().casefold() in plain]


def _listed(columns: Sequence[str]) -> str:
    return f"The columns are: {', '.join(quoted(column) for column in columns)}."


def _advice(table: Table, found: dict[str, list[str]], given: dict[str, str]) -> str:
    """What was not found or found twice, what there is, and the call that says which to take."""
    doubled = [name for names in found.values() for name in names if names.count(name) > 1]
    if doubled:
        return f'{table.source}: two columns are named "{doubled[0]}". Rename one of them.'
    chosen = _choose(table, found)
    needed = [what for what in found if what in given or len(found[what]) != 1]
    call = _call(table, {what: chosen[what] for what in needed if what in chosen})
    if table.has_header and not any(found.values()) and _is_data(table):
        return (
            f"{table.source}: the first row seems to be data. A header row is needed: "
            f"a first line that names the columns, such as text,label\n{_listed(table.columns)}\n"
            f"If these are names of columns, say which to take: {call}"
        )
    lines = [
        f"{table.source}: the {what} column may be {' or '.join(map(quoted, names))}."
        if names
        else f"{table.source}: no {what} column was found."
        for what, names in found.items()
        if len(names) != 1
    ]
    lines.append(_listed(table.columns))
    if len(chosen) == len(found):
        lines.append(f"Say which to take: {call}")
    if len(found["text"]) == 1 and found.get("label") == []:
        lines.append(without_labels(table))
    if table.has_header and not any(found.values()):
        lines.append("The file needs a header row: a first line that names the columns.")
    return "\n".join(lines)


def without_labels(table: Table) -> str:
    """What can be done with texts that have no labels."""
    python = "If the texts have no labels, pass labelled=False"
    if table.call:  # no file
        return f"{python}."
    file = shlex.quote(table.source)
    return (
        f"{python} in Python; on the command line, `fsl-nlp predict FOLDER --file {file}` has a "
        "classifier label them."
    )


def _choose(table: Table, found: dict[str, list[str]]) -> dict[str, str]:
    """A guess at the columns that are meant; only the example in a message hangs on it."""
    chosen = {what: names[0] for what, names in found.items() if len(names) == 1}
    for what, names in found.items():
        free = [name for name in names or table.columns if name not in chosen.values()]
        if what in chosen or not free:
            continue
        values = {
            name: [str(record.values.get(name, "")) for record in table.records] for name in free
        }
        if what == "text":  # texts are long
            chosen[what] = max(free, key=lambda name: sum(map(len, values[name])))
        else:  # labels are few
            chosen[what] = min(free, key=lambda name: len(set(values[name])))
    return chosen


def _call(table: Table, arguments: dict[str, str]) -> str:
    source = table.call or _literal(table.source)
    python = ", ".join([source, *(f"{what}={_literal(name)}" for what, name in arguments.items())])
    options = " ".join(f"--{what}-column {shlex.quote(name)}" for what, name in arguments.items())
    return f"load_dataset({python}), or {options} on the command line."


def _literal(text: str) -> str:
    """The text as Python source."""
    return json.dumps(text, ensure_ascii=False)


def _is_data(table: Table) -> bool:
    """Whether the header row is a sentence and a label, rather than names of columns."""
    return any(
        any(record.values[cell] == cell for record in table.records)  # labels come back below
        or re.search(r"[?!.。？！]$", cell)
        or len(cell.split()) > 3
        or len(cell.encode()) > 24  # bytes: eight Chinese characters say as much
        for cell in table.columns
        if cell
    )
