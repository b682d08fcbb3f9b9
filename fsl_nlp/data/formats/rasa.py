"""Rasa's training data: YAML (2.x, 3.x), Markdown (1.x) and JSON (before that)."""

from __future__ import annotations

import re

from fsl_nlp.data.formats.base import Format
from fsl_nlp.data.formats.files import FileTree
from fsl_nlp.data.formats.phrases import Phrases
from fsl_nlp.data.formats.yaml_nodes import YamlNode, parse_yaml
from fsl_nlp.data.json_nodes import JsonNode, parse_nodes
from fsl_nlp.data.records import Table

_NLU_KEY = re.compile(r"""^["']?nlu["']?[ \t]*:""", re.MULTILINE)
_MARKDOWN = re.compile(r"^##[ \t]*intent:", re.MULTILINE)
_HEADING = re.compile(r"##[ \t]*([^:]+?):(.+)")
_ITEM = re.compile(r"[ \t]*[-*+][ \t]*(.*)")
_ESCAPE = re.compile(r"\\([bnfrt])")
_ESCAPED = {"b": "\b", "n": "\n", "f": "\f", "r": "\r", "t": "\t"}
_JSON_KEY = "rasa_nlu_data"
_OTHER = {
    "synonym": "synonym",
    "regex": "regex",
    "lookup": "lookup table",
    "entity_synonyms": "synonym",
    "regex_features": "regex",
    "lookup_tables": "lookup table",
}


def _read_files(tree: FileTree) -> Table | None:
    phrases = Phrases(tree.source, RASA.title)
    readers = {".yml": _read_yaml, ".yaml": _read_yaml, ".md": _read_markdown, ".json": _read_json}
    is_rasa = False
    for name in tree.names:
        suffix = next((s for s in readers if (name or tree.source).lower().endswith(s)), None)
        if suffix:
            is_rasa |= readers[suffix](tree, name, phrases)
    return phrases.table(tree=tree) if is_rasa else None


def _read_yaml(tree: FileTree, name: str, phrases: Phrases) -> bool:
    """Read a file, if it is one of training data: a project has others, with aliases and all."""
    if not _NLU_KEY.search(tree.peek(name)):
        return False
    entries = parse_yaml(tree.text(name), tree.title(name)).get("nlu")
    without_examples = []
    for entry in entries.items() if entries else []:
        intent, examples = entry.get("intent"), entry.get("examples")
        if intent is None or intent.text is None:
            keys = {key for key, _ in entry.members()}
            kind = next((noun for key, noun in _OTHER.items() if key in keys), "other entry")
            phrases.leave_out(kind)
        elif examples is None or not (examples.text or examples.children):
            without_examples.append(intent.text)
        else:
            _read_examples(examples, intent.text, name, phrases)
    phrases.leave_out_empty(without_examples)
    return True


def _read_examples(examples: YamlNode, intent: str, name: str, phrases: Phrases) -> None:
    """A block with a text on each line that begins with "-", or a list of texts with metadata."""
    for item in examples.items():
        text = item if item.text is not None else item.get("text")
        if text is None or text.text is None:
            phrases.refuse(f"this example of {intent} has no text", item.line, name)
        else:
            phrases.add_marked(text.text, intent, text.line, name)
    for line, number in examples.lines() if examples.text is not None else ():
        text_of_line = line.strip()
        if text_of_line.startswith("-"):
            phrases.add_marked(text_of_line[1:].strip(), intent, number, name)
        elif text_of_line.startswith("#"):
            phrases.leave_out("comment")
        elif text_of_line:
            phrases.refuse(f'an example of {intent} must begin with "-"', number, name)


def _read_markdown(tree: FileTree, name: str, phrases: Phrases) -> bool:
    if not _MARKDOWN.search(tree.peek(name)):
        return False
    section, title = "", ""
    for number, line in enumerate(_without_comments(tree.text(name)).split("\n"), 1):
        if heading := _HEADING.match(line.strip()):
            section, title = heading[1].strip(), heading[2].strip()
            phrases.leave_out(_OTHER.get(section, "other section"), section != "intent")
        elif section == "intent" and (item := _ITEM.match(line)):
            example = _ESCAPE.sub(lambda escape: _ESCAPED[escape[1]], item[1].rstrip())
            phrases.add_marked(example, title, number, name)
    return True


def _without_comments(text: str) -> str:
    """The text without `<!-- ... -->`; line ends inside a comment stay, and what is not closed."""
    first, *others = text.split("<!--")
    parts = [first]
    for other in others:
        comment, end, after = other.partition("-->")
        parts += ["\n" * comment.count("\n"), after] if end else ["<!--", other]
    return "".join(parts)


def _read_json(tree: FileTree, name: str, phrases: Phrases) -> bool:
    if f'"{_JSON_KEY}"' not in tree.peek(name):
        return False
    return _read_node(parse_nodes(tree.text(name), tree.title(name)), phrases, name)


def _read_node(node: JsonNode, phrases: Phrases, name: str = "") -> bool:
    data = node[_JSON_KEY]
    if not isinstance(data.value, dict):
        return False
    for key, value in data.members():
        if key in ("common_examples", "intent_examples"):
            for item in value.items():
                if isinstance(item.value, dict):
                    phrases.add(item.value.get("text"), item.value.get("intent"), item.line, name)
                else:
                    phrases.refuse("not a JSON object", item.line, name)
        elif isinstance(value.value, list):
            phrases.leave_out(_OTHER.get(key, "other entry"), len(value.value))
    return True


def _read_document(node: JsonNode, source: str) -> Table | None:
    phrases = Phrases(source, RASA.title)
    return phrases.table() if _read_node(node, phrases) else None


RASA = Format(
    "Rasa training data",
    "YAML files with `nlu:`, or Markdown files with `## intent:`",
    from_files=_read_files,
    from_document=_read_document,
)
