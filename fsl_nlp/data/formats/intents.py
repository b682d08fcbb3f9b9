"""One JSON file for each intent (Amazon Lex V2, Botpress), and one file for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fsl_nlp.data.formats.base import Format
from fsl_nlp.data.formats.files import FileTree
from fsl_nlp.data.formats.phrases import Phrases, plural
from fsl_nlp.data.json_nodes import JsonNode, parse_nodes
from fsl_nlp.data.records import Table

_LEX_INTENT = re.compile(r"(?:(?:.*/)?BotLocales/([^/]+)/)?(?:.*/)?Intents/([^/]+)/Intent\.json")
_SLOT = re.compile(r"\{[^{}\s]{1,200}\}")
_BOTPRESS_INTENT = re.compile(r"(?:.*/)?intents/([^/]+)\.json")
# Of one file for all intents: tutorials write tag and patterns, Watson intent and examples.
_LOOKED_AT = 50  # items of a list that tell what it holds
_TAGS = ("tag", "intent", "name")
_PATTERNS = ("patterns", "examples", "utterances", "questions", "text")


def _read_lex(tree: FileTree) -> Table | None:
    files = [(name, match) for name in tree.names if (match := _LEX_INTENT.fullmatch(name))]
    if not files:
        return None
    phrases, empty, with_slots = Phrases(tree.source, LEX.title), [], 0
    for name, match in files:
        node = parse_nodes(tree.text(name), tree.title(name))
        settings = node.value if isinstance(node.value, dict) else {}
        intent = next((settings[k] for k in ("name", "intentName") if settings.get(k)), match[2])
        phrases.describe(intent, settings.get("description"))
        utterances = list(node["sampleUtterances"].items())
        empty += [] if utterances else [str(intent)]
        for item in utterances:
            text = item.value.get("utterance") if isinstance(item.value, dict) else item.value
            with_slots += isinstance(text, str) and bool(_SLOT.search(text))
            phrases.add(text, intent, item.line, name, language=match[1])
    phrases.leave_out_empty(empty)
    if with_slots:
        phrases.note(f"slots such as {{City}} stay as they are, in {plural(with_slots, 'text')}")
    return phrases.table("language", tree=tree)


def _read_botpress(tree: FileTree) -> Table | None:
    files = [(name, match) for name in tree.names if (match := _BOTPRESS_INTENT.fullmatch(name))]
    nodes = [
        (name, match[1], parse_nodes(tree.text(name), tree.title(name)))
        for name, match in files
        if '"utterances"' in tree.peek(name)
    ]
    if not any(isinstance(node["utterances"].value, dict) for _, _, node in nodes):
        return None
    phrases, empty = Phrases(tree.source, BOTPRESS.title), []
    for name, stem, node in nodes:
        value = node.value.get("name") if isinstance(node.value, dict) else None
        intent = value if isinstance(value, str) and value.strip() else stem
        languages = list(node["utterances"].members())
        empty += [] if any(texts.value for _, texts in languages) else [intent]
        for language, texts in languages:
            for item in texts.items():
                phrases.add_marked(item.value, intent, item.line, name, language=language)
    phrases.leave_out_empty(empty)
    return phrases.table("language", tree=tree)


def _read_one_file(node: JsonNode, source: str) -> Table | None:
    """{"intents": [{"tag": ..., "patterns": [...]}]}, the list alone, or under another key."""
    lists = [node] if isinstance(node.value, list) else [value for _, value in node.members()]
    intents = next((item for item in lists if _are_intents(item.value)), None)
    if intents is None:
        return None
    phrases, empty, has_answers = Phrases(source, ONE_FILE.title), [], False
    for item in intents.items():
        if not isinstance(item.value, dict):
            phrases.refuse("not a JSON object", item.line)
            continue
        tag, key = _keys_of(item.value)
        if not tag or not key:
            phrases.refuse("this intent has no name or no texts", item.line)
            continue
        label = item.value[tag]
        phrases.describe(label, item.value.get("description"))
        has_answers |= bool(item.value.get("responses"))
        texts = list(_texts(item[key]))
        empty += [] if texts else [str(label)]
        for text, line in texts:
            phrases.add(text, label, line)
    if has_answers:
        phrases.note("answers are left out")
    phrases.leave_out_empty(empty)
    return phrases.table()


def _are_intents(value: object) -> bool:
    """Whether a list holds intents: objects that have a name and a list of texts."""
    if not isinstance(value, list) or not value:
        return False
    return any(all(_keys_of(item)) for item in value[:_LOOKED_AT] if isinstance(item, dict))


def _keys_of(intent: dict[str, Any]) -> tuple[str, str]:
    """The keys of the name and of the texts; "" for one that is missing."""
    tag = next((key for key in _TAGS if isinstance(intent.get(key), str)), "")
    return tag, next((key for key in _PATTERNS if isinstance(intent.get(key), list)), "")


def _texts(patterns: JsonNode) -> Iterator[tuple[Any, int]]:
    """Each text and its line, without empty ones, which stand for "no pattern"."""
    for item in patterns.items():
        text = item.value.get("text") if isinstance(item.value, dict) else item.value
        if text != "":
            yield text, item.line


LEX = Format(
    "a bot of Amazon Lex V2",
    "BotLocales/LANGUAGE/Intents/NAME/Intent.json",
    from_files=_read_lex,
)
BOTPRESS = Format(
    "a bot of Botpress",
    'intents/NAME.json with "utterances" by language',
    from_files=_read_botpress,
)
ONE_FILE = Format(
    "a list of intents",
    "",
    from_document=_read_one_file,
)
