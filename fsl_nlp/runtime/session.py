"""Sessions of ONNX Runtime, which run a graph on the processor."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from fsl_nlp.errors import MissingExtraError, ModelError, OptionError, first_line
from fsl_nlp.folders import file_states
from fsl_nlp.forks import Lock, never_destroy, renew_after_fork

if TYPE_CHECKING:
    import onnxruntime

INSTALL_ONNXRUNTIME = "pip install onnxruntime"


class Session:
    """A graph in a file. A forked process opens it again when it is first used there.

    `weights` is the file of its weights. Safe to share between threads.
    """

    def __init__(self, model: Path, threads: int | None, *, weights: Path) -> None:
        self._model = model
        self._threads = threads
        self._weights = weights
        self._lock = Lock()
        self._states = self._file_states()
        self._session: onnxruntime.InferenceSession | None = open_session(model, model, threads)
        renew_after_fork(self)

    def run(self, output: str, inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """One output of the graph."""
        result: NDArray[Any] = self._opened().run([output], inputs)[0]
        return result

    def after_fork(self) -> None:
        """The threads of the session are not in this process."""
        never_destroy(self._session)
        self._session = None

    def _opened(self) -> onnxruntime.InferenceSession:
        if (session := self._session) is not None:
            return session
        with self._lock:
            if self._session is None:
                if self._file_states() != self._states:
                    raise ModelError(
                        f"{self._model} has changed since it was loaded, so this forked process "
                        "cannot open it again. Load the classifier after the fork."
                    )
                self._session = open_session(self._model, self._model, self._threads)
            return self._session

    def _file_states(self) -> object:
        return file_states([self._model, self._weights])


def import_onnxruntime() -> ModuleType:
    """The module `onnxruntime`, with its telemetry turned off.

    Since 1.30 it sends events to its maker, from threads of its own, unless this variable is set
    before its first import. A forked process that ends would wait for those threads for ever.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(
            f"The package onnxruntime is not installed: {INSTALL_ONNXRUNTIME}"
        ) from error
    return onnxruntime


def open_session(
    model: Path | bytes, name: Path | str, threads: int | None = None
) -> onnxruntime.InferenceSession:
    """A graph from a file or from bytes, ready to run on the processor.

    Messages call it `name`.
    """
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise OptionError(f"threads={threads!r}: must be a whole number from 1, or None for all.")
    onnxruntime = import_onnxruntime()
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
