"""`Editable`: the methods of a classifier that change what it has learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from fsl_nlp.answering import Answering
from fsl_nlp.checks import as_examples, as_labels, as_texts, check_equal
from fsl_nlp.editing import support as changes
from fsl_nlp.editing.changes import ADAPT, Change
from fsl_nlp.editing.differences import Difference, difference
from fsl_nlp.editing.edits import Edit
from fsl_nlp.editing.learning import edited, undone, without_history
from fsl_nlp.editing.suggest import Suggestions, suggest
from fsl_nlp.editing.support import Draft
from fsl_nlp.editing.versions import Origin, Version, Versioned, require_whole
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.forks import Lock
from fsl_nlp.torch_state import own_torch_state
from fsl_nlp.types import Dataset, Example, Label

MOST_STEPS = 5  # of `adapt`

_SWAPPING = Lock()


class Editable(Versioned, Answering):  # type: ignore[misc, override]
    """Edits of a fitted classifier. Each makes a new version and swaps it in, in one step.

    A method with a frozen encoder learns again from its stored vectors, so that the result is
    that of a fit on the changed examples. A tuned encoder stays as it is, and the head on its
    vectors is fitted again. With `refuse_if_worse` the old version stays if the expected accuracy
    falls by more than one standard error.
    """

    def add_examples(
        self,
        texts: Sequence[str] | Sequence[Example],
        labels: Sequence[Label] | NDArray[Any],
        *,
        refuse_if_worse: bool = False,
    ) -> Edit:
        """Learn from more examples of labels that it has; those that are stored are left out.

        >>> from fsl_nlp import FewShotClassifier
        >>> bot = FewShotClassifier("proto", "embedded:en")
        >>> bot = bot.fit(["where is my parcel", "refund me"], ["track", "refund"])
        >>> print(bot.add_examples(["I want my money back"], ["refund"]).summary)
        added 1 text of 'refund'
        """
        examples = _labelled(texts, labels)
        return self._edit(lambda s: changes.add_examples(s, examples), refuse_if_worse)

    def remove_examples(
        self, texts: Sequence[str] | Sequence[Example], *, refuse_if_worse: bool = False
    ) -> Edit:
        """Forget examples, whatever their labels. A label must keep one: see `remove_label`."""
        examples = as_examples(texts, "texts")
        return self._edit(lambda s: changes.remove_examples(s, examples), refuse_if_worse)

    def add_label(
        self,
        label: Label,
        texts: Sequence[str] | Sequence[Example] = (),
        description: str | None = None,
        *,
        refuse_if_worse: bool = False,
    ) -> Edit:
        """Learn one more label, from texts or a description of it."""
        (label,) = as_labels([label], "label")
        examples = as_examples(texts, "texts")
        if description is not None:
            as_texts([description], "description")
        return self._edit(
            lambda s: changes.add_label(s, label, examples, description), refuse_if_worse
        )

    def remove_label(self, label: Label, *, refuse_if_worse: bool = False) -> Edit:
        """Forget a label and its examples."""
        (label,) = as_labels([label], "label")
        return self._edit(lambda s: changes.remove_label(s, label), refuse_if_worse)

    def rename_label(self, old: Label, new: Label, *, refuse_if_worse: bool = False) -> Edit:
        """Give a label another name. The name of a label is one more example for most methods."""
        old, new = as_labels([old], "old") + as_labels([new], "new")
        return self._edit(lambda s: changes.rename_label(s, old, new), refuse_if_worse)

    def merge_labels(
        self, labels: Sequence[Label], into: Label, *, refuse_if_worse: bool = False
    ) -> Edit:
        """Make one label of several: one of them, another one, or a new one."""
        names, (target,) = as_labels(labels, "labels"), as_labels([into], "into")
        return self._edit(lambda s: changes.merge_labels(s, names, target), refuse_if_worse)

    def relabel(
        self,
        texts: Sequence[str] | Sequence[Example],
        label: Label,
        *,
        create: bool = False,
        refuse_if_worse: bool = False,
    ) -> Edit:
        """Give stored examples another label of those that it has; with `create`, or a new one."""
        examples, (name,) = as_examples(texts, "texts"), as_labels([label], "label")
        return self._edit(lambda s: changes.relabel(s, examples, name, create), refuse_if_worse)

    def adapt(
        self,
        texts: Sequence[str] | Sequence[Example],
        labels: Sequence[Label] | NDArray[Any],
        *,
        steps: int = 5,
    ) -> Edit:
        """Take in more examples by 1 to 5 gradient steps: for a meta-learned classifier.

        The steps go on from where the earlier ones ended, on the stored examples and the new ones.
        Nothing is held out, so no accuracy is expected, and the thresholds stay.
        """
        examples = _labelled(texts, labels)
        if isinstance(steps, bool) or steps not in range(1, MOST_STEPS + 1):
            raise OptionError(f"steps={steps!r}: give a whole number from 1 to {MOST_STEPS}.")

        def draft(support: Dataset) -> Draft:
            added = changes.add_examples(support, examples)
            summary = added.summary.replace("added", "adapted to", 1)
            return replace(added, action=ADAPT, summary=summary, steps=steps)

        return self._edit(draft, refuse_if_worse=False)

    def undo(self) -> Edit:
        """Go back to the version before the last edit; again, to the one before that."""
        return self._swap(undone, refuse_if_worse=False)

    def diff(self, other: Editable | None = None) -> Difference:
        """What differs from another classifier to this one; by default, what the last edit did."""
        version = self.version_
        if other is not None:
            return difference(other.version_, version)
        require_whole(version)
        with own_torch_state():
            return difference(undone(version)[0], version)

    def history(self) -> list[Change]:
        """The edits since the fit, the oldest first; an edit that was undone is in none."""
        return list(self.version_.changes)

    def forget_history(self) -> None:
        """Drop the list of edits, with the texts that were removed; none can be undone then."""
        with _SWAPPING:
            self._version = without_history(self.version_)

    def suggest(
        self, texts: Sequence[str] | Sequence[Example], n: int = 10, *, seed: int = 0
    ) -> Suggestions:
        """The `n` texts of a log to label next, with reasons, and labels that are missing.

        Nothing of the log is stored.
        """
        with own_torch_state():
            return suggest(self._now(), texts, n, seed=seed)

    def _saved(self, version: Version, folder: Path, digest: str) -> None:
        """Note where a version lies, unless another one has taken its place."""
        origin = Origin(folder.resolve(), digest, version.name)
        with _SWAPPING:
            if self._version is version:
                self._version = replace(version, origin=origin)
            elif self._version.origin is version.origin:
                self._version = replace(self._version, origin=origin)

    def _edit(self, draft: Callable[[Dataset], Draft], refuse_if_worse: bool) -> Edit:
        def make(before: Version) -> tuple[Version, Edit]:
            return edited(before, draft(before.support))

        return self._swap(make, refuse_if_worse)

    def _swap(self, make: Callable[[Version], tuple[Version, Edit]], refuse_if_worse: bool) -> Edit:
        """Put a new version in place of the one that it was made of."""
        while True:
            before = self.version_
            require_whole(before)
            with own_torch_state():
                after, edit = make(before)
            if refuse_if_worse:
                if edit.expected_after.accuracy is None:
                    raise OptionError(
                        "refuse_if_worse (--refuse-if-worse): there is no accuracy to compare. It "
                        "is known where nothing trains for long, two examples of a label can be "
                        "held out, and the bot may turn questions away, as with reject=0.05."
                    )
                if edit.is_worse:
                    return edit.refused()
            with _SWAPPING:
                if self._version is before:
                    self._version = after
                    return edit
            # Another thread was faster: the edit is made again, of its version.


def _labelled(texts: Any, labels: Any) -> list[Example]:
    examples, names = as_examples(texts, "texts"), as_labels(labels, "labels")
    check_equal(len(examples), len(names))
    if not examples:
        raise DataError("There are no texts to add.")
    return [replace(e, label=label) for e, label in zip(examples, names, strict=True)]
