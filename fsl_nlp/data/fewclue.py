"""FewCLUE's nine tasks: one sentence, two, an abstract with key words, an idiom, a pronoun."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fsl_nlp.data.examples import read_id, read_label, read_text
from fsl_nlp.data.fewclue_prompts import label_words
from fsl_nlp.data.files import read_file
from fsl_nlp.data.labels import readable
from fsl_nlp.data.records import Record, Table
from fsl_nlp.types import Example, Label, LabelInfo, Span

NAMES_FILE = "label_index2en2zh.json"  # tnews: label, label_desc, label_zh
_DESCRIPTIONS = ("label_desc", "label_des")  # tnews, iflytek
BLANK = "#idiom#"  # chid: marks the position of the candidates in the text
CANDIDATES = 7

Make = Callable[[Record], Example]


def read_fewclue(path: Path, *, source: str) -> Table:
    """A file of FewCLUE, with its labels as strings, their names and their words."""
    table = read_file(path, source=source)
    records = [Record(record.position, _label_as_text(record.values)) for record in table.records]
    chinese = path.with_name(NAMES_FILE)
    names = read_file(chinese, source=str(chinese)).records if chinese.is_file() else ()
    info = _label_info([*records, *names])
    for label, words in label_words(path.parent.name).items():
        info[label] = replace(info.get(label, LabelInfo()), words=words)
    table = replace(table, records=tuple(records), info=info)
    return _set_maker(table)


def _set_maker(table: Table) -> Table:
    """The table with the function that makes its examples, if they are more than one sentence."""
    for field, make in _MAKERS.items():
        if field in table.columns:
            has_labels = bool({"label", "answer"} & set(table.columns))
            return replace(table, make=make, labelled=has_labels)
    return table


def _pair(record: Record) -> Example:
    """ocnli, bustm: two sentences."""
    values = record.values
    return Example(
        read_text(values.get("sentence1")),
        read_label(values.get("label"), needed=False),
        text_b=_read_field("sentence2", values),
        id=_id(values),
    )


def _keywords(record: Record) -> Example:
    """csl: an abstract, and words that may be its key words."""
    values = record.values
    words = values.get("keyword")
    if not isinstance(words, list) or not words:
        raise ValueError("'keyword' is not a list of key words")
    return Example(
        read_text(values.get("abst")),
        read_label(values.get("label"), needed=False),
        text_b="、".join(read_text(word) for word in words),
        id=_id(values),
    )


def _idiom(record: Record) -> Example:
    """chid: the label is the index of the right candidate."""
    values = record.values
    text = read_text(values.get("content"))
    if text.count(BLANK) != 1:
        raise ValueError(f"the text holds {text.count(BLANK)} times {BLANK}, not once")
    candidates = values.get("candidates")
    if not isinstance(candidates, list) or len(candidates) != CANDIDATES:
        count = len(candidates) if isinstance(candidates, list) else 0
        raise ValueError(f"there are {count} candidates, not {CANDIDATES}")
    answer = read_label(values.get("answer"), needed=False)
    if answer is not None and (isinstance(answer, str) or not 0 <= answer < CANDIDATES):
        raise ValueError(f"the answer {answer!r} is not 0 to {CANDIDATES - 1}")
    return Example(text, answer, candidates=tuple(map(read_text, candidates)), id=_id(values))


def _pronoun(record: Record) -> Example:
    """cluewsc: whether the second span (tail), a pronoun, means the first (head)."""
    values = record.values
    raw, target = values.get("text"), values.get("target")
    text = read_text(raw)
    if not isinstance(target, Mapping):
        raise ValueError("'target' does not name two spans")
    stripped = len(str(raw)) - len(str(raw).lstrip())  # characters before the text
    return Example(
        text,
        read_label(values.get("label"), needed=False),
        head=_span(text, target, 1, stripped),
        tail=_span(text, target, 2, stripped),
        id=_id(values),
    )


def _span(text: str, target: Mapping[str, Any], number: int, stripped: int) -> Span:
    words, start = target.get(f"span{number}_text"), target.get(f"span{number}_index")
    if not isinstance(words, str) or not isinstance(start, int) or isinstance(start, bool):
        raise ValueError(f"'target' has no span{number}_text with its span{number}_index")
    start -= stripped
    if start < 0 or text[start : start + len(words)] != words:
        raise ValueError(f"span{number}_text {words!r} is not at its span{number}_index")
    return start, start + len(words)


# By a field that only this task has.
_MAKERS: dict[str, Make] = {
    "sentence1": _pair,
    "abst": _keywords,
    "candidates": _idiom,
    "target": _pronoun,
}


def _read_field(name: str, values: Mapping[str, Any]) -> str:
    try:
        return read_text(values.get(name))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _id(values: Mapping[str, Any]) -> str | None:
    """The id; the training files of cluewsc call it idx."""
    return read_id(values["id"] if "id" in values else values.get("idx"))


def _label_as_text(values: Mapping[str, Any]) -> dict[str, Any]:
    # Numbers are names of labels, in the hand-in files and the tables of the benchmark too.
    number = values.get("label")
    return {**values, "label": str(number)} if type(number) is int else dict(values)


def _label_info(records: Iterable[Record]) -> dict[Label, LabelInfo]:
    """The name of each label: the Chinese one if there is one, with the English as description."""
    info: dict[Label, LabelInfo] = {}
    for record in records:
        label, chinese = record.values.get("label"), record.values.get("label_zh")
        descriptions = [record.values[key] for key in _DESCRIPTIONS if key in record.values]
        if isinstance(label, str) and descriptions:
            english = readable(descriptions[0])
            info[label] = LabelInfo(chinese or english, english if chinese else None)
    return info
