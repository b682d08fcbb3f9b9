"""Labels of texts, their probabilities, and label sets, with torch or without."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.checks import as_examples
from fsl_nlp.decision.label_sets import LabelSet, check_coverage
from fsl_nlp.decision.outputs import Outputs
from fsl_nlp.decision.policy import Decision
from fsl_nlp.decision.probabilities import softmax
from fsl_nlp.errors import DataError
from fsl_nlp.inputs.kinds import Inputs
from fsl_nlp.types import Example, Label
from fsl_nlp.vectors import unit

if TYPE_CHECKING:
    from typing_extensions import Self


class Scorer(Protocol):
    """What the answers need of a fitted classifier."""

    @property
    def labels(self) -> tuple[Label, ...]:
        """The labels, in the order of the columns of `scores`."""

    @property
    def inputs(self) -> Inputs:
        """The kinds of examples that it takes."""

    def scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """[n, N]; the softmax of a row gives the probability of each label."""

    def embed(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """[n, D], for finding the training examples nearest to a question."""

    def outputs(self, examples: Sequence[Example]) -> Outputs:
        """The scores and the vectors."""

    def truncates(self, examples: Sequence[Example]) -> list[bool]:
        """Whether each example is too long to be read whole."""

    def example_of(self, text: str) -> Example:
        """An example of the kind that it takes, made of a text."""


class Labelling:
    """The methods of a fitted classifier that give labels, each as it is when the call begins."""

    classifier_: Scorer
    classes_: NDArray[Any]
    examples_: tuple[Example, ...]
    model_version_: str
    decision_: Decision | None = None  # None: every question gets its best label

    def _now(self) -> Self:
        """The fitted classifier, which no edit changes; refused before `fit`."""
        return self

    def predict_proba(
        self, texts: Sequence[str] | Sequence[Example], *, store: bool = False
    ) -> NDArray[np.float64]:
        """[n, N]: the probability of each label, in the order of `classes_`.

        An empty text is refused; `classify` answers it with the label None. `store` says whether
        the vectors of the texts may be cached, in memory and on disk. It saves time for a test set
        that is scored again and again. A `Bot` stores nothing.

        >>> from fsl_nlp import FewShotClassifier
        >>> classifier = FewShotClassifier("proto", "embedded:en")
        >>> texts, labels = ["where is my parcel", "refund me"], ["track", "refund"]
        >>> classifier = classifier.fit(texts, labels)
        >>> classifier.predict_proba(["has my parcel been sent"]).shape
        (1, 2)
        """
        now = self._now()
        examples = now._checked(texts, "texts", allow_empty=False)
        with now._storing(store):
            return now._probabilities(examples)

    def predict(
        self, texts: Sequence[str] | Sequence[Example], *, store: bool = False
    ) -> NDArray[Any]:
        """The most probable label of each text; `store` and empty texts are as in `predict_proba`.

        >>> from fsl_nlp import FewShotClassifier
        >>> classifier = FewShotClassifier("proto", "embedded:en")
        >>> texts, labels = ["where is my parcel", "refund me"], ["track", "refund"]
        >>> classifier = classifier.fit(texts, labels)
        >>> classifier.predict(["has my parcel been sent"]).tolist()
        ['track']
        """
        now = self._now()
        best = now.predict_proba(texts, store=store).argmax(axis=1)
        return cast("NDArray[Any]", now.classes_[best])

    def embed(
        self, texts: Sequence[str] | Sequence[Example], *, store: bool = False
    ) -> NDArray[np.float32]:
        """[n, D]: the vector of each text, of unit length, in which `nearest` compares texts.

        Of a classifier with several encoders they are those of the first. `store` and empty texts
        are as in `predict_proba`.

        >>> from fsl_nlp import FewShotClassifier
        >>> classifier = FewShotClassifier("proto", "embedded:en")
        >>> texts, labels = ["where is my parcel", "refund me"], ["track", "refund"]
        >>> classifier = classifier.fit(texts, labels)
        >>> classifier.embed(["has my parcel been sent"]).shape
        (1, 384)
        """
        now = self._now()
        examples = now._checked(texts, "texts", allow_empty=False)
        with now._storing(store):
            return now._vectors_of(examples)

    def predict_set(
        self,
        texts: Sequence[str] | Sequence[Example],
        coverage: float = 0.9,
        *,
        store: bool = False,
    ) -> list[LabelSet]:
        """For each text the labels among which the right one is, as often as `coverage` says.

        This holds on average over texts like the training examples. `store` and empty texts are as
        in `predict_proba`.

        >>> from fsl_nlp import FewShotClassifier, load_dataset
        >>> data = load_dataset("support_en")
        >>> classifier = FewShotClassifier("linear", "embedded:en", reject=0.05)
        >>> classifier = classifier.fit_dataset(data)
        >>> classifier.predict_set(["i want my money back"])[0].labels
        ('refund_status',)
        """
        now = self._now()
        check_coverage(coverage)
        conformity = now.decision_.conformity if now.decision_ else None
        if conformity is None:
            raise DataError(
                "predict_set: this classifier has no held-out scores: an older version saved it, "
                "or it never turns a question away, or nothing could be held out. Fit it again, "
                "with reject=0.05 and two examples or more of each label."
            )
        rows = now.predict_proba(texts, store=store)
        return conformity.sets(rows, now.classifier_.labels, coverage)

    def _checked(
        self, texts: Any, argument: str, first: int = 0, *, allow_empty: bool = True
    ) -> list[Example]:
        """The texts as examples of the kind that the classifier takes."""
        examples = as_examples(texts, argument, allow_empty=True, first=first)
        for i, example in enumerate(examples, first):
            if example.text.strip():  # a blank question gets no answer, whatever its kind
                self.classifier_.inputs.check([example], argument, i)
            elif not allow_empty:
                raise DataError(
                    f"{argument}[{i}] is empty. Leave it out; only `classify` answers it, "
                    "with the label None."
                )
        return examples

    def _storing(self, store: bool) -> AbstractContextManager[object]:
        """A context in which no vector of a text is stored, unless `store` is set."""
        return nullcontext()

    def _probabilities(self, texts: list[Example]) -> NDArray[np.float64]:
        if not texts:
            return np.zeros((0, len(self.classes_)))
        return softmax(self.classifier_.scores(texts))

    def _vectors_of(self, texts: Sequence[Example]) -> NDArray[np.float32]:
        """[n, D], of unit length."""
        return unit(self.classifier_.embed(texts)) if texts else np.zeros((0, 0), np.float32)
