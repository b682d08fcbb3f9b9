"""What a fit or an edit makes: one immutable value, which is swapped in one step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError

from fsl_nlp.answering import as_array
from fsl_nlp.artifact.model_version import model_version
from fsl_nlp.decision.targets import Targets
from fsl_nlp.editing.changes import ADAPT, Change
from fsl_nlp.errors import DataError
from fsl_nlp.methods.held_out import fit_decision
from fsl_nlp.types import Dataset, Example

if TYPE_CHECKING:
    from fsl_nlp.decision.policy import Decision
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.methods.base import Classifier, Method
    from fsl_nlp.methods.combined.report import Report


@dataclass(frozen=True)
class Recipe:
    """What learns: a method, ready to fit, and the targets and outsiders of its decision.

    `seed` and `options` are for the name of its work.
    """

    method: str
    learner: Method
    encoder: TextEncoder
    targets: Targets = field(default_factory=Targets)
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    outsiders: tuple[Example, ...] = ()

    def name_of(self, support: Dataset, package: str | None = None) -> str:
        """The `model_version` of what it learns from this support set."""
        options = {**self.options, **self.learner.origin()}
        return model_version(
            support, self.method, self.encoder, seed=self.seed, options=options, package=package
        )

    def decision_of(self, classifier: Classifier, support: Dataset) -> Decision | None:
        """When a classifier that it fitted on the support set answers."""
        return fit_decision(
            self.learner,
            classifier,
            support,
            self.targets,
            seed=self.seed,
            outsiders=self.outsiders,
        )

    def version(
        self, classifier: Classifier, support: Dataset, *, report: Report | None = None
    ) -> Version:
        """The first version: a classifier that it fitted on the support set."""
        decision, name = self.decision_of(classifier, support), self.name_of(support)
        return Version(self, classifier, support, name, decision, report)


@dataclass(frozen=True)
class Origin:
    """A folder, the sum of the save there, and the name of the version in it."""

    folder: Path
    sum: str
    name: str


@dataclass(frozen=True)
class Version:
    """Everything that the answers of a classifier depend on.

    `support` is what it learned from, as far as that is stored. `name` is the `model_version` of
    its answers. `changes` are the edits since the fit, the oldest first. `trained` is the
    classifier of the fit, where an edit cannot give it back. `is_whole` says whether `support` is
    all that it learned from; None where a saved form does not say. `package` is the version of
    fsl_nlp that learned; None is this one. `origin` is where it was loaded from or saved to last.
    """

    recipe: Recipe
    classifier: Classifier
    support: Dataset
    name: str
    decision: Decision | None = None
    report: Report | None = None
    changes: tuple[Change, ...] = ()
    trained: Classifier | None = None
    is_whole: bool | None = True
    package: str | None = None
    origin: Origin | None = None

    @property
    def is_adapted(self) -> bool:
        """Whether the last change took a few steps, without holding examples out."""
        return bool(self.changes) and self.changes[-1].action == ADAPT

    @property
    def number(self) -> int:
        """1 after a fit, and one more for each edit since."""
        return self.changes[-1].number if self.changes else 1

    def sum_replaced_in(self, folder: Path) -> str | None:
        """The sum of the save that an edited version may replace; None if it may replace any."""
        origin = self.origin
        if origin is None or origin.name == self.name or origin.folder != folder.resolve():
            return None
        return origin.sum

    @cached_property
    def classes(self) -> NDArray[Any]:
        """The labels, in the order of the columns of the scores."""
        return as_array(self.classifier.labels)

    @cached_property
    def examples(self) -> tuple[Example, ...]:
        """The labelled examples that it learned from; () if they are not stored."""
        return self.support.labelled.examples

    @cached_property
    def stored_answers(self) -> NDArray[np.int64]:
        """[n]: the index of the best label of each stored example."""
        scores: NDArray[Any] = self.classifier.scores(self.examples)
        return scores.argmax(1)


def require_whole(version: Version) -> None:
    """Refuse to edit a version whose training cannot be repeated from what is stored."""
    again = "Fit it again from all of its data, with `fsl-nlp fit`; then it can be edited."
    if not version.examples and not version.support.info:
        raise DataError(
            "This classifier was saved without its training examples (store_examples=False), and "
            f"an edit learns from them. {again}"
        )
    if not is_whole(version):
        raise DataError(
            "This classifier learned from more than the examples that are saved with it: from "
            f"texts without labels, or from descriptions, with an older fsl_nlp. {again}"
        )


def is_whole(version: Version) -> bool:
    """Whether the support set of a version is all that it learned from."""
    if version.is_whole is None:  # equal sums: it learned from nothing else
        return version.recipe.name_of(version.support, version.package) == version.name
    return version.is_whole


class Versioned:
    """The fitted attributes of a classifier, all of the version that is now in use.

    An answer reads one version, so an edit in another thread changes no answer on its way.
    """

    _version: Version

    def __sklearn_is_fitted__(self) -> bool:
        return "_version" in vars(self)

    @property
    def version_(self) -> Version:
        """The version in use."""
        try:
            return self._version
        except AttributeError:
            # AttributeError too, so that hasattr() says no before `fit`.
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet. Call fit first."
            ) from None

    @property
    def classifier_(self) -> Classifier:
        """The fitted method."""
        return self.version_.classifier

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, in the order of the columns of `predict_proba`."""
        return self.version_.classes

    @property
    def examples_(self) -> tuple[Example, ...]:
        """The training examples; () if they are not stored."""
        return self.version_.examples

    @property
    def model_version_(self) -> str:
        """The name of what was learned, which every prediction carries."""
        return self.version_.name

    @property
    def method_(self) -> str:
        """The name of the method that was fitted."""
        return self.version_.recipe.method

    @property
    def encoder_(self) -> TextEncoder:
        """The encoder that it reads with."""
        return self.version_.recipe.encoder

    @property
    def decision_(self) -> Decision | None:
        """When it answers, and what to expect of that; None if it always does."""
        return self.version_.decision

    @property
    def report_(self) -> Report | None:
        """Why `auto` chose the method; None if the user named it."""
        return self.version_.report
