"""Changes as plain values, as they are saved, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fsl_nlp.artifact.editing import info_entries, info_of
from fsl_nlp.artifact.examples import example_fields, example_of
from fsl_nlp.artifact.record import SavedEditing, SavedState
from fsl_nlp.editing.changes import Change, Reverse
from fsl_nlp.editing.versions import Version, is_whole
from fsl_nlp.types import Dataset, Label

if TYPE_CHECKING:
    from fsl_nlp.artifact.record import SavedClassifier
    from fsl_nlp.decision.policy import Decision
    from fsl_nlp.editing.versions import Recipe
    from fsl_nlp.methods.base import Classifier
    from fsl_nlp.methods.combined.report import Report


def editing_record(version: Version) -> SavedEditing:
    """What is saved of a version besides its classifier and its examples."""
    trained = None
    if version.trained is not None:
        tensors, settings = version.trained.state()
        trained = SavedState(version.trained.labels, settings, tensors)
    return SavedEditing(
        whole=is_whole(version) and not version.support.unlabelled,
        info=version.support.info,
        history=tuple(map(_entry_of, version.changes)),
        outsiders=version.recipe.outsiders,
        trained=trained,
    )


def version_of(
    saved: SavedClassifier,
    recipe: Recipe,
    classifier: Classifier,
    decision: Decision | None,
    report: Report | None,
) -> Version:
    """The version of a record, of which the method has restored the classifier."""
    editing = saved.editing or SavedEditing()
    support = Dataset(saved.examples, classifier.labels, editing.info)
    learner = recipe.learner.with_learned(classifier)
    version = Version(
        replace(recipe, learner=learner, outsiders=editing.outsiders),
        classifier,
        support,
        saved.model_version,
        decision,
        report,
        tuple(map(_change_of, editing.history)),
        is_whole=editing.whole if saved.editing else None,
        package=saved.version,
    )
    if state := editing.trained:
        trained = recipe.learner.restore(state.labels, dict(state.tensors), state.settings)
        version = replace(version, trained=trained)
    return version


def _entry_of(change: Change) -> dict[str, Any]:
    entry = change.to_dict()
    del entry["can_be_undone"]
    if (reverse := change.reverse) is None:
        return entry
    positions: dict[Label, list[int]] = {}
    for position, label in reverse.relabelled:
        positions.setdefault(label, []).append(position)
    entry["reverse"] = {
        "added": reverse.added,
        "removed": [{"position": i, "example": example_fields(e)} for i, e in reverse.removed],
        "relabelled": [{"label": label, "positions": rows} for label, rows in positions.items()],
        "labels": list(reverse.labels),
        "info": info_entries(reverse.labels, reverse.info),
    }
    return entry


def _change_of(entry: Mapping[str, Any]) -> Change:
    names = ("number", "action", "summary", "before", "name", "examples", "labels", "accuracy")
    fields: dict[str, Any] = {name: entry.get(name) for name in names}
    fields |= {name: entry.get(name, 0) for name in ("steps", "added")}
    return Change(**fields, reverse=_reverse_of(entry.get("reverse")))


def _reverse_of(entry: Mapping[str, Any] | None) -> Reverse | None:
    if entry is None:
        return None
    removed = ((item["position"], example_of(item["example"])) for item in entry["removed"])
    return Reverse(
        added=entry["added"],
        removed=tuple(removed),
        relabelled=_pairs(entry["relabelled"]),
        labels=tuple(entry["labels"]),
        info=info_of(entry["labels"], entry["info"]),
    )


def _pairs(groups: Sequence[Mapping[str, Any]]) -> tuple[tuple[int, Label], ...]:
    return tuple((row, group["label"]) for group in groups for row in group["positions"])
