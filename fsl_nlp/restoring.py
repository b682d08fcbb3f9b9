"""From a fitted method to its saved record, and back."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_nlp.artifact.manifest import refusing_damage
from fsl_nlp.artifact.protocols import CLASSIFIER
from fsl_nlp.artifact.record import (
    DECISION,
    STATE,
    SavedClassifier,
    SavedEditing,
    SavedEncoder,
    SavedPart,
)
from fsl_nlp.artifact.self_test import LABELS, check_self_test, label_sum, run_self_test
from fsl_nlp.errors import ArtifactError, MissingExtraError, ModelError
from fsl_nlp.types import Example

if TYPE_CHECKING:
    from fsl_nlp.decision.policy import Decision
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.encoders.objects import EncoderLike
    from fsl_nlp.methods.base import Classifier, Method
    from fsl_nlp.methods.combined.report import Report

log = logging.getLogger("fsl_nlp")


def record_of(
    fitted: Classifier,
    encoder: TextEncoder,
    *,
    method: str,
    method_source: str = "",
    parameters: Mapping[str, Any],
    model_version: str,
    examples: tuple[Example, ...] = (),
    report: Mapping[str, Any] | None = None,
    editing: SavedEditing | None = None,
    decision: Decision | None = None,
) -> SavedClassifier:
    """The record of a fitted classifier, without the parts that answer without torch.

    `parameters` are those of the constructor of `FewShotClassifier`.
    """
    from fsl_nlp import __version__
    from fsl_nlp.methods.old_options import RENAMED_OPTIONS

    saved_encoder = _record_of_encoder(encoder)
    # A saved classifier outlives the old names of options.
    current = {RENAMED_OPTIONS.get(name, name): value for name, value in parameters.items()}
    state, settings = fitted.state()
    decision_state, decision_settings = decision.state() if decision else ({}, None)
    return SavedClassifier(
        method=method,
        method_source=method_source,
        labels=tuple(fitted.labels),
        parameters={**current, "encoder": saved_encoder.name},
        encoder=saved_encoder,
        settings=settings,
        inputs=fitted.inputs.to_dict(),
        tensors={
            **{f"{STATE}{name}": array for name, array in state.items()},
            **{f"{DECISION}{name}": array for name, array in decision_state.items()},
            **run_self_test(fitted),
            LABELS: label_sum(fitted.labels),
        },
        model_version=model_version,
        version=__version__,
        examples=examples,
        report=report,
        editing=editing,
        decision=decision_settings,
    )


def _record_of_encoder(encoder: TextEncoder) -> SavedEncoder:
    from fsl_nlp.encoders import MODELS

    # Only int8 is a choice of the user; other precisions depend on the processor.
    precision = "int8" if encoder.precision == "int8" else "auto"
    languages = MODELS[encoder.name].languages if encoder.name in MODELS else ""
    return SavedEncoder(
        encoder.name, encoder.fingerprint, asdict(encoder.pooling), precision, languages
    )


def runtime_parts(fitted: Classifier) -> tuple[SavedPart, ...]:
    """The parts that answer without torch; () where they cannot be made."""
    from fsl_nlp.scorers import saved_parts

    try:
        return tuple(saved_parts(fitted))
    except (ModelError, MissingExtraError) as error:
        log.info("Saved without what answers without torch: %s", error)
        return ()


def check_restorable(folder: Path, saved: SavedClassifier) -> None:
    """Refuse an exported bot whose encoder gives other vectors than the one it was fitted on."""
    if any(part.entry.get("differs") for part in saved.parts):
        raise ArtifactError(
            f"{folder} was exported in int8 or for some scripts only. Load it with "
            "fsl_nlp.runtime.Bot.load. To change it, export its classifier again."
        )


def load_saved_encoder(
    folder: Path, saved: SavedEncoder, encoder: EncoderLike | None, device: str
) -> TextEncoder:
    """The encoder of a saved classifier, or the one that the user gives instead of it."""
    from fsl_nlp.encoders import load_encoder
    from fsl_nlp.encoders.objects import as_encoder

    if encoder is None or isinstance(encoder, str):
        if saved.precision == "int8" and device == "auto":
            device = "cpu"  # the only device that computes in int8
        try:
            encoder = load_encoder(encoder or saved.name, device=device, precision=saved.precision)
        except ModelError as error:
            raise ArtifactError(
                f"The classifier in {folder} needs its encoder {saved.name!r}. {error}\n"
                "If the encoder has moved, name its new folder: load(folder, encoder=FOLDER)."
            ) from error
    encoder = as_encoder(encoder, device=device)
    if encoder.fingerprint != saved.fingerprint:
        raise ArtifactError(
            f"The classifier in {folder} was made with another encoder.\n"
            f"  saved with {saved.name!r}, fingerprint {saved.fingerprint[:16]}\n"
            f"  here       {encoder.name!r}, fingerprint {encoder.fingerprint[:16]}\n"
            "Give the encoder that it was saved with, or fit it again with this one."
        )
    return encoder


def restore(folder: Path, saved: SavedClassifier, method: Method) -> Classifier:
    """The fitted classifier of a record; refused if its answers have changed since saving.

    `method` is the one that fitted it, built with its options and its encoder.
    """
    with refusing_damage(folder, CLASSIFIER):
        fitted = method.restore(saved.labels, saved.state, saved.settings)
        check_self_test(folder, fitted, saved.tensors)
    return fitted


def restore_report(saved: SavedClassifier) -> Report | None:
    """The comparison of `auto`; None where the user named the method."""
    from fsl_nlp.methods.combined.report import Candidate, Report

    if saved.report is None:
        return None
    candidates = tuple(Candidate(**candidate) for candidate in saved.report["candidates"])
    return Report(**{**saved.report, "candidates": candidates})
