"""`Bot`: a saved classifier that answers with numpy, onnxruntime, tokenizers and safetensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.answering import Answering, as_array
from fsl_nlp.artifact.decisions import restore_decision
from fsl_nlp.artifact.manifest import damaged, refusing_damage
from fsl_nlp.artifact.protocols import CLASSIFIER
from fsl_nlp.artifact.reading import record_in
from fsl_nlp.artifact.record import SavedClassifier, SavedPart
from fsl_nlp.artifact.self_test import PROBABILITIES, VECTOR, check_self_test
from fsl_nlp.artifact.snapshot import read_snapshot
from fsl_nlp.decision.policy import Decision
from fsl_nlp.errors import ArtifactError, ModelError
from fsl_nlp.folders import file_sha256
from fsl_nlp.inputs.kinds import Inputs
from fsl_nlp.runtime.graph import INFO, Graph, as_info, graph_folder
from fsl_nlp.runtime.parts import LoadedPart, PartsClassifier
from fsl_nlp.runtime.session import open_session
from fsl_nlp.types import Example
from fsl_nlp.vectors import unit


class NeedsTorchError(ArtifactError):
    """The classifier in a folder answers only through `FewShotClassifier.load`."""


class Bot(Answering):
    """A classifier that answers without torch: an exported one, or a saved one.

    For a saved classifier, the graph of its encoder must be in the cache. A bot answers `classify`,
    `predict`, `predict_proba`, `predict_set` and `stream` as the classifier does. It never changes
    after loading, so threads may share it.

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
        source: tuple[Path, int | None, str] | None = None,
        decision: Decision | None = None,
    ) -> None:
        self.classifier_ = classifier
        self.classes_ = as_array(classifier.labels)
        self.examples_ = examples
        self.model_version_ = model_version
        self.decision_ = decision
        self._vectors = vectors  # of the examples
        self._source = source  # the folder, the threads, and the sum of what was read

    @classmethod
    def load(cls, folder: str | Path, *, threads: int | None = None) -> Bot:
        """Read a bot. `threads` compute one answer together; None is all of the processor."""
        folder = Path(folder)
        snapshot = read_snapshot(folder, CLASSIFIER)
        saved = record_in(snapshot)
        if not saved.parts:
            raise NeedsTorchError(
                f"The classifier in {folder} cannot answer without torch: it has no scorer. Save "
                "it again where the extra `export` is installed, or use FewShotClassifier.load."
            )
        if saved.inputs is None:
            raise damaged(folder / CLASSIFIER.manifest, CLASSIFIER, "inputs is missing")
        tensors = saved.tensors
        # An exported graph answers a little differently from the classifier's encoder.
        expected = {n: tensors.get(f"runtime.{n}", tensors[n]) for n in (VECTOR, PROBABILITIES)}
        with refusing_damage(folder, CLASSIFIER):
            parts = _Parts(folder, saved, threads).load()
            classifier = PartsClassifier(saved.labels, parts, Inputs.from_dict(saved.inputs))
            decision = restore_decision(saved)
            check_self_test(folder, classifier, expected)
        return cls(
            classifier,
            saved.examples,
            saved.model_version,
            tensors.get("runtime.vectors"),
            (folder.absolute(), threads, snapshot.sum),
            decision,
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Bot:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle: the folder, which the other process reads again."""
        if self._source is None:
            raise TypeError("Only a bot that Bot.load gave can go to another process.")
        folder, threads, digest = self._source
        return _load_again, (type(self), str(folder), threads, digest)

    @property
    def has_example_vectors(self) -> bool:
        """Whether `nearest` is quick; its first use may have to read all training examples."""
        return self._vectors is not None

    def _example_vectors(self) -> NDArray[np.float32]:
        if self._vectors is None:  # two threads at once would compute the same
            self._vectors = unit(self.classifier_.embed(self.examples_))
        return self._vectors


def _load_again(kind: type[Bot], folder: str, threads: int | None, digest: str) -> Bot:
    """The bot that `Bot.__reduce__` described."""
    bot = kind.load(folder, threads=threads)
    assert bot._source
    if bot._source[2] != digest:
        raise ArtifactError(
            f"The bot in {folder} was saved again after it was loaded and sent to this process. "
            "Load it again there, and send that."
        )
    return bot


def is_exported(folder: Path) -> bool:
    """Whether a folder holds an exported bot, with its encoder."""
    return next(folder.glob(f"encoder-*/{INFO}"), None) is not None


@dataclass(frozen=True)
class _Parts:
    """Loads the parts of a saved classifier; parts with the same encoder share its graph."""

    folder: Path
    saved: SavedClassifier
    threads: int | None
    graphs: dict[Path, Graph] = field(default_factory=dict)

    def load(self) -> tuple[LoadedPart, ...]:
        try:
            return tuple(self._part(number, part) for number, part in enumerate(self.saved.parts))
        except ModelError as error:
            raise ArtifactError(f"The bot in {self.folder} cannot be used. {error}") from error

    def _part(self, number: int, part: SavedPart) -> LoadedPart:
        entry = part.entry
        return LoadedPart(
            entry["reads"],
            self._exported_graph(entry) if "folder" in entry else self._cached_graph(entry),
            open_session(part.scorer, self.folder / f"scorer-{number}", 1) if part.scorer else None,
            part.tensors,
            entry["settings"],
            float(entry["weight"]),
        )

    def _exported_graph(self, entry: Mapping[str, Any]) -> Graph:
        encoder_folder = self.folder / Path(entry["folder"]).name
        if not (encoder_folder / INFO).is_file() or file_sha256(encoder_folder / INFO) != entry.get(
            "sha256"
        ):
            raise ArtifactError(
                f"{encoder_folder / INFO} is missing or altered. Copy the whole folder again."
            )
        return self._graph(encoder_folder, lambda: Graph.open(encoder_folder, threads=self.threads))

    def _cached_graph(self, entry: Mapping[str, Any]) -> Graph:
        info = as_info(entry["graph"])
        try:
            return self._graph(
                graph_folder(info), lambda: Graph.open_cached(info, threads=self.threads)
            )
        except ModelError as error:
            raise NeedsTorchError(
                f"The graph of {info.encoder!r} is not in the cache, or is damaged. {error} Export "
                "the bot: fsl-nlp export BOT --out FOLDER"
            ) from error

    def _graph(self, folder: Path, load: Callable[[], Graph]) -> Graph:
        if folder not in self.graphs:
            self.graphs[folder] = load()
        return self.graphs[folder]
