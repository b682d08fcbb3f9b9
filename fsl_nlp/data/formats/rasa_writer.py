"""Training data for Rasa 3, as people write it: a block of texts for each intent."""

from __future__ import annotations

import json
import re

from fsl_nlp.data.records import quoted
from fsl_nlp.errors import DataError
from fsl_nlp.types import Dataset

VERSION = "3.1"
# What ends a line for Rasa, or cannot stand in YAML as it is. A tab can.
_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_PLAIN = re.compile(r"[^\W\d]\w*(?:[/+.-]\w+)*")
_NOT_TEXT = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}  # in YAML


def as_rasa(dataset: Dataset) -> str:
    """The content of nlu.yml. A text that Rasa would read as another one is a DataError.

    >>> data = Dataset.from_texts(["yes", "two\\nlines"], ["yes", "other"])
    >>> print(as_rasa(data), end="")
    version: "3.1"
    nlu:
    - intent: "yes"
      examples: |
        - yes
    - intent: other
      examples:
      - text: "two\\nlines"
    """
    texts: dict[str, list[str]] = {}
    for example in dataset.examples:
        if example.label is None:
            raise DataError(f"Rasa cannot hold {quoted(example.text)}: it has no label.")
        if _has_entity(example.text):
            raise DataError(
                f"Rasa cannot hold {quoted(example.text)}: it would read the brackets as an entity."
            )
        texts.setdefault(str(example.label), []).append(example.text)
    return f'version: "{VERSION}"\nnlu:\n' + "".join(map(_intent, texts, texts.values()))


def _intent(name: str, texts: list[str]) -> str:
    head = f"- intent: {_scalar(name)}\n  examples:"
    if any(_UNSAFE.search(text) for text in texts):
        return head + "\n" + "".join(f"  - text: {_quoted(text)}\n" for text in texts)
    return head + " |\n" + "".join(f"    - {text}\n" for text in texts)


def _has_entity(text: str) -> bool:
    """Whether "[" and later "](" or "]{" are in the text."""
    opened = text.find("[")
    return opened >= 0 and ("](" in text[opened:] or "]{" in text[opened:])


def _scalar(name: str) -> str:
    return name if _PLAIN.fullmatch(name) and name.lower() not in _NOT_TEXT else _quoted(name)


def _quoted(text: str) -> str:
    """Between double quotes, with the escapes that JSON and YAML share."""
    return _UNSAFE.sub(
        lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False)
    )
