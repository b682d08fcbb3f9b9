"""`Bot`: a saved classifier that answers with numpy, onnxruntime, tokenizers and safetensors."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.answering import Answering, as_array
from fsl_nlp.decision import softmax
from fsl_nlp.errors import ArtifactError, ModelError
from fsl_nlp.folders import cache_folder, file_sha256
from fsl_nlp.inputs.kinds import Inputs
from fsl_nlp.runtime.graph import INFO, Graph, as_info, open_session
from fsl_nlp.runtime.parts import LoadedPart, PartsClassifier
from fsl_nlp.runtime.saved import (
    MANIFEST,
    SELF_TEST,
    check_answers,
    read_examples,
    read_file,
    read_manifest,
    read_tensors,
)
from fsl_nlp.types import Example
from fsl_nlp.vectors import unit


class NeedsTorchError(ArtifactError):
    """What is saved in this folder answers with `FewShotClassifier.load` alone."""


class Bot(Answering):
    """A classifier that `fsl-nlp export` wrote, or that was saved and whose graph is in the cache.

    It answers `classify`, `predict`, `predict_proba` and `stream` as the classifier does. Never
    changed after loading: threads may share it.

    >>> from tempfile import mkdtemp
    >>> from fsl_nlp import FewShotClassifier, load_dataset
    >>> from fsl_nlp.export import export_bot
    >>> data = load_dataset("support_en")
    >>> classifier = FewShotClassifier("linear", "embedded:en").fit(data.texts, data.targets)
    >>> folder = export_bot(classifier, mkdtemp() + "/bot").folder
    >>> Bot.load(folder).classify("where is my parcel?").label
    'track_order'
    """

    def __init__(
        self,
        classifier: PartsClassifier,
        examples: tuple[Example, ...],
        model_version: str,
        vectors: NDArray[np.float32] | None = None,
    ) -> None:
        self.classifier_ = classifier
        self.classes_ = as_array(classifier.labels)
        self.examples_ = examples
        self.model_version_ = model_version
        self._vectors = vectors  # of the examples

    @classmethod
    def load(cls, folder: str | Path, *, threads: int | None = None) -> Bot:
        """Read a folder. `threads` is how many compute one answer; None is all there are."""
        folder = Path(folder)
        manifest = read_manifest(folder)
        if "runtime" not in manifest:
            raise NeedsTorchError(
                f"The classifier in {folder} cannot answer without torch: it has no scorer. Save "
                "it again where the extra `export` is installed, or use FewShotClassifier.load."
            )
        tensors = read_tensors(folder, manifest)
        parts = _Parts(folder, manifest, tensors, threads).load()
        labels = tuple(manifest["labels"])
        inputs = manifest.get("inputs")
        classifier = PartsClassifier(
            labels, parts, Inputs.from_dict(inputs) if inputs else parts[0].inputs(len(labels))
        )
        _check_self(folder, classifier, tensors)
        return cls(
            classifier,
            read_examples(folder, manifest),
            str(manifest["model_version"]),
            tensors.get("runtime.vectors"),
        )

    def _example_vectors(self) -> NDArray[np.float32]:
        if self._vectors is None:  # threads that come here at once compute the same
            self._vectors = unit(self.classifier_.embed(self.examples_))
        return self._vectors


def is_exported(folder: Path) -> bool:
    """Whether a folder holds its encoder, and so has to answer as it is."""
    return next(folder.glob(f"encoder-*/{INFO}"), None) is not None


@dataclass(frozen=True)
class _Parts:
    """The parts of a saved classifier, to be loaded; those with one encoder share its graph."""

    folder: Path
    manifest: dict[str, Any]
    tensors: dict[str, Any]
    threads: int | None
    graphs: dict[Path, Graph] = field(default_factory=dict)

    def load(self) -> tuple[LoadedPart, ...]:
        try:
            described = self.manifest["runtime"]["parts"]
            return tuple(self._part(number, about) for number, about in enumerate(described))
        except (KeyError, TypeError) as error:
            raise ArtifactError(
                f"{self.folder / MANIFEST} is not as this fsl_nlp expects it ({error!r}). It was "
                f"written by fsl_nlp {self.manifest['fsl_nlp']}: upgrade, or export it again."
            ) from None
        except ModelError as error:
            raise ArtifactError(f"The bot in {self.folder} cannot be used. {error}") from error

    def _part(self, number: int, about: dict[str, Any]) -> LoadedPart:
        entry = self.manifest["files"].get(f"scorer-{number}")
        scorer = None
        if entry is not None:
            content = read_file(self.folder, entry)
            scorer = open_session(content, self.folder / entry["name"], 1)
        start = f"runtime.{number}."
        return LoadedPart(
            about["reads"],
            self._exported_graph(about) if "folder" in about else self._cached_graph(about),
            scorer,
            {n.removeprefix(start): a for n, a in self.tensors.items() if n.startswith(start)},
            about["settings"],
            float(about["weight"]),
        )

    def _exported_graph(self, about: dict[str, Any]) -> Graph:
        place = self.folder / Path(about["folder"]).name
        if not (place / INFO).is_file() or file_sha256(place / INFO) != about["sha256"]:
            raise ArtifactError(
                f"{place / INFO} is missing or altered. Copy the whole folder again."
            )
        return self._graph(place, remember=False)

    def _cached_graph(self, about: dict[str, Any]) -> Graph:
        info = as_info(about["graph"])
        place = cache_folder() / "graphs" / info.id
        try:
            graph = self._graph(place, remember=True)
            if graph.info.id != info.id:
                raise ModelError(f"{place} holds another graph.")
        except ModelError as error:
            raise NeedsTorchError(
                f"The graph of {info.encoder!r} is not in the cache, or damaged. {error} Export "
                "the bot to a folder of its own: fsl-nlp export BOT --out FOLDER"
            ) from error
        return graph

    def _graph(self, place: Path, *, remember: bool) -> Graph:
        if place not in self.graphs:
            self.graphs[place] = Graph.open(place, threads=self.threads, remember=remember)
        return self.graphs[place]


def _check_self(folder: Path, classifier: PartsClassifier, tensors: dict[str, Any]) -> None:
    """Refuse a bot that does not answer as it did when it was written."""
    expected = {
        name: tensors.get(f"runtime.{name}", tensors[name])
        for name in ("self_test.vector", "self_test.beliefs")
    }
    question = [classifier.example_of(SELF_TEST)]
    answers = {
        "self_test.vector": classifier.embed(question)[0],
        "self_test.beliefs": softmax(classifier.scores(question))[0],
    }
    check_answers(folder, expected, answers)
