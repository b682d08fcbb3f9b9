"""An encoder as an ONNX graph in a folder: token ids in, one vector for each row out.

encoder.json     what it is, with the size and the sha256 of every other file; written last
model.onnx       the graph
weights.bin      its weights; they are mapped into memory, not read
tokenizer.json
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.artifact.schema import GraphEntry, check_schema
from fsl_nlp.errors import ModelError
from fsl_nlp.folders import cache_folder
from fsl_nlp.forks import Lock
from fsl_nlp.json_text import parse_json
from fsl_nlp.runtime.batches import cheapest_batches
from fsl_nlp.runtime.session import Session, usable_threads
from fsl_nlp.runtime.sharing import shared
from fsl_nlp.sums import CHECKED, Entries, entries_of, fault_in
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from fsl_nlp.runtime.tokens import TextTokenizer

FORMAT = 1  # raised whenever what is written changes
INFO, MODEL, WEIGHTS, TOKENIZER = "encoder.json", "model.onnx", "weights.bin", "tokenizer.json"
FILES = (MODEL, WEIGHTS, TOKENIZER)
OUTPUT = "vectors"
MENTION_MASKS = "mention_masks"
# Tokens, padding included, in one run. In int8, 512 to 1,024 are the fastest; fp32 does not care.
BATCH_TOKENS = 1024
# Another number whenever the scales of graphs in int8 become others.
SCALES = "fixed scales 1"


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
        if self.precision == "int8":
            identity.append(SCALES)
        text = json.dumps(identity, sort_keys=True)
        return f"{self.kind}-{self.precision}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"


class Graph:
    """A loaded graph. Safe to share between threads.

    Graphs of the same files, in whatever folders, use one session and one tokenizer.
    """

    def __init__(self, folder: Path, info: GraphInfo, files: Entries, session: Session) -> None:
        self.folder = folder
        self.info = info
        self._files = files
        self._session = session
        self._tokenizer: TextTokenizer | None = None
        self._lock = Lock()

    @classmethod
    def open(cls, folder: Path, *, threads: int | None = None, remember: bool = False) -> Graph:
        """Load a graph whose files are as they were written.

        `threads` compute together; None is all that this process may use. With `remember`, sums
        are computed again only for files that have changed.
        """
        folder = folder.absolute()  # the working folder may change before the tokenizer is read
        info, files = _read(folder, remember=remember)
        key = files[MODEL], files[WEIGHTS], usable_threads() if threads is None else threads
        session = shared(key, lambda: Session(folder / MODEL, threads, weights=folder / WEIGHTS))
        return cls(folder, info, files, session)

    @classmethod
    def open_cached(cls, info: GraphInfo, *, threads: int | None = None) -> Graph:
        """Load the graph of the cache that is this one."""
        folder = graph_folder(info)
        graph = cls.open(folder, threads=threads, remember=True)
        if graph.info.id != info.id:
            raise ModelError(f"{folder} holds another graph.")
        return graph

    @property
    def tokenizer(self) -> TextTokenizer:
        """The tokenizer, loaded at first use: a hundred languages take a second and 250 MB."""
        with self._lock:
            if self._tokenizer is None:
                info = self.info
                settings = (info.kind, info.pooling["prefix"], info.pooling["max_length"])
                self._tokenizer = shared(
                    (self._files[TOKENIZER], *settings, info.truncate_left),
                    lambda: tokenizer_of(self.folder, info),
                )
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
        for batch in cheapest_batches(ids, BATCH_TOKENS):
            computed = self._session.run(OUTPUT, inputs_of(self.info, batch, ids, kinds, masks))
            if result is None:
                result = np.empty((len(ids), computed.shape[1]), np.float32)
            result[batch] = computed
            progress(len(batch))
        assert result is not None, "no rows"
        return result


def tokenizer_of(folder: Path, info: GraphInfo) -> TextTokenizer:
    """The tokenizer of the graph in a folder."""
    from fsl_nlp.runtime.tokens import TextTokenizer

    return TextTokenizer(
        folder / TOKENIZER,
        prefix=info.pooling["prefix"],
        longest=None if info.kind == "mentions" else info.pooling["max_length"],
        truncate_left=info.truncate_left,
    )


def inputs_of(
    info: GraphInfo,
    batch: list[int],
    ids: Sequence[list[int]],
    kinds: Sequence[list[int]] | None,
    masks: Sequence[NDArray[np.bool_]] | None,
) -> dict[str, NDArray[Any]]:
    """What a graph takes for a batch of rows; see `Graph.vectors`."""
    width = max(len(ids[i]) for i in batch)
    tokens = np.full((len(batch), width), info.pad, np.int64)
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
    return {name: inputs[name] for name in info.inputs}


def write_info(folder: Path, info: GraphInfo) -> None:
    """Write the description of a graph; it is written last, when the other files are whole."""
    entries = entries_of(folder, FILES)
    files = {name: {"bytes": size, "sha256": digest} for name, (size, digest) in entries.items()}
    manifest = {"format": FORMAT, **asdict(info), "files": files}
    (folder / INFO).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def read_info(folder: Path, *, remember: bool = False) -> GraphInfo:
    """The description of the graph in a folder, if its files are whole."""
    return _read(folder, remember=remember)[0]


def _read(folder: Path, *, remember: bool) -> tuple[GraphInfo, Entries]:
    """The description of a graph, and the sizes and sums of its files."""
    path = folder / INFO
    try:
        manifest = parse_json(path.read_bytes())
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
    if fault := fault_in(folder, entries, note=folder / CHECKED if remember else None):
        raise ModelError(f"{fault} Copy the folder again, or make the graph again.")
    return info, entries


def as_info(fields: Mapping[str, Any]) -> GraphInfo:
    """The description of a graph from JSON; a ValueError if a field is missing or wrong."""
    check_schema(fields, GraphEntry)
    names = {item.name for item in dataclass_fields(GraphInfo)} & fields.keys()
    return GraphInfo(
        **{**{name: fields[name] for name in names}, "inputs": tuple(fields["inputs"])}
    )


def graph_folder(info: GraphInfo) -> Path:
    """The folder of a graph in the cache."""
    return cache_folder() / "graphs" / info.id
