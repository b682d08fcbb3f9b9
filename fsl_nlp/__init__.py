"""Few-shot text classification with pretrained language models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsl_nlp.lazy import lazy_attributes

if TYPE_CHECKING:
    from fsl_nlp.artifact import inspect_bot as inspect_bot
    from fsl_nlp.classifier import FewShotClassifier as FewShotClassifier
    from fsl_nlp.data import load_dataset as load_dataset
    from fsl_nlp.encoders import TextEncoder as TextEncoder
    from fsl_nlp.errors import FslError as FslError
    from fsl_nlp.linting import lint as lint
    from fsl_nlp.types import Dataset as Dataset
    from fsl_nlp.types import Example as Example
    from fsl_nlp.types import Prediction as Prediction
    from fsl_nlp.types import Task as Task

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_attributes(
    __name__,
    {
        "FewShotClassifier": "classifier",
        "inspect_bot": "artifact",
        "load_dataset": "data",
        "TextEncoder": "encoders",
        "FslError": "errors",
        "lint": "linting",
        "Dataset": "types",
        "Example": "types",
        "Prediction": "types",
        "Task": "types",
    },
)
