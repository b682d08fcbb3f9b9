"""The ONNX graphs of encoders in the user's cache: each is made once, then read."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fsl_nlp.encoders.tracing import LoadedForGraph, write_graph
from fsl_nlp.errors import MissingExtraError, ModelError
from fsl_nlp.folders import cache_folder, publish_folder
from fsl_nlp.processor import int8_gains_little
from fsl_nlp.runtime.graph import FILES, INFO, Graph, GraphInfo, read_info

log = logging.getLogger("fsl_nlp")

INSTALL_EXPORT = "pip install 'fsl-nlp[export]'"
CACHE_LIMIT = 4 << 30  # bytes of graphs; beyond it those go that were not used for longest
_DAY = 24 * 60 * 60


class GraphSource:
    """The graph of a model: read from the cache, or made, when it is first asked for.

    `load` gives the model, and is called only if the graph has to be made.
    """

    def __init__(self, info: GraphInfo, load: Callable[[], LoadedForGraph], *, must: bool) -> None:
        self.info = info
        self._load = load
        self._must = must  # a graph that cannot be had is an error, not a reason to use torch
        self._lock = threading.Lock()
        self._graph: Graph | None = None
        self._failed = False

    def get(self) -> Graph | None:
        """The graph, or None where torch has to do."""
        with self._lock:
            if self._graph is None and not self._failed:
                if self.info.precision == "int8" and (note := int8_gains_little()):
                    _say_once(note)
                try:
                    self._graph = ensure_graph(self.info, self._load)
                except (ModelError, MissingExtraError) as error:
                    if self._must:
                        raise
                    self._failed = True
                    _say_once(f"{self.info.encoder} is read by torch, not by ONNX Runtime. {error}")
        return self._graph

    def write(self, folder: Path) -> GraphInfo:
        """Write the graph to a new folder: that of the cache, or one made for it alone."""
        cached = graph_folder(self.info)
        if _holds(cached, self.info):
            folder.mkdir()
            for name in (INFO, *FILES):
                shutil.copy(cached / name, folder)
            return read_info(folder)
        require_onnxruntime()
        require_onnx()
        folder.mkdir()
        return write_graph(folder, self.info, self._load)


_said: set[str] = set()


def _say_once(message: str) -> None:
    if message not in _said:
        _said.add(message)
        log.warning(message)


def graph_folder(info: GraphInfo) -> Path:
    """Where the cache keeps it."""
    return cache_folder() / "graphs" / info.id


def ensure_graph(info: GraphInfo, load: Callable[[], LoadedForGraph]) -> Graph:
    """The graph in the cache, made first if it is missing, damaged or of another version."""
    import torch

    require_onnxruntime()
    threads, target = torch.get_num_threads(), graph_folder(info)
    if (target / INFO).is_file():
        with suppress(ModelError):
            graph = Graph.open(target, threads=threads, remember=True)
            if graph.info.id != info.id:
                raise ModelError(f"{target} holds another graph")
            with suppress(OSError):
                os.utime(target)  # when it was last used
            return graph
    require_onnx()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        log.warning(f"Preparing {info.encoder} for ONNX Runtime (once, in {target})")
        with new_folder(target, lambda folder: _holds(folder, info)) as building:
            write_graph(building, info, load)
        graph = Graph.open(target, threads=threads, remember=True)
        trim(target.parent, keep=target)
    except OSError as error:
        raise ModelError(
            f"Its graph cannot be written to {target.parent}: {error.strerror or error}. "
            "Set FSL_NLP_CACHE to a folder that can hold it."
        ) from error
    return graph


@contextmanager
def new_folder(target: Path, is_whole: Callable[[Path], bool]) -> Iterator[Path]:
    """A folder to fill, which then takes the name `target`, whole or not at all.

    If another process finishes one first, that one stays.
    """
    for path in target.parent.glob(f".{target.name}.*"):  # what crashed processes left
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _DAY:
                shutil.rmtree(path, ignore_errors=True)
    building = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}")
    building.mkdir()
    try:
        yield building
        publish_folder(building, target, is_whole)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _holds(folder: Path, info: GraphInfo) -> bool:
    """Whether this graph lies in a folder, whole."""
    try:
        return read_info(folder, remember=True).id == info.id
    except ModelError:
        return False


def trim(folder: Path, *, keep: Path, limit: int = CACHE_LIMIT) -> None:
    """Remove the graphs that were not used for longest, until the rest fits the limit."""
    graphs = []
    for path in folder.iterdir():
        with suppress(OSError):  # another process may be at it, too
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
    """Refuse to go on without the package that makes graphs."""
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "The package onnx, which prepares a model for ONNX Runtime once, is not installed. "
            f"With it a question takes half the time or less: {INSTALL_EXPORT}"
        ) from error


def require_onnxruntime() -> None:
    """Refuse to go on without the package that runs graphs."""
    from fsl_nlp.runtime.graph import INSTALL_ONNXRUNTIME

    try:
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"The package onnxruntime is not installed: {INSTALL_ONNXRUNTIME}"
        ) from error
