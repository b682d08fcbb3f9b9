"""Sheets that are not one sentence a row: one intent a column, or one intent a row.

They are turned into one sentence a row where they are clearly of this kind. Where they may as well
hold answers or translations, they are refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from fsl_nlp.data.contents import LABEL_WORDS, TEXT_WORDS, are_sentences, is_other, values_of
from fsl_nlp.data.records import Record, Table, quoted, unnamed

# "utterance 3", "问法２", but not "2" alone
_NUMBERED = re.compile(r"(.*[^\W\d_])[\s_\-]*\d+")
_PAIR_STEMS = ("text", "sentence", "question", "文本", "句子", "问题")
_IDENTIFIER = re.compile(r"\w+[_.\-/]\w[\w.\-/]*|[a-z]+[A-Z]\w*")
_SHOWN = 4
_LONG_FORM = "Write one sentence a row, with its intent beside it, below a header row text,intent."


def unpivot(table: Table, texts: Sequence[str] = (), labels: Sequence[str] = ()) -> Table | None:
    """One sentence a row, if the table clearly has one intent a column or one intent a row.

    `texts` and `labels` are the columns with a usual name of texts, and of labels.

    >>> rows = ({"a_b": "where is it", "c_d": "cancel it all"}, {"a_b": "is it sent"})
    >>> table = Table("a.csv", ("a_b", "c_d"), tuple(map(Record, (2, 3), rows)), has_header=True)
    >>> [tuple(record.values.values()) for record in unpivot(table).records]
    [('where is it', 'a_b'), ('cancel it all', 'c_d'), ('is it sent', 'a_b')]
    """
    names = _unnamed_columns(table, texts, labels) or _numbered_columns(table)
    if names and set(texts) <= set(names):
        others = [name for name in table.columns if name not in names]
        chosen = list(labels) or others
        if len(chosen) == 1 and chosen[0] in others:
            return _one_label_a_row(table, chosen[0], names)
    elif not texts and not labels and _is_one_label_a_column(table):
        return _one_label_a_column(table)
    return None


def describe_layout(table: Table) -> str:
    """What a table of sentences in all columns may be, and the mend; "" for another table."""
    if len(table.columns) < 2 or not _all_sentences(table):
        return ""
    return (
        "all columns hold sentences. It may have one intent a column, or questions with their "
        f"answers, or translations; that cannot be told apart. {_LONG_FORM} If one column holds "
        "the texts and another the labels, say which with text= and label= (--text-column, "
        "--label-column)."
    )


def _one_label_a_column(table: Table) -> Table:
    records = tuple(
        Record(record.position, {"text": record.values[name], "label": name})
        for record in table.records
        for name in table.columns
        if not _is_blank(record.values.get(name))
    )
    counts = Counter(record.values["label"] for record in records)
    shown = ", ".join(f"{name} ({counts[name]})" for name in table.columns[:_SHOWN])
    more = ", ..." if len(table.columns) > _SHOWN else ""
    note = f"{table.source} was read as one label a column, with sentences below: {shown}{more}."
    return _long(table, records, note)


def _one_label_a_row(table: Table, label: str, names: Sequence[str]) -> Table:
    records = tuple(
        Record(record.position, {"text": record.values[name], "label": record.values[label]})
        for record in table.records
        for name in names
        if not _is_blank(record.values.get(name))
    )
    note = (
        f"{table.source} was read as one label a row, {quoted(label)}, with sentences in "
        f"{len(names)} columns: {', '.join(map(quoted, names[:_SHOWN]))}"
        f"{', ...' if len(names) > _SHOWN else ''}."
    )
    return _long(table, records, note)


def _long(table: Table, records: tuple[Record, ...], note: str) -> Table:
    notes = "\n".join(filter(None, (table.note, note)))
    return replace(table, columns=("text", "label"), records=records, note=notes)


def _numbered_columns(table: Table) -> list[str]:
    """The columns such as "example 1", "example 2", if they hold sentences; no pair of texts."""
    stems = [_stem(name) for name in table.columns]
    for stem in dict.fromkeys(filter(None, stems)):
        names = [
            name
            for name, own in zip(table.columns, stems, strict=True)
            if own == stem or _plain(name) == stem  # "text" beside "text 2"
        ]
        is_pair = len(names) == 2 and stem.strip() in _PAIR_STEMS
        if len(names) > 1 and not is_pair and not is_other(stem) and _hold_sentences(table, names):
            return names
    return []


def _unnamed_columns(table: Table, texts: Sequence[str], labels: Sequence[str]) -> list[str]:
    """The text column and those to its right that have no name, as below a merged header cell."""
    if len(texts) != 1 or len(labels) != 1:
        return []
    start = table.columns.index(texts[0]) + 1
    names = [texts[0]]
    for index, name in enumerate(table.columns[start:], start):
        if name != unnamed(index):
            break
        names.append(name)
    targets = values_of(table.records, labels[0])
    enough = len(names) > 2 or (len(names) == 2 and len(set(targets)) == len(targets) > 1)
    return names if enough and _hold_sentences(table, names) else []


def _hold_sentences(table: Table, names: Sequence[str]) -> bool:
    return are_sentences([value for name in names for value in values_of(table.records, name)])


def _stem(name: str) -> str | None:
    match = _NUMBERED.fullmatch(_plain(name))
    return match[1] if match else None


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _is_one_label_a_column(table: Table) -> bool:
    """Columns of sentences of unequal length: three or more, or below names such as track_order.

    Where all rows are full, the sentences of a row may belong together.
    """
    if len(table.columns) < 2 or not table.has_header or not _all_sentences(table):
        return False
    if any(map(_names_no_label, table.columns)):
        return False
    filled = [
        [not _is_blank(record.values.get(name)) for record in table.records]
        for name in table.columns
    ]
    without_gaps = all(column == sorted(column, reverse=True) for column in filled)
    unequal = len({sum(column) for column in filled}) > 1
    identifiers = all(_IDENTIFIER.fullmatch(name) for name in table.columns)
    return without_gaps and unequal and (len(filled) > 2 or identifiers)


def _all_sentences(table: Table) -> bool:
    if len(set(table.columns)) < len(table.columns):
        return False
    columns = [values_of(table.records, name) for name in table.columns]
    together = [value for values in columns for value in values]
    return all(map(are_sentences, columns)) and are_sentences(together)


def _names_no_label(name: str) -> bool:
    """Whether a column is named for something else, or a question stands where its name should."""
    return (
        is_other(name)
        or bool(TEXT_WORDS.search(name) or LABEL_WORDS.search(name))
        or len(name.split()) > 3
        or name[-1:] in "?!.。？！"
    )


def _is_blank(value: object) -> bool:
    return value is None or not str(value).strip()
