"""An encoder as an ONNX graph in a folder: token ids in, one vector for each row out.

encoder.json     what it is, with the size and the sha256 of every other file; written last
model.onnx       the graph
weights.bin      its weights; they are mapped into memory, not read
tokenizer.json
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.errors import MissingExtraError, ModelError, OptionError, first_line
from fsl_nlp.folders import cache_folder, file_sha256, write_atomically
from fsl_nlp.runtime.batches import batches_by_length
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    import onnxruntime

    from fsl_nlp.runtime.tokens import TextTokenizer

FORMAT = 1  # raised whenever what is written changes
INFO, MODEL, WEIGHTS, TOKENIZER = "encoder.json", "model.onnx", "weights.bin", "tokenizer.json"
FILES = (MODEL, WEIGHTS, TOKENIZER)
CHECKED = ".checked"  # the files whose sums were right, with their sizes and times
OUTPUT = "vectors"
MENTION_MASKS = "mention_masks"
# Tokens, padding included, in one run. In int8, 512 to 1,024 are the fastest; fp32 does not care.
BATCH_TOKENS = 1024

INSTALL_ONNXRUNTIME = "pip install onnxruntime"


@dataclass(frozen=True)
class GraphInfo:
    """What a graph computes, and of which encoder.

    `kind`: "text" gives the vector of a text, or of two that go in together; "mentions" the four
    parts of a sentence with two marked mentions, one after another.
    `fingerprint` names the weights and the tokenizer; `pooling` is how they make a vector.
    """

    kind: str
    encoder: str
    fingerprint: str
    precision: str
    pooling: Mapping[str, Any]
    inputs: tuple[str, ...] = ()
    pad: int = 0
    truncate_left: bool = False
    # The pieces that were left out of the tokenizer, in words; mostly "".
    pruned: str = ""

    @property
    def id(self) -> str:
        """The name of its folder in the cache."""
        identity = [self.kind, self.fingerprint, self.precision, self.pooling, self.pruned, FORMAT]
        text = json.dumps(identity, sort_keys=True)
        return f"{self.kind}-{self.precision}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"


class Graph:
    """A loaded graph. Safe to share between threads."""

    def __init__(
        self, folder: Path, info: GraphInfo, session: onnxruntime.InferenceSession
    ) -> None:
        self.folder = folder
        self.info = info
        self._session = session
        self._lock = threading.Lock()

    @classmethod
    def open(cls, folder: Path, *, threads: int | None = None, remember: bool = False) -> Graph:
        """Load a graph whose files are as they were written.

        `threads` compute together; None is all that this process may use. With `remember`, sums
        are computed again only for files that have changed.
        """
        info = read_info(folder, remember=remember)
        return cls(folder, info, open_session(folder / MODEL, folder / MODEL, threads))

    @classmethod
    def open_cached(cls, info: GraphInfo, *, threads: int | None = None) -> Graph:
        """Load the graph of the cache that is this one."""
        folder = graph_folder(info)
        graph = cls.open(folder, threads=threads, remember=True)
        if graph.info.id != info.id:
            raise ModelError(f"{folder} holds another graph.")
        return graph

    @cached_property
    def _tokenizer(self) -> TextTokenizer:
        from fsl_nlp.runtime.tokens import TextTokenizer

        info = self.info
        return TextTokenizer(
            self.folder / TOKENIZER,
            prefix=info.pooling["prefix"],
            longest=None if info.kind == "mentions" else info.pooling["max_length"],
            truncate_left=info.truncate_left,
        )

    @property
    def tokenizer(self) -> TextTokenizer:
        """The tokenizer, loaded at first use: a hundred languages take a second and 250 MB."""
        with self._lock:
            return self._tokenizer

    def encode(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> Matrix:
        """[n, D], of texts, or of pairs of texts that go in together."""
        ids, kinds = self.tokenizer(texts, pairs)
        return self.vectors(ids, kinds=kinds)

    def truncates(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> list[bool]:
        """Whether each text, or pair of texts that go in together, has too many tokens."""
        return self.tokenizer.truncates(texts, pairs, longest=self.info.pooling["max_length"])

    def vectors(
        self,
        ids: Sequence[list[int]],
        *,
        kinds: Sequence[list[int]] | None = None,
        masks: Sequence[NDArray[np.bool_]] | None = None,
        progress: Callable[[int], object] = lambda count: None,
    ) -> Matrix:
        """[n, D], of rows of token ids.

        `kinds` says for each token whether it belongs to the first or the second text of a pair.
        `masks` [3, T] mark, for each row, the tokens of the head, of the tail, and between them.
        """
        result: Matrix | None = None
        # Some tokenizers give an empty text no token at all.
        ids = [row or [self.info.pad] for row in ids]
        for batch in batches_by_length(ids, BATCH_TOKENS):
            computed = self._session.run([OUTPUT], self._inputs(batch, ids, kinds, masks))[0]
            if result is None:
                result = np.empty((len(ids), computed.shape[1]), np.float32)
            result[batch] = computed
            progress(len(batch))
        assert result is not None, "no rows"
        return result

    def _inputs(
        self,
        batch: list[int],
        ids: Sequence[list[int]],
        kinds: Sequence[list[int]] | None,
        masks: Sequence[NDArray[np.bool_]] | None,
    ) -> dict[str, NDArray[Any]]:
        width = max(len(ids[i]) for i in batch)
        tokens = np.full((len(batch), width), self.info.pad, np.int64)
        attention = np.zeros((len(batch), width), np.int64)
        types = np.zeros((len(batch), width), np.int64)
        for row, i in enumerate(batch):
            tokens[row, : len(ids[i])] = ids[i]
            attention[row, : len(ids[i])] = 1
            if kinds is not None:
                types[row, : len(kinds[i])] = kinds[i]
        inputs: dict[str, NDArray[Any]] = {
            "input_ids": tokens,
            "attention_mask": attention,
            "token_type_ids": types,
        }
        if masks is not None:
            padded = np.zeros((len(batch), 3, width), np.float32)
            for row, i in enumerate(batch):
                padded[row, :, : masks[i].shape[1]] = masks[i]
            inputs[MENTION_MASKS] = padded
        return {name: inputs[name] for name in self.info.inputs}


def open_session(
    model: Path | bytes, name: Path | str, threads: int | None = None
) -> onnxruntime.InferenceSession:
    """A graph from a file or from bytes, ready to run on the processor.

    Messages call it `name`.
    """
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise OptionError(f"threads={threads!r}: must be a whole number from 1, or None for all.")
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(
            f"The package onnxruntime is not installed: {INSTALL_ONNXRUNTIME}"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or usable_threads()
    options.inter_op_num_threads = 1
    # Waiting threads spin for a short time: without it a short text takes a third longer. Longer
    # spinning would take the processor from other programs.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "200")
    options.log_severity_level = 4
    source = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of onnxruntime's own kinds, which share no base
        raise ModelError(
            f"{name} cannot be loaded: {first_line(error)}. It may have been made for a newer "
            "onnxruntime: pip install --upgrade onnxruntime"
        ) from error


def usable_threads() -> int:
    """The number in OMP_NUM_THREADS, else the number of processors of this process."""
    chosen = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if chosen.isdecimal() and int(chosen) > 0:
        return int(chosen)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def write_info(folder: Path, info: GraphInfo) -> None:
    """Write the description of a graph; it is written last, when the other files are whole."""
    files = {name: _file_entry(folder / name) for name in FILES}
    manifest = {"format": FORMAT, **asdict(info), "files": files}
    (folder / INFO).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def read_info(folder: Path, *, remember: bool = False) -> GraphInfo:
    """The description of the graph in a folder, if its files are whole."""
    path = folder / INFO
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        version, files = manifest.pop("format"), manifest.pop("files")
        if version != FORMAT:
            raise ModelError(
                f"The graph in {folder} has format {version}, and this fsl_nlp reads {FORMAT}. "
                "Make it again with this version."
            )
        entries = {n: (int(files[n]["bytes"]), str(files[n]["sha256"])) for n in FILES}
        info = as_info(manifest)
    except FileNotFoundError:
        raise ModelError(f"There is no graph of an encoder in {folder} (no {INFO}).") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(f"{path} is damaged. Make the graph again.") from None
    _check_files(folder, entries, remember=remember)
    return info


def as_info(fields: Mapping[str, Any]) -> GraphInfo:
    """The description of a graph from JSON; a KeyError or TypeError if a field is wrong."""
    pooling = dict(fields["pooling"])
    pooling["prefix"], pooling["max_length"] = str(pooling["prefix"]), int(pooling["max_length"])
    return GraphInfo(**{**fields, "pooling": pooling, "inputs": tuple(fields["inputs"])})


def _check_files(folder: Path, entries: Mapping[str, tuple[int, str]], *, remember: bool) -> None:
    """Refuse files that are cut off or altered: `entries` are their bytes and sums."""
    states = {}
    for name, (size, digest) in entries.items():
        path = folder / name
        try:
            status = path.stat()
        except OSError as error:
            raise ModelError(
                f"{path} cannot be read: {error.strerror}. Copy the whole folder again."
            ) from None
        if status.st_size != size:
            raise ModelError(
                f"{path} is cut off or altered: it has {status.st_size} bytes, not "
                f"{size}. Copy the folder again, or make the graph again."
            )
        states[name] = [status.st_size, status.st_mtime_ns, digest]
    if remember and _read_states(folder) == states:
        return
    for name, (_, digest) in entries.items():
        if file_sha256(folder / name) != digest:
            raise ModelError(
                f"{folder / name} is altered: its sum is not the one in {INFO}. "
                "Copy the folder again, or make the graph again."
            )
    if remember:
        write_states(folder, states)


def _read_states(folder: Path) -> Any:
    try:
        return json.loads((folder / CHECKED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_states(folder: Path, states: Mapping[str, Any]) -> None:
    """Note the files that were whole; if that cannot be written, they are read again next time."""
    with suppress(OSError):
        write_atomically(folder / CHECKED, json.dumps(states))


def _file_entry(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": file_sha256(path)}


def graph_folder(info: GraphInfo) -> Path:
    """The folder of a graph in the cache."""
    return cache_folder() / "graphs" / info.id
