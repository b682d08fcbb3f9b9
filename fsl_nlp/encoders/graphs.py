"""The ONNX graphs of encoders, made once and then kept in the user's cache."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fsl_nlp.encoders.tracing import TraceableModel, write_graph
from fsl_nlp.errors import MissingExtraError, ModelError, warn_once
from fsl_nlp.folders import PRIVATE_FOLDER, make_cache_folder, make_private, new_folder
from fsl_nlp.forks import Lock
from fsl_nlp.processor import int8_gains_little
from fsl_nlp.runtime.graph import FILES, INFO, Graph, GraphInfo, graph_folder, read_info
from fsl_nlp.runtime.session import import_onnxruntime

log = logging.getLogger("fsl_nlp")

INSTALL_EXPORT = "pip install 'fsl-nlp[export]'"
CACHE_LIMIT = 4 << 30  # bytes of graphs; the least recently used ones are removed


class GraphSource:
    """The graph of a model, read from the cache or made at the first use.

    `load` gives the model. It is called only if the graph has to be made. A `private` graph is of
    a user's own model: nobody else may read it.
    """

    def __init__(
        self,
        info: GraphInfo,
        load: Callable[[], TraceableModel],
        *,
        required: bool,
        private: bool = False,
    ) -> None:
        self.info = info
        self._load = load
        self._required = required  # without a graph: an error, or else PyTorch
        self._private = private
        self._lock = Lock()
        self._graph: Graph | None = None
        self._failed = False

    def get(self) -> Graph | None:
        """The graph, or None if PyTorch has to be used."""
        with self._lock:
            if self._graph is None and not self._failed:
                if self.info.precision == "int8" and (note := int8_gains_little()):
                    warn_once(note)
                try:
                    self._graph = ensure_graph(self.info, self._load, private=self._private)
                except (ModelError, MissingExtraError) as error:
                    if self._required:
                        raise
                    self._failed = True
                    warn_once(f"{self.info.encoder} runs on PyTorch, not on ONNX Runtime. {error}")
        return self._graph

    def write(self, folder: Path) -> GraphInfo:
        """Write the graph to a new folder: copied from the cache, or made."""
        cached = graph_folder(self.info)
        if _holds(cached, self.info):
            folder.mkdir()
            for name in (INFO, *FILES):
                shutil.copy(cached / name, folder)
            return read_info(folder)
        import_onnxruntime()
        require_onnx()
        folder.mkdir()
        return write_graph(folder, self.info, self._load)


def ensure_graph(
    info: GraphInfo, load: Callable[[], TraceableModel], *, private: bool = False
) -> Graph:
    """The graph in the cache. It is made if it is missing, damaged or of another version."""
    import torch

    import_onnxruntime()
    threads, target = torch.get_num_threads(), graph_folder(info)
    with suppress(ModelError):
        graph = Graph.open_cached(info, threads=threads)
        with suppress(OSError):
            os.utime(target)  # when it was last used
        return graph
    require_onnx()
    try:
        make_cache_folder(target.parent)
        log.warning(f"Preparing {info.encoder} for ONNX Runtime (once, in {target})")
        with new_folder(target, lambda folder: _holds(folder, info)) as building:
            building.mkdir(PRIVATE_FOLDER if private else 0o777)
            write_graph(building, info, load)
            if private:
                make_private(building)
        graph = Graph.open_cached(info, threads=threads)
        trim(target.parent, keep=target)
    except OSError as error:
        raise ModelError(
            f"Its graph cannot be written to {target.parent}: {error.strerror or error}. "
            "Set FSL_NLP_CACHE to a folder that can hold it."
        ) from error
    return graph


def _holds(folder: Path, info: GraphInfo) -> bool:
    """Whether the folder has this graph, complete."""
    try:
        return read_info(folder, remember=True).id == info.id
    except ModelError:
        return False


def trim(folder: Path, *, keep: Path, limit: int = CACHE_LIMIT) -> None:
    """Remove the least recently used graphs until the folder fits the limit."""
    graphs = []
    for path in folder.iterdir():
        with suppress(OSError):  # another process may be removing it
            size = sum(file.stat().st_size for file in path.iterdir())
            graphs.append((path.stat().st_mtime, size, path))
    total = sum(size for _, size, _ in graphs)
    for _, size, path in sorted(graphs):
        if total <= limit:
            return
        if path != keep and not path.name.startswith("."):
            shutil.rmtree(path, ignore_errors=True)
            total -= size


def require_onnx() -> None:
    """Raise an error if onnx, which makes graphs, is not installed."""
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "The package onnx, which prepares a model for ONNX Runtime, is not installed. "
            f"ONNX Runtime answers a question in half the time or less: {INSTALL_EXPORT}"
        ) from error
