"""What stands in the manifests, and the check that it does.

The classes are types for readers and for `check_schema`. An entry that they do not name is
ignored. pydantic would do the same, but loading it takes a bot a third of its time to start.
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from functools import cache
from typing import (
    Any,
    Literal,
    TypedDict,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from fsl_nlp.artifact.entries import EditingEntry

_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
_NAMES |= {list: "a list", dict: "an object", type(None): "null"}


class SchemaError(ValueError):
    """An entry is missing or has a wrong value; the message names it."""


class FileEntry(TypedDict):
    """A file of the folder."""

    name: str
    sha256: str


class PoolingEntry(TypedDict):
    """How an encoder makes a vector."""

    mode: str
    normalize: bool
    prefix: str
    max_length: int
    custom: bool


class _Encoder(TypedDict):
    name: str
    fingerprint: str


class EncoderEntry(_Encoder, total=False):
    """Which encoder a classifier reads with."""

    pooling: dict[str, Any]
    precision: Literal["auto", "int8"]
    languages: str


class InputsEntry(TypedDict, total=False):
    """The examples that a classifier takes, as `fsl_nlp.inputs.kinds.Inputs`."""

    kinds: list[Literal["text", "pair", "mentions", "candidates"]]
    optional: list[Literal["text", "pair", "mentions", "candidates"]]
    candidates: int
    blank: str | None
    mentions: list[Literal["head", "tail"]]


class _Graph(TypedDict):
    kind: str
    encoder: str
    fingerprint: str
    precision: str
    pooling: PoolingEntry
    inputs: list[str]


class GraphEntry(_Graph, total=False):
    """The graph of an encoder, as `fsl_nlp.runtime.graph.GraphInfo`."""

    pad: int
    truncate_left: bool
    pruned: str


class _Part(TypedDict):
    reads: Literal["text", "pair", "angle", "mentions", "candidates"]
    weight: float
    settings: dict[str, Any]
    graph: GraphEntry


class PartEntry(_Part, total=False):
    """A part that answers without torch; an exported one is in a `folder`."""

    folder: str
    sha256: str
    precision: str
    pruned: str
    differs: bool


class RuntimeEntry(TypedDict):
    """What answers without torch."""

    parts: list[PartEntry]


class _Candidate(TypedDict):
    method: str
    note: str
    accuracy: float | None
    half_width: float | None
    seconds: float


class CandidateEntry(_Candidate, total=False):
    """A method that `auto` compared."""

    gain: float | None
    gain_error: float | None
    held_out: int


class ReportEntry(TypedDict):
    """Why `auto` chose its method."""

    chosen: str
    why: str
    candidates: list[CandidateEntry]


class ShareEntry(TypedDict):
    """A share of so many cases, with its 95% interval."""

    value: float
    low: float
    high: float
    count: int


class ExpectationEntry(TypedDict):
    """What to expect of a decision, as `fsl_nlp.decision.expectation.Expectation`."""

    answered: ShareEntry
    accuracy: ShareEntry
    accuracy_of_all: ShareEntry
    caught: ShareEntry | None


class DecisionEntry(TypedDict):
    """When a classifier answers, as `fsl_nlp.decision.policy.Decision`."""

    familiarity: dict[str, Any]
    least_familiarity: float | None
    least_certainty: float
    expected: ExpectationEntry | None


class _ClassifierManifest(TypedDict):
    format: int
    fsl_nlp: str
    model_version: str
    method: str
    parameters: dict[str, Any]
    labels: list[str | int | bool]
    encoder: EncoderEntry
    settings: dict[str, Any]
    files: dict[str, FileEntry]


class ClassifierManifest(_ClassifierManifest, total=False):
    """`classifier.json`."""

    method_source: str
    inputs: InputsEntry
    report: ReportEntry | None
    editing: EditingEntry
    decision: DecisionEntry | None
    runtime: RuntimeEntry


class ShapeEntry(TypedDict):
    """The tasks of a meta-training; `way` and `shot` are the least and the most."""

    way: list[int]
    shot: list[int]
    query: int


class SourceEntry(TypedDict):
    """A corpus of a meta-training, with its labels and their names in words."""

    name: str
    labels: list[list[str | int | bool | None]]


class _MetaManifest(TypedDict):
    format: int
    method: str
    options: dict[str, Any]
    encoder: EncoderEntry
    seed: int
    shape: ShapeEntry
    mentions: bool
    sources: list[SourceEntry]
    training: dict[str, Any]
    files: dict[str, FileEntry]


class MetaManifest(_MetaManifest, total=False):
    """`meta.json`."""

    fsl_nlp: str


def check_schema(value: Any, kind: Any, place: str = "") -> None:
    """Refuse a value of JSON that is not of this type; `place` is its name in messages.

    >>> check_schema({"name": "a", "sha256": 7}, FileEntry, "files.tensors")
    Traceback (most recent call last):
        ...
    fsl_nlp.artifact.schema.SchemaError: files.tensors.sha256 must be a text, and is 7
    """
    if kind is Any:
        return
    if is_typeddict(kind):
        _check_entries(value, kind, place)
        return
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if any(_is(value, option) for option in arguments):
            return
        if isinstance(value, dict):  # the reason is inside
            for option in filter(is_typeddict, arguments):
                check_schema(value, option, place)
        names = " or ".join(map(_name, arguments))
        raise SchemaError(f"{place} must be {names}, and is {_shown(value)}")
    if origin is Literal:
        if not any(value == option and type(value) is type(option) for option in arguments):
            names = ", ".join(map(repr, arguments))
            raise SchemaError(f"{place} must be one of {names}, and is {_shown(value)}")
    elif origin in (list, dict):
        _check_type(value, origin, place)
        items: Iterable[tuple[Any, Any]] = enumerate(value) if origin is list else value.items()
        for key, item in items:
            name = f"{place}[{key}]" if origin is list else f"{place}.{key}"
            check_schema(item, arguments[-1], name)
    else:
        _check_type(value, kind, place)


def _check_entries(value: Any, kind: Any, place: str) -> None:
    _check_type(value, dict, place or "it")
    start = f"{place}." if place else ""
    for name in sorted(kind.__required_keys__ - value.keys()):
        raise SchemaError(f"{start}{name} is missing")
    for name, hint in _hints(kind).items():
        if name in value:
            check_schema(value[name], hint, f"{start}{name}")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _check_type(value: Any, kind: type, place: str) -> None:
    # True is no number here, and a number may be written without a fraction.
    allowed: tuple[type, ...] = (int, float) if kind is float else (kind,)
    if type(value) not in allowed:
        raise SchemaError(f"{place} must be {_name(kind)}, and is {_shown(value)}")


def _is(value: Any, kind: Any) -> bool:
    try:
        check_schema(value, kind)
    except SchemaError:
        return False
    return True


def _name(kind: Any) -> str:
    return _NAMES.get(kind) or "an object"


def _shown(value: Any) -> str:
    return f"{value!r:.60}"
