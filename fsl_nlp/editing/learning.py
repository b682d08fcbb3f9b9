"""From a version and a changed support set to the next version."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from fsl_nlp.artifact.manifest import content_sum
from fsl_nlp.checks import checked_support
from fsl_nlp.data.labels import readable
from fsl_nlp.editing.changes import ADAPT, MERGE, RENAME, Change, shortened
from fsl_nlp.editing.edits import Edit, Expected, moved_between
from fsl_nlp.editing.support import Draft
from fsl_nlp.editing.versions import Version
from fsl_nlp.errors import DataError
from fsl_nlp.methods.base import note_truncated
from fsl_nlp.methods.held_out import with_support
from fsl_nlp.types import Dataset, Label, LabelInfo

if TYPE_CHECKING:
    from fsl_nlp.decision.policy import Decision
    from fsl_nlp.methods.base import Classifier

UNDO = "undo"
_FIRST = 2  # the number of the version that the first change makes
_HEAD_ALONE = (
    "the encoder and the thresholds stay as they are, and only the head on the tuned vectors was "
    "fitted again. Train again with all examples when you have time."
)
_FEW_STEPS = (
    "the head took {steps} from where it was, and the thresholds stay as they are. The next edit "
    "of another kind learns again from all examples."
)


def edited(before: Version, draft: Draft) -> tuple[Version, Edit]:
    """The version after a change, and what it did."""
    exact = is_exact(before)
    in_place = draft.action == RENAME and not exact
    support = _in_place(before, draft) if in_place else draft.support
    # The examples were checked as they came; one shows whether they have candidates.
    checked_support(replace(support, examples=support.labelled.examples[:1]))
    learner = before.recipe.learner
    if in_place:
        classifier = with_labels(before.classifier, support.labels)
    elif draft.steps:
        added = draft.reverse.added
        classifier = learner.adapt(before.classifier, support.labelled, added, draft.steps)
    else:
        classifier = learner.relearn(before.classifier, support)
    stored = set(before.examples)
    note_truncated(classifier, tuple(e for e in support.labelled.examples if e not in stored))
    name = before.recipe.name_of(support)
    if not exact or draft.steps:  # it must tell ways apart, because the answers depend on them
        way = {"before": before.name, "after": name}
        name = content_sum({**way, "steps": draft.steps} if draft.steps else way)[:12]
    # The classifier of the training is for undoing the first change of its head.
    untouched = all(change.action == RENAME for change in before.changes)
    trained = before.classifier if untouched and not exact and not in_place else before.trained
    after = replace(
        before,
        classifier=classifier,
        support=support,
        name=name,
        decision=_decision_of(before, classifier, support, learns=not draft.steps),
        trained=trained,
        package=None,
        is_whole=True,
    )
    change = Change(
        number=before.number + 1,
        action=draft.action,
        summary=draft.summary,
        before=before.name,
        name=name,
        examples=len(after.examples),
        labels=len(support.labels),
        accuracy=None,
        reverse=draft.reverse,
        steps=draft.steps,
        added=draft.reverse.added if draft.steps else 0,
    )
    after = replace(after, changes=(*before.changes, change))
    accuracy = expected_of(after).accuracy if exact else None
    changes = shortened((*before.changes, replace(change, accuracy=accuracy)))
    after = replace(after, changes=changes)
    steps = "1 step" if draft.steps == 1 else f"{draft.steps} steps"
    notes = [draft.note, "" if exact or in_place else _HEAD_ALONE]
    notes += [_FEW_STEPS.format(steps=steps)] if draft.steps else []
    return after, _compared(
        before, after, draft.action, draft.summary, draft.renamed.items(), notes
    )


def undone(before: Version) -> tuple[Version, Edit]:
    """The version before the last change, and what differs."""
    if not before.changes:
        raise DataError("There is no edit to undo.")
    *earlier, change = before.changes
    if change.reverse is None:
        raise DataError(
            f"Version {before.number} cannot be undone: {change.summary!r} was too long ago, or "
            "its history was forgotten."
        )
    support = change.reverse.apply(before.support)
    learner = before.recipe.learner
    if is_exact(before):
        after = _learned(before, support, earlier)
    else:
        if change.action == RENAME:
            classifier = with_labels(before.classifier, support.labels)
        elif any(other.action != RENAME for other in earlier):
            classifier = learner.relearn(before.classifier, support)
        else:
            assert before.trained
            classifier = with_labels(before.trained, support.labels)
        decision = _decision_of(before, classifier, support)
        after = replace(before, classifier=classifier, support=support, decision=decision)
    after = replace(after, name=change.before, changes=tuple(earlier))
    old, new = before.examples, after.examples
    back = {(old[i].label, new[i].label) for i, _ in change.reverse.relabelled}
    renamed = back if change.action in (RENAME, MERGE) else set()
    summary = f"undone: {change.summary}"
    return after, _compared(before, after, UNDO, summary, renamed, [])


def _learned(version: Version, support: Dataset, changes: Sequence[Change]) -> Version:
    """The version after these changes: learned again, with the steps of those that adapted it."""
    steps = list(takewhile(lambda change: change.action == ADAPT, reversed(changes)))[::-1]
    if len(steps) == len(changes) > 0 and steps[0].number > _FIRST:
        raise DataError(
            f"Version {version.number} cannot be undone: too many adaptations in a row."
        )
    examples = support.labelled.examples
    count = steps[0].examples - steps[0].added if steps else len(examples)
    learner = version.recipe.learner
    start = replace(support, examples=(*examples[:count], *support.unlabelled))
    classifier = learner.relearn(version.classifier, start)
    decision = _decision_of(version, classifier, start)
    for change in steps:
        part = replace(support, examples=examples[: change.examples])
        classifier = learner.adapt(classifier, part, change.added, change.steps)
    after = replace(version, classifier=classifier, support=support, decision=decision)
    if steps:
        decision = _decision_of(after, classifier, support, learns=False)
    return replace(after, decision=decision)


def without_history(version: Version) -> Version:
    """The version without what it would take to undo its changes: removed texts, for one."""
    changes = tuple(replace(change, reverse=None) for change in version.changes)
    return replace(version, changes=changes, trained=None)


def _decision_of(
    before: Version, classifier: Classifier, support: Dataset, *, learns: bool = True
) -> Decision | None:
    """When the classifier answers after a change of the support set.

    After a long training the thresholds stay: examples that the encoder was tuned on show nothing
    of new ones, and to hold some out would be another training. Unless it `learns` they stay, too.
    """
    if is_exact(before) and learns:
        return before.recipe.decision_of(classifier, support)
    if before.decision is None:
        return None
    recipe = before.recipe
    return with_support(before.decision, recipe.learner, classifier, support, recipe.outsiders)


def is_exact(version: Version) -> bool:
    """Whether an edit gives what a fit on the changed examples gives."""
    return not version.recipe.learner.trainings(version.support)


def with_labels(classifier: Classifier, labels: tuple[Label, ...]) -> Classifier:
    """A classifier with other names for its labels, in the same order."""
    if classifier.labels == labels:
        return classifier
    renamed: Any = classifier
    return replace(renamed, labels=labels)


def expected_of(version: Version) -> Expected:
    """What held-out examples show of a version; none were held out of one that only adapted."""
    decision = version.decision
    if decision is None or decision.expected is None or version.is_adapted:
        return Expected()
    shares = decision.expected
    familiarity, certainty = decision.least_familiarity, decision.least_certainty
    return Expected(
        accuracy=shares.accuracy_of_all.value,
        count=shares.accuracy_of_all.count,
        answered=shares.answered.value,
        familiarity=familiarity if math.isfinite(familiarity) else None,
        certainty=certainty or None,
    )


def _compared(
    before: Version,
    after: Version,
    action: str,
    summary: str,
    renamed: Collection[tuple[Label | None, Label | None]],
    notes: list[str],
) -> Edit:
    expected = expected_of(after)
    if not is_exact(after):
        expected = replace(expected, accuracy=None, count=0, answered=None)
    return Edit(
        action=action,
        summary=summary,
        applied=True,
        before=before.number,
        after=after.number,
        model_version=after.name,
        moved=tuple(moved_between(before, after, renamed)),
        expected_before=expected_of(before),
        expected_after=expected,
        note=" ".join(filter(None, notes)),
    )


def _in_place(before: Version, draft: Draft) -> Dataset:
    """The renamed support set for a classifier that stays as it is, but for the name.

    Its labels keep the order that the classifier has. The old name stays as a text of the label,
    so that the head learns the same when it is fitted again.
    """
    ((old, new),) = draft.renamed.items()
    labels = before.classifier.labels
    known = draft.support.info.get(new, LabelInfo())
    info = {**draft.support.info, new: replace(known, name=known.name or readable(old))}
    return replace(draft.support, labels=tuple(draft.renamed.get(x, x) for x in labels), info=info)
