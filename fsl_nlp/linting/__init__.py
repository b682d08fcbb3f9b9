"""What is wrong with training data, before anything is trained: `lint`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsl_nlp.lazy import lazy_attributes

if TYPE_CHECKING:
    from fsl_nlp.linting.findings import Finding as Finding
    from fsl_nlp.linting.report import LintReport as LintReport
    from fsl_nlp.linting.run import lint as lint

__getattr__, __dir__, __all__ = lazy_attributes(
    __name__, {"Finding": "findings", "LintReport": "report", "lint": "run"}
)
