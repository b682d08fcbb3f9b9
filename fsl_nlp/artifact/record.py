"""A fitted classifier as plain values, as they are saved and read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fsl_nlp.types import Example, Label, LabelInfo

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[Any]]

# The beginnings of the names of tensors: of the method, of the decision.
STATE, DECISION = "state.", "decision."


@dataclass(frozen=True)
class SavedEncoder:
    """Which encoder a classifier reads with. Its weights are not saved.

    `fingerprint` names the weights and the tokenizer, `pooling` is how they make a vector.
    `precision` is "int8" where the user chose it, else "auto". `languages` are those of an encoder
    of the catalogue, in words; "" for another encoder.
    """

    name: str
    fingerprint: str
    pooling: Mapping[str, Any] = field(default_factory=dict)
    precision: str = "auto"
    languages: str = ""


@dataclass(frozen=True)
class SavedPart:
    """A part that answers without torch: an encoder's graph, and a scorer of its vectors.

    `entry` describes it in the manifest: `reads`, `weight`, `settings`, `graph`; and in an exported
    bot the `folder` of the encoder, its `sha256`, and `differs` where it gives other vectors than
    the encoder of the classifier. `scorer` is an ONNX graph.
    """

    entry: Mapping[str, Any]
    scorer: bytes | None = None
    tensors: Arrays = field(default_factory=dict)


@dataclass(frozen=True)
class SavedState:
    """What a method restores a classifier from."""

    labels: tuple[Label, ...]
    settings: Mapping[str, Any]
    tensors: Arrays


@dataclass(frozen=True)
class SavedEditing:
    """What an edit needs besides the examples.

    `whole` says whether the examples and `info`, which is what the labels mean, are all that the
    classifier learned from. `history` are the edits so far, as `ChangeEntry` describes them.
    `trained` is the state before them, where the examples cannot give it back. `outsiders` are the
    texts of no label that the decision was learned with.
    """

    whole: bool = True
    info: Mapping[Label, LabelInfo] = field(default_factory=dict)
    history: tuple[Mapping[str, Any], ...] = ()
    trained: SavedState | None = None
    outsiders: tuple[Example, ...] = ()


@dataclass(frozen=True)
class SavedClassifier:
    """All that is saved of a fitted classifier.

    `method` is the one that was fitted, `parameters` are those of the classifier's constructor.
    `settings`, and `tensors` whose names begin with "state.", are what the method restores the
    classifier from. `method_source` is the package that offers the method, or "object" if the user
    must give it at loading; "" for a built-in one. `report` says why `auto` chose the method.
    `inputs` are the kinds of examples that it takes; format 1 had none. `examples` is () if they
    were left out. `decision`, with the tensors whose names begin with "decision.", says when it
    answers; None is always. `version` is that of the fsl_nlp that saved it. `editing` is None
    without examples, and in format 2 and older. `sum` names the save that it was read from.
    """

    method: str
    labels: tuple[Label, ...]
    parameters: Mapping[str, Any]
    encoder: SavedEncoder
    settings: Mapping[str, Any]
    tensors: Arrays
    model_version: str
    version: str
    examples: tuple[Example, ...] = ()
    parts: tuple[SavedPart, ...] = ()
    report: Mapping[str, Any] | None = None
    method_source: str = ""
    inputs: Mapping[str, Any] | None = None
    editing: SavedEditing | None = None
    sum: str = ""
    decision: Mapping[str, Any] | None = None

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """The tensors of the method."""
        return {
            name.removeprefix(STATE): array
            for name, array in self.tensors.items()
            if name.startswith(STATE)
        }
