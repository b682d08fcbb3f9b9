"""Prompts for masked language models: templates, verbalizers and the models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsl_nlp.lazy import lazy_attributes

if TYPE_CHECKING:
    from fsl_nlp.prompts.masked_model import load_masked_net as load_masked_net
    from fsl_nlp.prompts.template import Template as Template
    from fsl_nlp.prompts.verbalizer import Verbalizer as Verbalizer

__getattr__, __dir__, __all__ = lazy_attributes(
    __name__,
    {
        "load_masked_net": "masked_model",
        "Template": "template",
        "Verbalizer": "verbalizer",
    },
)
