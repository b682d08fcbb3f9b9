"""What may stand where an encoder is named: its name, a `TextEncoder`, a `SentenceTransformer`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fsl_nlp.encoders.encoder import TextEncoder
from fsl_nlp.encoders.loading import fingerprint
from fsl_nlp.errors import ModelError, OptionError, first_line

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

EncoderLike: TypeAlias = "str | TextEncoder | SentenceTransformer"

_PROBE = "Where is my order? 我的订单到哪了？"
_LEAST_COSINE = 0.999  # bf16 and fp32 differ by 1e-5


def as_encoder(encoder: EncoderLike, *, device: str = "auto") -> TextEncoder:
    """The encoder that a name or an object means.

    >>> as_encoder("embedded:en").name
    'embedded:en'
    """
    if isinstance(encoder, TextEncoder):
        return encoder
    if isinstance(encoder, str):
        from fsl_nlp.encoders import load_encoder

        return load_encoder(encoder, device=device)
    # Who holds a SentenceTransformer has imported its package: no need to load it to recognise one.
    library = sys.modules.get("sentence_transformers")
    if library and isinstance(encoder, library.SentenceTransformer):
        return _of_sentence_transformer(encoder, device)
    raise OptionError(
        f"encoder={encoder!r}: must be a name, a folder, a TextEncoder or a SentenceTransformer."
    )


def _of_sentence_transformer(model: Any, device: str) -> TextEncoder:
    """The model is read again from where it lies, so that a saved classifier can name it."""
    transformer: Any = getattr(model[0], "auto_model", None)
    name = getattr(getattr(transformer, "config", None), "_name_or_path", "")
    advice = "Save it with save_pretrained(FOLDER), and give FOLDER as the encoder."
    if not name:
        raise ModelError(f"This SentenceTransformer does not say where it lies. {advice}")
    try:
        encoder = as_encoder(name, device=device)
    except ModelError as error:
        raise ModelError(
            f"This SentenceTransformer cannot be read again from {name!r}: {first_line(error)}. "
            f"{advice}"
        ) from error
    module = model if encoder.pooling.custom else transformer
    ours, theirs = (
        vector / np.linalg.norm(vector)
        for vector in (
            encoder.encode(_PROBE),
            model.encode(_PROBE, prompt=encoder.pooling.prefix or None, show_progress_bar=False),
        )
    )
    same = fingerprint(module, model.tokenizer) == encoder.fingerprint
    if not same or ours @ theirs < _LEAST_COSINE:
        raise ModelError(f"This SentenceTransformer is not what lies in {name}. {advice}")
    return encoder
