"""Encoders: texts in, vectors out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsl_nlp.lazy import lazy_attributes

if TYPE_CHECKING:
    from fsl_nlp.encoders.catalogue import MODELS as MODELS
    from fsl_nlp.encoders.catalogue import ModelCard as ModelCard
    from fsl_nlp.encoders.choice import model_for as model_for
    from fsl_nlp.encoders.encoder import TextEncoder as TextEncoder
    from fsl_nlp.encoders.shared import load_encoder as load_encoder

__getattr__, __dir__, __all__ = lazy_attributes(
    __name__,
    {
        "MODELS": "catalogue",
        "ModelCard": "catalogue",
        "model_for": "choice",
        "TextEncoder": "encoder",
        "load_encoder": "shared",
    },
)
