"""Adapt a model to unlabelled texts by masked language modelling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsl_nlp.lazy import lazy_attributes

if TYPE_CHECKING:
    from fsl_nlp.pretraining.learner import AdaptSettings as AdaptSettings
    from fsl_nlp.pretraining.run import adapt as adapt

__getattr__, __dir__, __all__ = lazy_attributes(
    __name__, {"AdaptSettings": "learner", "adapt": "run"}
)
