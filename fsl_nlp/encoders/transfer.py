"""An encoder goes to another process by its name, and is loaded there: pickle takes no weights."""

from __future__ import annotations

import copyreg
from typing import TYPE_CHECKING, Any

from fsl_nlp.encoders.cache import VectorCache
from fsl_nlp.errors import ModelError
from fsl_nlp.forks import Lock
from fsl_nlp.lazy import load_object

if TYPE_CHECKING:
    from fsl_nlp.encoders.encoder import TextEncoder

_ENCODER = "fsl_nlp.encoders.encoder:TextEncoder"
_LOAD = "fsl_nlp.encoders.shared:load_encoder"

_receiving = Lock()
_without_cache: dict[tuple[str, ...], TextEncoder] = {}


class SentByName:
    """What copy and pickle make of an encoder."""

    name: str
    fingerprint: str
    cache: Any
    wanted: dict[str, str]  # device, precision, backend: as the user wrote them

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self  # it never changes, so scikit-learn's clone may share it

    def __reduce__(self) -> tuple[Any, ...]:
        if type(self) is not load_object(_ENCODER):
            # A class of the user's has attributes that this one does not know.
            return copyreg.__newobj__, (type(self),), self.__dict__  # type: ignore[attr-defined]
        return receive_encoder, (self.name, self.fingerprint, self.wanted, self.cache is not None)


def receive_encoder(
    name: str, fingerprint: str, wanted: dict[str, str], is_cached: bool
) -> TextEncoder:
    """The encoder that another process means, shared in this one; refused if it is another here."""
    if is_cached or VectorCache.default() is None:
        encoder: TextEncoder = load_object(_LOAD)(name, **wanted)
    else:
        key = (name, *wanted.values())
        with _receiving:
            if key not in _without_cache or not _without_cache[key].has_current_files():
                _without_cache[key] = load_object(_ENCODER)(name, **wanted)
            encoder = _without_cache[key]
    if encoder.fingerprint != fingerprint:
        raise ModelError(
            f"The encoder {name!r} is another one here: its fingerprint is "
            f"{encoder.fingerprint[:16]}, and {fingerprint[:16]} where it was sent. Use the same "
            "weights and the same versions of packages in both processes."
        )
    return encoder
