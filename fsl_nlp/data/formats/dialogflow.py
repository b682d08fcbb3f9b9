"""Google Dialogflow: the archives of ES and of CX agents, and the tables of CX intents."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from fsl_nlp.data.formats.base import Format
from fsl_nlp.data.formats.files import FileTree
from fsl_nlp.data.formats.phrases import Phrases
from fsl_nlp.data.json_nodes import JsonNode, parse_nodes
from fsl_nlp.data.records import Record, Table

_USER_SAYS = re.compile(r"(.+)_usersays_([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)*)\.json")
_CX_PHRASES = re.compile(r"((?:.*/)?intents/([^/]+))/trainingPhrases/([^/]+)\.json")
_CX_COLUMNS = ("intent display name", "language", "phrase")


def _read_es(tree: FileTree) -> Table | None:
    """intents/NAME_usersays_LANGUAGE.json has the phrases; intents/NAME.json the full name."""
    files = [(name, match) for name in tree.names if (match := _USER_SAYS.fullmatch(name))]
    if not files:
        return None
    phrases = Phrases(tree.source, ES.title)
    for name, match in files:
        intent = _name_of(tree, f"{match[1]}.json", "name") or match[1].rpartition("/")[2]
        for phrase in parse_nodes(tree.text(name), tree.title(name)).items():
            if isinstance(phrase.value, dict) and phrase.value.get("isTemplate") is True:
                phrases.leave_out("template phrase")  # "@sys.any:name" in place of words
            else:
                _add(phrases, phrase, phrase["data"], intent, name, match[2])
    return phrases.table("language", tree=tree)


def _read_cx(tree: FileTree) -> Table | None:
    """intents/NAME/trainingPhrases/LANGUAGE.json beside intents/NAME/NAME.json."""
    files = [(name, match) for name in tree.names if (match := _CX_PHRASES.fullmatch(name))]
    if not files:
        return None
    phrases = Phrases(tree.source, CX.title)
    for name, match in files:
        settings = f"{match[1]}/{match[2]}.json"
        intent = _name_of(tree, settings, "displayName") or match[2]
        phrases.describe(intent, _name_of(tree, settings, "description"))
        document = parse_nodes(tree.text(name), tree.title(name))
        for phrase in document["trainingPhrases"].items():
            _add(phrases, phrase, phrase["parts"], intent, name, match[3])
    return phrases.table("language", tree=tree)


def _add(
    phrases: Phrases, phrase: JsonNode, parts: JsonNode, intent: str, name: str, language: str
) -> None:
    """A phrase is a list of parts, of which some are marked as parameters."""
    texts = [
        part.value.get("text") if isinstance(part.value, dict) else 0 for part in parts.items()
    ]
    if texts and all(isinstance(text, str) for text in texts):
        phrases.add("".join(map(str, texts)), intent, phrase.line, name, language=language)
    else:
        phrases.refuse("this training phrase has no text", phrase.line, name)


def _name_of(tree: FileTree, file: str, key: str) -> str:
    """The value of a key of a file of settings; "" if there is none."""
    if file not in tree.names:
        return ""
    settings = parse_nodes(tree.text(file), tree.title(file)).value
    value = settings.get(key) if isinstance(settings, dict) else None
    return value if isinstance(value, str) else ""


def _read_table(table: Table) -> Table | None:
    """A table of intents in which a row without an intent or a language repeats the row above."""
    names = {column.strip().casefold(): column for column in table.columns}
    if not all(name in names for name in _CX_COLUMNS):
        return None
    intent, language, phrase = (names[name] for name in _CX_COLUMNS)
    above: dict[str, Any] = {}
    records = []
    for record in table.records:
        for column in (intent, language):
            value = record.values.get(column)
            above[column] = value if str(value or "").strip() else above.get(column)
        values = {
            "text": record.values.get(phrase),
            "label": above[intent],
            "language": above[language],
        }
        records.append(Record(record.position, values))
    return replace(table, columns=("text", "label"), records=tuple(records), parts=("language",))


ES = Format(
    "an agent of Dialogflow ES",
    "intents/NAME_usersays_LANGUAGE.json",
    from_files=_read_es,
)
CX = Format(
    "an agent of Dialogflow CX",
    "intents/NAME/trainingPhrases/LANGUAGE.json",
    from_files=_read_cx,
    from_table=_read_table,
)
