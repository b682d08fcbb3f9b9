"""The decision of a saved classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsl_nlp.artifact.record import DECISION

if TYPE_CHECKING:
    from fsl_nlp.artifact.record import SavedClassifier
    from fsl_nlp.decision.policy import Decision


def restore_decision(saved: SavedClassifier) -> Decision | None:
    """When the classifier answers; None if it always does."""
    from fsl_nlp.decision.policy import Decision

    if saved.decision is None:
        return None
    arrays = {
        name.removeprefix(DECISION): array
        for name, array in saved.tensors.items()
        if name.startswith(DECISION)
    }
    return Decision.restore(arrays, saved.decision)
