"""Parts of a source that holds several: languages, train and test, questions to annotators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fsl_nlp.data.records import Table
from fsl_nlp.errors import DataError

ALL = "all"
_SPLIT = "dataset"  # the key whose first part is read by default; others have no default
_TRAIN = "train"


def select_parts(table: Table, wanted: str | None) -> Table:
    """The records of the wanted parts, "en" or "en,test"; "all" is every part.

    Without a wish, a source of one language is read whole, and of train and test, train is read.

    >>> from fsl_nlp.data.records import Record
    >>> rows = tuple(Record(i, {"language": tag}) for i, tag in enumerate(["en", "de", "en"]))
    >>> table = Table("bot.zip", ("text", "label"), rows, parts=("language",))
    >>> len(select_parts(table, "en").records)
    2
    """
    words = [word.strip() for word in wanted.split(",") if word.strip()] if wanted else []
    if words and not table.parts:
        raise DataError(f"{table.source} has no parts such as languages: leave out :{wanted}.")
    counts = {
        key: Counter(str(record.values.get(key)) for record in table.records) for key in table.parts
    }
    names = [name for values in counts.values() for name in values]
    for word in words:
        if word.casefold() != ALL and not _match(word, names):
            raise DataError(
                f'{table.source} has no part "{word}". Its parts are: {", ".join(names)}.'
            )
    return table if ALL in map(str.casefold, words) else _select(table, counts, words)


def _select(table: Table, counts: dict[str, Counter[str]], words: Sequence[str]) -> Table:
    notes = [table.note] if table.note else []
    kept = list(table.records)
    for key, values in counts.items():
        if len(values) < 2:
            continue
        chosen = [name for word in words for name in _match(word, list(values))]
        if not chosen and key == _SPLIT:
            chosen = _match(_TRAIN, list(values)) or list(values)
            notes += _left_out(table.source, values, chosen)
        if not chosen:
            raise DataError(_choose(table.source, key, values))
        kept = [record for record in kept if str(record.values.get(key)) in chosen]
    return replace(table, records=tuple(kept), note="\n".join(notes))


def _match(word: str, values: Sequence[str]) -> list[str]:
    """The values that are the word, else those that it begins: "en" is "en-US" and "en_GB"."""
    plain = word.casefold().replace("_", "-")
    tags = {value: value.casefold().replace("_", "-") for value in values}
    exact = [value for value, tag in tags.items() if tag == plain]
    return exact or [value for value, tag in tags.items() if tag.startswith(f"{plain}-")]


def _left_out(source: str, counts: Counter[str], values: Sequence[str]) -> list[str]:
    others = {value: count for value, count in counts.items() if value not in values}
    if not others:
        return []
    shown = ", ".join(f"{value} ({count})" for value, count in others.items())
    return [
        f"{source}: the texts of {', '.join(values)} are read, and those of {shown} left out. "
        f"To read these: {source}:{next(iter(others))}."
    ]


def _choose(source: str, key: str, counts: Counter[str]) -> str:
    shown = ", ".join(f"{value} ({count})" for value, count in counts.items())
    first = next(iter(counts))
    return (
        f"{source} holds texts of more than one {key}: {shown}. Say which to read, as in "
        f"{source}:{first}, or {source}:{ALL} for all."
    )


def part_of(source: Any) -> tuple[str, str] | None:
    """The path and the part of "bot.zip:en"; None if it has no colon.

    >>> part_of("exports/bot.zip:en,test")
    ('exports/bot.zip', 'en,test')
    """
    path, colon, part = str(source).rpartition(":")
    return (path, part) if colon and path and part and not set(part) & set("/\\") else None
