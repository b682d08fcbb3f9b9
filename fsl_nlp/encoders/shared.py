"""Encoders by name, each loaded once in a process."""

from __future__ import annotations

from fsl_nlp.encoders.cache import VectorCache
from fsl_nlp.encoders.catalogue import absolute_name
from fsl_nlp.encoders.encoder import TextEncoder
from fsl_nlp.encoders.hardware import pick_backend, pick_device, pick_precision
from fsl_nlp.forks import Lock

_loading = Lock()
_loaded: dict[tuple[str, str, str, str], TextEncoder] = {}


def load_encoder(
    name: str, *, device: str = "auto", precision: str = "auto", backend: str = "auto"
) -> TextEncoder:
    """The encoder of this name, loaded at the first call and then shared in the process.

    If the files of its folder change, it is loaded again.

    >>> load_encoder("embedded:en") is load_encoder("embedded:en")
    True
    """
    resolved_device = pick_device(device)
    resolved_backend = pick_backend(backend, resolved_device, precision)
    key = (
        absolute_name(name),
        str(resolved_device),
        pick_precision(precision, resolved_device, resolved_backend),
        resolved_backend,
    )
    with _loading:
        if key not in _loaded or not _loaded[key].has_current_files():
            _loaded[key] = TextEncoder(
                name,
                device=key[1],
                precision=precision,
                backend=resolved_backend,
                cache=VectorCache.default(),
            )
        return _loaded[key]
