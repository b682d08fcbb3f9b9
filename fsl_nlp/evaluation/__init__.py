"""Methods scored on labelled data: accuracy, intervals, comparisons, curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsl_nlp.lazy import lazy_attributes

if TYPE_CHECKING:
    from fsl_nlp.evaluation.curves import learning_curve as learning_curve
    from fsl_nlp.evaluation.evaluator import evaluate as evaluate
    from fsl_nlp.evaluation.method_spec import MethodSpec as MethodSpec
    from fsl_nlp.evaluation.result import Result as Result
    from fsl_nlp.evaluation.result import compare as compare

__getattr__, __dir__, __all__ = lazy_attributes(
    __name__,
    {
        "learning_curve": "curves",
        "evaluate": "evaluator",
        "MethodSpec": "method_spec",
        "Result": "result",
        "compare": "result",
    },
)
