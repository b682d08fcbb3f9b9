"""What the values of a column look like: sentences, labels, or something else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

_CHINESE = re.compile("[\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af]")
_FEW = 4  # rows below which it says nothing that all values differ
# Parts of names, for advice alone: columns are found by exact names.
LABEL_WORDS = re.compile(
    r"intent|label|categor|class|topic|意图|标签|类别|分类|标注", re.IGNORECASE
)
TEXT_WORDS = re.compile(
    r"text|sentence|utteranc|quer|question|phrase|example|message|input|frage|问|句|话术|文本|语料",
    re.IGNORECASE,
)
# Columns beside texts and labels, in exports of chatbots and of forms.
_OTHER = re.compile(
    r"answers?|responses?|repl(y|ies)|回答|回复|答案|答复|答句|标准答案|应答"
    r"|lang(uage)?|locale|语言|语种|(.*[ _-])?(id|idx|uuid|guid)|编号|序号|行号"
    r"|antwort(en)?|réponses?|respuestas?|english|german|french|spanish|chinese|deutsch|français"
    r"|español|中文|英文|英语|汉语|翻译|translations?|en|de|fr|es|zh|zh-cn|cn"
    r"|dates?|datum|fecha|time(stamp)?|created(.at)?|updated(.at)?|日期|时间|.*时间"
    r"|users?|user.?name|author|annotator|e-?mail|url|link|channel|source|split|作者|用户|渠道"
    r"|(bot|agent|system)([ _-].*)?|.*[ _-](answers?|responses?|reply|replies|lang(uage)?)"
    r"|notes?|comments?|remarks?|备注|注释|说明|count|score|confidence|次数|数量",
    re.IGNORECASE,
)


def values_of(records: Iterable[Any], column: str) -> list[str]:
    """The values of a column as text, without the empty ones."""
    values = (record.values.get(column) for record in records)
    return [text for value in values if value is not None and (text := str(value).strip())]


def is_other(name: str) -> bool:
    """Whether the name says that a column holds answers, languages, ids, dates and the like.

    >>> is_other("Response"), is_other("user_id"), is_other("utterance")
    (True, True, False)
    """
    return bool(_OTHER.fullmatch(name.strip()))


def are_sentences(values: Sequence[str]) -> bool:
    """Whether most values are of two words or four Chinese characters, and few are repeated.

    >>> are_sentences(["where is it", "send it back"]), are_sentences(["track", "return"])
    (True, False)
    """
    long = sum(_is_sentence(value) for value in values)
    return bool(values) and 3 * long >= 2 * len(values) and 10 * len(set(values)) > 8 * len(values)


def could_be_labels(values: Sequence[str]) -> bool:
    """Whether the values are neither all the same nor, in more than three rows, all different.

    >>> could_be_labels(["a", "b", "a", "b"]), could_be_labels(["en", "en"])
    (True, False)
    """
    distinct = len(set(values))
    return distinct > 1 and (len(values) < _FEW or distinct < len(values))


def are_swapped(texts: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether the values of two columns are labels and texts, and not texts and labels.

    >>> are_swapped(["track", "track", "return"], ["where is it", "is it sent", "take it back"])
    True
    """
    repeated = len(set(texts)) < len(set(labels))
    return (repeated or not are_sentences(texts)) and are_sentences(labels)


def _is_sentence(value: str) -> bool:
    return len(value.split()) > 1 or len(_CHINESE.findall(value)) > 3
