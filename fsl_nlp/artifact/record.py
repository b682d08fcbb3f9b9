"""A fitted classifier as plain values, as they are saved and read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fsl_nlp.types import Example, Label

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
class SavedClassifier:
    """All that is saved of a fitted classifier.

    `method` is the one that was fitted, `parameters` are those of the classifier's constructor.
    `settings`, and `tensors` whose names begin with "state.", are what the method restores the
    classifier from. `method_source` is the package that offers the method, or "object" if the user
    must give it at loading; "" for a built-in one. `report` says why `auto` chose the method.
    `inputs` are the kinds of examples that it takes; format 1 had none. `examples` is () if they
    were left out. `decision`, with the tensors whose names begin with "decision.", says when it
    answers; None is always. `version` is that of the fsl_nlp that saved it.
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
    decision: Mapping[str, Any] | None = None

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """The tensors of the method."""
        return {
            name.removeprefix(STATE): array
            for name, array in self.tensors.items()
            if name.startswith(STATE)
        }
