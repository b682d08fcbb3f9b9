"""Finds the columns that hold the text, the second text, the label and the id."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from fsl_nlp.data.column_advice import explain_columns, list_columns
from fsl_nlp.data.layouts import unpivot
from fsl_nlp.data.records import Table
from fsl_nlp.errors import DataError

# Of the first group that a table has a name of; so a column `message` beside `text` is no question.
TEXT_NAMES = (
    (
        *("text", "sentence", "utterance", "query", "question", "input", "content"),
        *("文本", "句子"),
    ),
    (
        *("texts", "sentences", "utterances", "queries", "questions", "inputs"),
        *("message", "messages", "example", "examples", "phrase", "phrases"),
        *("training phrase", "training phrases", "user input", "user message", "user query"),
        *("user question", "user utterance", "user text", "input text", "customer message"),
        *("问题", "问句", "问法", "话术", "语句", "语料", "内容", "例句", "用户问法", "用户问题"),
        *("用户问句", "用户输入", "用户话术", "用户说法", "相似问", "相似问法", "训练语句"),
        *("文本内容", "问题内容"),
    ),
)
LABEL_NAMES = (
    ("label", "intent", "category", "class", "target", "标签", "类别", "意图"),
    (
        *("labels", "intents", "categories", "classes", "targets"),
        *("intent name", "intent label", "intent id", "label name", "category name"),
        *("class name", "class label", "tag", "topic"),
        *("意图名称", "意图名", "意图标签", "标签名称", "标注", "标注结果", "分类", "分类名称"),
        *("类别名称", "类目", "所属意图", "所属类别", "所属分类"),
    ),
)
ID_NAMES = ("id", "idx", "guid")
# A first text and a second one, as corpora of pairs name them.
PAIR_NAMES = (
    *(("text a", "text b"), ("text 1", "text 2"), ("first text", "second text")),
    *(("sentence a", "sentence b"), ("sentence 1", "sentence 2")),
    *(("first sentence", "second sentence"), ("question 1", "question 2")),
    *(("premise", "hypothesis"), ("文本1", "文本2"), ("句子1", "句子2"), ("问题1", "问题2")),
)
TEXT_B_NAMES = tuple(dict.fromkeys(second for _, second in PAIR_NAMES if second != "hypothesis"))
_INVISIBLE = re.compile("[\\s_\\-\u200b-\u200d\u2060\ufeff]+")


@dataclass(frozen=True, slots=True)
class Columns:
    """Column names as the table spells them."""

    text: str
    label: str | None = None
    id: str | None = None
    text_b: str | None = None


def find_columns(
    table: Table,
    *,
    text: str | None = None,
    label: str | None = None,
    text_b: str | None = None,
    labelled: bool = True,
) -> Columns:
    """The columns that the arguments name, else those with usual names.

    >>> find_columns(Table("a.csv", ("ID", "Frage", "意图"), ()), text="frage")
    Columns(text='Frage', label='意图', id='ID', text_b=None)
    >>> find_columns(Table("a.csv", ("sentence1", "sentence2", "label"), ()))
    Columns(text='sentence1', label='label', id=None, text_b='sentence2')
    """
    named = _named_columns(table, text=text, label=label, text_b=text_b)
    # A column that is named for one role is not a candidate for another.
    free = [name for name in table.columns if name not in named.values()]
    seconds = [named["text_b"]] if text_b else matching_columns(free, TEXT_B_NAMES)
    pair = None if text else _find_pair(free, named.get("text_b"))
    if pair:
        texts, seconds = [pair[0]], [pair[1]]
    else:
        texts = [named["text"]] if text else usual_columns(free, TEXT_NAMES)
    labels = [named["label"]] if label else usual_columns(free, LABEL_NAMES)
    if len(texts) != 1 or (labelled and len(labels) != 1):
        candidates = {"text": texts, "label": labels} if labelled else {"text": texts}
        raise DataError(explain_columns(table, candidates, named))
    ids = [column for name in ID_NAMES for column in matching_columns(table.columns, (name,))]
    return Columns(
        texts[0],
        labels[0] if len(labels) == 1 else None,
        ids[0] if ids else None,
        seconds[0] if len(seconds) == 1 else None,
    )


def one_a_row(table: Table, *, label: str | None = None) -> Table:
    """The table with one sentence a row, if it clearly has one label a column or a row instead.

    >>> from fsl_nlp.data.records import Record
    >>> row = {"intent": "track", "example 1": "where is it", "example 2": "is it sent"}
    >>> len(one_a_row(Table("a.csv", tuple(row), (Record(2, row),))).records)
    2
    """
    texts = usual_columns(table.columns, TEXT_NAMES)
    labels = (
        matching_columns(table.columns, (label,))
        if label
        else usual_columns(table.columns, LABEL_NAMES)
    )
    return unpivot(table, texts, labels) or table


def usual_columns(columns: Sequence[str], groups: Sequence[Sequence[str]]) -> list[str]:
    """The columns with a name of the first group that has one there.

    >>> usual_columns(["message", "text"], TEXT_NAMES), usual_columns(["User_Input"], TEXT_NAMES)
    (['text'], ['User_Input'])
    """
    return next(filter(None, (matching_columns(columns, names) for names in groups)), [])


def matching_columns(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns with one of the names: exactly equal, else but for case, spaces, "_" and "-".

    >>> matching_columns(["Intent_Name", "intent"], ("intent name",))
    ['Intent_Name']
    """
    exact = [column for column in columns if len(names) == 1 and column == names[0]]
    plain = set(map(plain_name, names))
    return exact or [column for column in columns if plain_name(column) in plain]


def plain_name(name: str) -> str:
    """A name without case, width, white space, "_" and "-".

    >>> plain_name("Intent_Name "), plain_name("ＩＮＴＥＮＴ\u00a0name")
    ('intentname', 'intentname')
    """
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", name)).casefold()


def has_usual_text(columns: Sequence[str]) -> bool:
    """Whether one of the names is usual for texts.

    >>> has_usual_text(["Datum", "Text"]), has_usual_text(["wo ist es", "versand"])
    (True, False)
    """
    return bool(usual_columns(columns, TEXT_NAMES) or _find_pair(columns, None))


def _find_pair(columns: Sequence[str], second: str | None) -> tuple[str, str] | None:
    """The columns of a first and a second text, of which `second` may be named."""
    for names in PAIR_NAMES:
        firsts = matching_columns(columns, (names[0],))
        seconds = [second] if second else matching_columns(columns, (names[1],))
        if len(firsts) == len(seconds) == 1:
            return firsts[0], seconds[0]
    return None


def _named_columns(table: Table, **names: str | None) -> dict[str, str]:
    """The columns that the arguments name, as the table spells them."""
    named: dict[str, str] = {}
    for argument, name in names.items():
        if name is None:
            continue
        matches = matching_columns(table.columns, (name,))
        if len(matches) != 1:
            count = "more than one column" if matches else "no column"
            option = f"--{argument.replace('_', '-')}-column"
            raise DataError(
                f'{table.source}: {argument}="{name}" ({option}) names {count}. '
                f"{list_columns(table.columns)}"
            )
        for other, column in named.items():
            if column == matches[0]:
                raise DataError(
                    f'{table.source}: {other} and {argument} both name the column "{column}".'
                )
        named[argument] = matches[0]
    return named
