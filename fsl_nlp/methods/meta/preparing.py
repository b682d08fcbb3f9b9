"""What is saved of a meta-training."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from fsl_nlp.meta.folder import Prepared, labels_of
from fsl_nlp.output import without_nan

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.meta.run import MetaTrainingResult
    from fsl_nlp.methods.meta.method import MetaMethod


def prepared_of(method: MetaMethod, result: MetaTrainingResult) -> Prepared:
    """The result of a meta-training of the method, as it is saved."""
    training = result.training
    assert method.shape
    assert method.head.parameters
    return Prepared(
        method=method.name,
        options=method.fixed_options,
        encoder=encoder_entry(method.encoder)["encoder"],
        seed=method.seed,
        shape=asdict(method.shape),
        mentions=method.mentions,
        sources=[{"name": s.name, "labels": labels_of(s)} for s in method.sources],
        training={
            "steps": training.step,
            "kept_step": training.best_step,
            "seconds_a_step": round(training.seconds / max(1, training.step), 3),
            "seconds_to_kept_step": round(training.best_seconds, 1),
            "slowed_tasks": training.diverged,
            "summary": result.summary,
            "checks": without_nan([asdict(check) for check in training.checks]),
        },
        parameters=method.head.parameters,
    )


def encoder_entry(encoder: TextEncoder) -> dict[str, dict[str, str]]:
    """Which encoder a meta-training read with."""
    return {"encoder": {"name": encoder.name, "fingerprint": encoder.fingerprint}}
