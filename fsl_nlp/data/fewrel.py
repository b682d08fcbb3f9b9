"""FewRel's files: sentences as tokens, with the head and the tail of a relation marked in them.

    {relation: [{"tokens": [...], "h": [name, id, [[token indices], ...]], "t": [...]}, ...]}

The unlabelled file of FewRel 2.0 is one list of such instances. Only the first mention of an entity
is used, as in FewRel's toolkit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard

from fsl_nlp.data.detokenise import Sentence, detokenise, splits_hyphens
from fsl_nlp.data.examples import read_label, read_text
from fsl_nlp.data.labels import readable
from fsl_nlp.data.records import Record, Table
from fsl_nlp.errors import DataError
from fsl_nlp.reading import read_json
from fsl_nlp.types import Example, LabelInfo, Span

NAMES_FILE = "pid2name.json"  # {relation: [name, description]}, beside the corpus
_KEYS = ("tokens", "h", "t")
_NO_DESCRIPTION = "no description defined"  # as Wikidata writes it
_SEMEVAL = re.compile(r"(\w+)-(\w+)\((e[12]),(e[12])\)")


def is_fewrel(document: object) -> bool:
    """Whether a JSON document has the shape of FewRel's files."""
    groups = document.values() if isinstance(document, dict) else [document]
    return any(_is_instance(item) for group in groups if isinstance(group, list) for item in group)


def fewrel_table(document: Any, source: str, folder: Path | None = None) -> Table:
    """A table of a document's instances; `folder` may contain the file with names of relations."""
    has_relations = isinstance(document, dict)
    groups = document if has_relations else {"": document}
    _check_groups(groups, source)
    records: list[Record] = []
    titles: list[str] = []
    for relation, instances in groups.items():
        for number, instance in enumerate(instances):
            name = f"{relation}/{number}" if has_relations else str(number)
            values = {"instance": instance, "relation": relation, "id": name}
            records.append(Record(len(records), values))
            titles.append(f"{relation} number {number}".strip())
    split_hyphens = find_convention(record.values["instance"] for record in records)

    def make(record: Record) -> Example:
        example = read_instance(record.values["instance"], split_hyphens=split_hyphens)
        label = read_label(record.values["relation"]) if has_relations else None
        return replace(example, label=label, id=record.values["id"])

    return Table(
        source,
        _KEYS,
        tuple(records),
        info=_relation_info(groups, folder) if has_relations else {},
        titles=tuple(titles),
        make=make,
        labelled=has_relations,
    )


def find_convention(instances: Iterable[Any]) -> bool:
    """Whether the tokeniser that made the instances split words at hyphens."""
    sentences = (instance.get("tokens") for instance in instances if isinstance(instance, dict))
    return splits_hyphens(tokens for tokens in sentences if _are_tokens(tokens))


def read_instance(instance: Any, *, split_hyphens: bool = False) -> Example:
    """The sentence with the spans of head and tail, or a ValueError that names the mistake.

    >>> tokens = ["Ann", "lives", "in", "Rome", "."]
    >>> read_instance({"tokens": tokens, "h": ["ann", "Q1", [[0]]], "t": ["rome", "Q2", [[3]]]})
    ... # doctest: +ELLIPSIS
    Example(text='Ann lives in Rome.', ..., head=(0, 3), tail=(13, 17), ...)
    """
    if not isinstance(instance, dict):
        raise ValueError("not a JSON object")
    missing = [key for key in _KEYS if key not in instance]
    if missing:
        raise ValueError(f"it has no {' and no '.join(map(repr, missing))}")
    tokens = instance["tokens"]
    if not tokens:
        raise ValueError("it has no tokens")
    if not _are_tokens(tokens):
        raise ValueError("'tokens' is not a list of strings")
    sentence = detokenise(tokens, split_hyphens=split_hyphens)
    return Example(
        read_text(sentence.text),
        head=_first_mention(instance["h"], "head", sentence),
        tail=_first_mention(instance["t"], "tail", sentence),
    )


def _first_mention(entity: Any, role: str, sentence: Sentence) -> Span:
    """The span from the first to the last token; no mention in the corpora has a gap."""
    try:
        indices = entity[2][0]
    except (TypeError, LookupError):
        raise ValueError(f"the {role} has no mention") from None
    if not isinstance(indices, list) or any(type(index) is not int for index in indices):
        raise ValueError(f"the mention of the {role} is not a list of token numbers")
    if not indices:
        raise ValueError(f"the mention of the {role} is empty")
    count = len(sentence.spans)
    outside = [index for index in indices if not 0 <= index < count]
    if outside:
        raise ValueError(
            f"the mention of the {role} names token {outside[0]}, "
            f"outside the sentence of {count} tokens (counted from 0)"
        )
    tokens = sentence.spans[min(indices) : max(indices) + 1]
    filled = [span for span in tokens if span[0] < span[1]]
    if not filled:
        raise ValueError(f"the mention of the {role} is white space")
    return filled[0][0], filled[-1][1]


def _is_instance(value: object) -> bool:
    return isinstance(value, dict) and all(key in value for key in _KEYS)


def _are_tokens(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(token, str) for token in value)


def _check_groups(groups: Mapping[str, Any], source: str) -> None:
    not_lists = [name for name, instances in groups.items() if not isinstance(instances, list)]
    if not_lists:
        raise DataError(f"{source}: {_join(not_lists)} should be a list of instances.")
    empty = [name for name, instances in groups.items() if not instances]
    if empty:
        raise DataError(f"{source}: no instances of {_join(empty)}. Leave empty relations out.")


def _join(names: list[str]) -> str:
    shown = ", ".join(names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown


def _relation_info(relations: Iterable[str], folder: Path | None) -> dict[Any, LabelInfo]:
    names = _read_names(folder / NAMES_FILE) if folder else None
    describe: Callable[[str], LabelInfo | None] = names.get if names else lambda _: None
    return {name: describe(name) or _info_from_name(name) for name in relations}


def _info_from_name(relation: str) -> LabelInfo:
    """The relation's name in words; names of SemEval also give a description.

    >>> _info_from_name("Cause-Effect(e2,e1)").description
    'the head is the effect, the tail the cause'
    """
    parts = _SEMEVAL.fullmatch(relation)
    if parts is None:
        return LabelInfo(readable(relation))
    # In SemEval's sentences e1 comes first, and FewRel made it the head.
    head, tail = (part.lower() for part in (parts[1], parts[2]))
    if parts[3] == "e2":
        head, tail = tail, head
    return LabelInfo(f"{head} {tail}", f"the head is the {head}, the tail the {tail}")


def _read_names(path: Path) -> dict[str, LabelInfo] | None:
    if not path.is_file():
        return None
    try:
        document = read_json(path, path.name)
        return {pid: _info(*values[:2]) for pid, values in document.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} cannot be read as names of relations ({error}). "
            'It should hold {"P1": ["name", "description"], ...}; without the file the relations '
            "have no names."
        ) from None


def _info(name: str, description: str = "") -> LabelInfo:
    description = description.strip()
    if description.lower() == _NO_DESCRIPTION:
        description = ""
    return LabelInfo(name.strip() or None, description or None)
