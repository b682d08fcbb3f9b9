"""Microsoft: conversational language understanding (CLU), and LUIS before it."""

from __future__ import annotations

from typing import Any

from fsl_nlp.data.formats.base import Format
from fsl_nlp.data.formats.phrases import Phrases
from fsl_nlp.data.json_nodes import JsonNode
from fsl_nlp.data.records import Table


def _read_clu(node: JsonNode, source: str) -> Table | None:
    """{"metadata": {"language"}, "assets": {"utterances": [{"text", "intent", ...}]}}"""
    assets = node["assets"]
    if not _are_utterances(assets["utterances"]):
        return None
    phrases = Phrases(source, CLU.title)
    for intent in assets["intents"].items():
        if isinstance(intent.value, dict):
            phrases.describe(intent.value.get("category"), intent.value.get("description"))
    _read_utterances(assets, phrases, node["metadata"]["language"].value or None)
    return phrases.table("language", "dataset")


def _read_luis(node: JsonNode, source: str) -> Table | None:
    """{"intents": [{"name"}], "utterances": [{"text", "intent", "entities"}], "patterns": [...]}"""
    if not _are_utterances(node["utterances"]):
        return None
    phrases = Phrases(source, LUIS.title)
    _read_utterances(node, phrases, None)
    phrases.leave_out("pattern", len(list(node["patterns"].items())))
    return phrases.table()


def _read_utterances(node: JsonNode, phrases: Phrases, language: Any) -> None:
    """The utterances, and the names of intents without any; `language` is the default one."""
    labels = set()
    for item in node["utterances"].items():
        if not isinstance(item.value, dict):
            phrases.refuse("not a JSON object", item.line)
            continue
        label = item.value.get("intent")
        phrases.add(
            item.value.get("text"),
            label,
            item.line,
            language=item.value.get("language") or language,
            dataset=item.value.get("dataset") or "Train",
        )
        labels.add(str(label))
    names = [
        name
        for intent in node["intents"].items()
        if isinstance(intent.value, dict)
        and isinstance(name := intent.value.get("category") or intent.value.get("name"), str)
    ]
    phrases.leave_out_empty(name for name in names if name not in labels)


def _are_utterances(node: JsonNode) -> bool:
    return isinstance(node.value, list) and any(
        isinstance(item, dict) and "text" in item and "intent" in item for item in node.value
    )


CLU = Format("a project of Microsoft CLU", "", from_document=_read_clu)
LUIS = Format("an app of Microsoft LUIS", "", from_document=_read_luis)
