"""YAML as strings, lists and maps with their lines.

A word such as `yes` stays that word, and no object is made. Aliases are refused, because a few
lines of them can stand for a million texts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fsl_nlp.data.records import quoted
from fsl_nlp.errors import DataError

_MAX_DEPTH = 100
_MAX_CHARACTERS = 1 << 25


@dataclass(frozen=True)
class YamlNode:
    """A string with its line, or the children of a list or a map."""

    line: int  # from 1
    text: str | None = None  # None: a list or a map
    is_block: bool = False  # a text below its key, line by line
    is_map: bool = False
    children: list[YamlNode] = field(default_factory=list)  # of a map: key, value, key, value, ...

    def members(self) -> Iterator[tuple[str, YamlNode]]:
        """The keys and values of a map; nothing if this is none."""
        if self.is_map:
            for key, value in zip(self.children[::2], self.children[1::2], strict=False):
                if key.text is not None:
                    yield key.text, value

    def get(self, key: str) -> YamlNode | None:
        """The value of a key."""
        return dict(self.members()).get(key)

    def items(self) -> list[YamlNode]:
        """The items of a list; nothing if this is none."""
        return [] if self.is_map else self.children

    def lines(self) -> Iterator[tuple[str, int]]:
        """The lines of a string, and where they stand in the file."""
        for number, line in enumerate((self.text or "").split("\n")):
            yield line, self.line + number + 1 if self.is_block else self.line


def parse_yaml(text: str, source: str) -> YamlNode:
    """The document, or a DataError that names the line.

    >>> node = parse_yaml("nlu:\\n- intent: yes\\n", "nlu.yml")
    >>> [(item.get("intent").text, item.line) for item in node.get("nlu").items()]
    [('yes', 2)]
    """
    import yaml

    if len(text) > _MAX_CHARACTERS:
        raise DataError(f"{source} is larger than {_MAX_CHARACTERS >> 20} MB: split it.")
    try:
        return _compose(yaml, text, source)
    except DataError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise DataError(f"{source}{line}: invalid YAML: {error.problem or error}.") from None
    except (yaml.YAMLError, UnicodeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{source}: invalid YAML: {reason}.") from None


def _compose(yaml: Any, text: str, source: str) -> YamlNode:
    """The tree of the events: without recursion, so that no nesting is too deep for the stack."""
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    root = YamlNode(0)
    open_nodes = [root]
    for event in yaml.parse(text, Loader=loader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise DataError(f"{source}:{line}: aliases such as *{event.anchor} are not supported.")
        if isinstance(event, yaml.ScalarEvent):
            is_block = event.style in ("|", ">")
            open_nodes[-1].children.append(YamlNode(line, event.value, is_block))
        elif isinstance(event, yaml.CollectionStartEvent):
            node = YamlNode(line, is_map=isinstance(event, yaml.MappingStartEvent))
            open_nodes[-1].children.append(node)
            open_nodes.append(node)
            if len(open_nodes) > _MAX_DEPTH:
                raise DataError(f"{source}:{line}: nested more than {_MAX_DEPTH} levels deep.")
        elif isinstance(event, yaml.CollectionEndEvent):
            _refuse_double_keys(open_nodes.pop(), source)
    if len(root.children) > 1:
        line = root.children[1].line
        raise DataError(
            f"{source}:{line}: a second YAML document begins. Put it into its own file."
        )
    return root.children[0] if root.children else root


def _refuse_double_keys(node: YamlNode, source: str) -> None:
    """The second of two equal keys would hide what the first one has."""
    keys: set[str | None] = set()
    for key in node.children[::2] if node.is_map else []:
        if key.text is not None and key.text in keys:
            raise DataError(f"{source}:{key.line}: {quoted(key.text)} is there for a second time.")
        keys.add(key.text)
