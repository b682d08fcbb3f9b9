"""Export a fitted classifier: as a bot that runs without torch, or its encoder as a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsl_nlp.lazy import lazy_attributes

if TYPE_CHECKING:
    from fsl_nlp.export.bot import export_bot as export_bot
    from fsl_nlp.export.encoder import export_encoder as export_encoder

__getattr__, __dir__, __all__ = lazy_attributes(
    __name__, {"export_bot": "bot", "export_encoder": "encoder"}
)
