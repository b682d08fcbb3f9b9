"""FewCLUE's tasks of one sentence: eprstmt, tnews, csldcp, iflytek."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fsl_nlp.data.files import read_file
from fsl_nlp.data.labels import readable
from fsl_nlp.data.records import Record, Table
from fsl_nlp.types import Label, LabelInfo

NAMES_FILE = "label_index2en2zh.json"  # tnews: label, label_desc, label_zh
_DESCRIPTIONS = ("label_desc", "label_des")  # tnews, iflytek


def read_fewclue(path: Path, *, source: str) -> Table:
    """A file of FewCLUE, with its labels as strings and what is known of them."""
    table = read_file(path, source=source)
    records = [Record(record.place, _row(record.values)) for record in table.records]
    chinese = path.with_name(NAMES_FILE)
    names = read_file(chinese, source=str(chinese)).records if chinese.is_file() else ()
    return replace(table, records=tuple(records), info=_label_info([*records, *names]))


def _row(values: Mapping[str, Any]) -> dict[str, Any]:
    # The numbers are names: the submission and the tables of the benchmark treat them so.
    number = values.get("label")
    return {**values, "label": str(number)} if type(number) is int else dict(values)


def _label_info(records: Iterable[Record]) -> dict[Label, LabelInfo]:
    """The Chinese name if there is one; tnews also has an English one, news_sports."""
    info: dict[Label, LabelInfo] = {}
    for record in records:
        label, chinese = record.values.get("label"), record.values.get("label_zh")
        descriptions = [record.values[key] for key in _DESCRIPTIONS if key in record.values]
        if isinstance(label, str) and descriptions:
            english = readable(descriptions[0])
            info[label] = LabelInfo(chinese or english, english if chinese else None)
    return info
