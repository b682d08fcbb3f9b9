"""A fitted classifier that answers without torch.

Everything in here needs numpy, onnxruntime, tokenizers and safetensors, and nothing more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsl_nlp.lazy import lazy_attributes

if TYPE_CHECKING:
    from fsl_nlp.runtime.bot import Bot as Bot

__getattr__, __dir__, __all__ = lazy_attributes(__name__, {"Bot": "bot"})
