"""Answers of a fitted classifier, with torch or without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import islice
from numbers import Integral
from typing import Any, Literal, Protocol, cast, overload

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.checks import as_examples
from fsl_nlp.clauses import answers_of_parts, possible_parts
from fsl_nlp.decision.policy import Decision
from fsl_nlp.decision.predictions import decide, empty_prediction
from fsl_nlp.decision.probabilities import softmax
from fsl_nlp.decision.shown import Shown
from fsl_nlp.decision.verdict import ANSWERS
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.inputs.kinds import TEXT, Inputs
from fsl_nlp.types import Example, Label, Neighbour, Prediction
from fsl_nlp.vectors import Matrix, unit

# The largest batch of a stream: enough texts to sort by length, few enough for any memory.
STREAM_BATCH = 1024


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

    def show(self, examples: Sequence[Example]) -> Shown:
        """The scores and the vectors."""

    def truncates(self, examples: Sequence[Example]) -> list[bool]:
        """Whether each example is too long to be read whole."""

    def example_of(self, text: str) -> Example:
        """An example of the kind that it takes, made of a text."""


class Answering:
    """The methods of a fitted classifier that answer, each as it is when the call begins."""

    classifier_: Scorer
    classes_: NDArray[Any]
    examples_: tuple[Example, ...]
    model_version_: str
    decision_: Decision | None = None  # None: every question gets its best label

    def _now(self) -> Answering:
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

    @overload
    def classify(
        self,
        text: str | Example,
        *,
        top_k: int = 3,
        nearest: int = 0,
        multiple: Literal[False] = False,
        store: bool = False,
    ) -> Prediction: ...
    @overload
    def classify(
        self,
        text: list[str] | list[Example] | tuple[str, ...] | NDArray[Any],
        *,
        top_k: int = 3,
        nearest: int = 0,
        multiple: Literal[False] = False,
        store: bool = False,
    ) -> list[Prediction]: ...
    @overload
    def classify(
        self,
        text: str | Example,
        *,
        top_k: int = 3,
        nearest: int = 0,
        multiple: Literal[True],
        store: bool = False,
    ) -> list[Prediction]: ...
    @overload
    def classify(
        self,
        text: list[str] | list[Example] | tuple[str, ...] | NDArray[Any],
        *,
        top_k: int = 3,
        nearest: int = 0,
        multiple: Literal[True],
        store: bool = False,
    ) -> list[list[Prediction]]: ...
    def classify(
        self,
        text: str | Example | list[str] | list[Example] | tuple[str, ...] | NDArray[Any],
        *,
        top_k: int = 3,
        nearest: int = 0,
        multiple: bool = False,
        store: bool = False,
    ) -> Prediction | list[Prediction] | list[list[Prediction]]:
        """A `Prediction` for one text, a list of them for a list of texts.

        A prediction names `top_k` labels, the answer included, and `nearest` training examples.
        With `multiple` each text gets a list of predictions, one for each `part` of the message
        that asks for something else; a message with one intent gets one, as without `multiple`.
        Nothing of a text is stored; `store` is as for `predict_proba`.

        >>> from fsl_nlp import FewShotClassifier
        >>> classifier = FewShotClassifier("proto", "embedded:en")
        >>> texts, labels = ["where is my parcel", "refund me"], ["track", "refund"]
        >>> classifier = classifier.fit(texts, labels)
        >>> prediction = classifier.classify("has my parcel been sent", nearest=1)
        >>> prediction.label, prediction.nearest[0].text
        ('track', 'where is my parcel')
        """
        now = self._now()
        is_single = isinstance(text, (str, Example))
        if text is None or isinstance(text, (bool, int, float, bytes, Mapping)):
            raise DataError(
                "Give a text: text must be a string, an Example, or a list of them; got "
                f"{text!r:.40} ({type(text).__name__})."
            )
        examples = now._checked([text] if is_single else text, "text")
        if multiple:
            answers = now._classify_parts(examples, top_k, nearest, store)
            return answers[0] if is_single else answers
        predictions = now._classify(examples, top_k, nearest, store)
        return predictions[0] if is_single else predictions

    def _classify_parts(
        self, examples: list[Example], top_k: int, nearest: int, store: bool
    ) -> list[list[Prediction]]:
        """The predictions of the parts of each text: all that could be a part, in one batch."""
        if set(self.classifier_.inputs.kinds) != {TEXT}:
            raise OptionError("multiple=True: this classifier takes no plain texts. Leave it out.")
        parts = [possible_parts(example.text) for example in examples]
        asked = [
            replace(example, text=text)
            for example, texts in zip(examples, parts, strict=True)
            for text in texts.values()
        ]
        answers = iter(self._classify(asked, top_k, nearest, store))
        return [
            answers_of_parts(example.text, {span: next(answers) for span in spans})
            for example, spans in zip(examples, parts, strict=True)
        ]

    def stream(
        self, texts: Iterable[str] | Iterable[Example], *, top_k: int = 3, nearest: int = 0
    ) -> Iterator[Prediction]:
        """A `Prediction` for each text, in order, for any number of texts.

        At most about a thousand texts are in memory, and none is stored. The first answers come
        at once. Later texts are answered in larger and larger batches, which is faster. For a
        conversation use `classify`.

        >>> from fsl_nlp import FewShotClassifier
        >>> classifier = FewShotClassifier("proto", "embedded:en")
        >>> texts, labels = ["where is my parcel", "refund me"], ["track", "refund"]
        >>> classifier = classifier.fit(texts, labels)
        >>> [answer.label for answer in classifier.stream(iter(["has my parcel been sent"]))]
        ['track']
        """
        now = self._now()
        _check_counts(top_k, nearest)
        if isinstance(texts, (str, Example)) or not isinstance(texts, Iterable):
            raise DataError(
                f"texts must be an iterable of texts, got a {type(texts).__name__}. "
                "For one text use classify."
            )
        return now._stream(iter(texts), top_k, nearest)

    def _stream(self, remaining: Iterator[Any], top_k: int, nearest: int) -> Iterator[Prediction]:
        done, size = 0, 1
        while batch := list(islice(remaining, size)):
            examples = self._checked(batch, "texts", first=done)
            yield from self._classify(examples, top_k, nearest, store=False)
            done, size = done + len(batch), min(4 * size, STREAM_BATCH)

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

    def _classify(
        self, texts: list[Example], top_k: int, nearest: int, store: bool
    ) -> list[Prediction]:
        _check_counts(top_k, nearest)
        if nearest and self.examples_:
            self._example_vectors()  # these may be stored, those of the texts may not
        answerable = [i for i, example in enumerate(texts) if example.text.strip()]
        predictions = [empty_prediction(self.model_version_)] * len(texts)
        questions = [texts[i] for i in answerable]
        if not questions:
            return predictions
        with self._storing(store):
            shown = self._show(questions, bool(nearest))
        verdicts = self.decision_.verdicts(shown) if self.decision_ else [ANSWERS] * len(shown)
        columns = (
            softmax(shown.scores),
            self._nearest(shown.vectors, nearest),
            self.classifier_.truncates(questions),
            verdicts,
        )
        for i, row, near, cut, verdict in zip(answerable, *columns, strict=True):
            predictions[i] = decide(
                row,
                self.classifier_.labels,
                top_k=top_k,
                nearest=near,
                model_version=self.model_version_,
                truncated=cut,
                verdict=verdict,
            )
        return predictions

    def _show(self, texts: list[Example], nearest: bool) -> Shown:
        if self.decision_ or nearest:
            return self.classifier_.show(texts)
        scores = self.classifier_.scores(texts)  # some methods compute vectors apart
        return Shown(scores, np.zeros((len(texts), 0), np.float32))

    def _probabilities(self, texts: list[Example]) -> NDArray[np.float64]:
        if not texts:
            return np.zeros((0, len(self.classes_)))
        return softmax(self.classifier_.scores(texts))

    def _nearest(self, vectors: Matrix, count: int) -> list[tuple[Neighbour, ...]]:
        if count == 0:
            return [()] * len(vectors)
        if not self.examples_:
            raise DataError(
                "There are no training examples to show: this classifier was saved without them "
                "(store_examples=False) or fitted from descriptions only."
            )
        similarity = unit(vectors) @ self._example_vectors().T
        best = np.argsort(-similarity, axis=1, kind="stable")[:, :count]
        return [
            tuple(
                Neighbour(
                    self.examples_[i].text, cast("Label", self.examples_[i].label), float(row[i])
                )
                for i in order
            )
            for row, order in zip(similarity, best, strict=True)
        ]

    def _example_vectors(self) -> NDArray[np.float32]:
        """[n, D], each of unit length."""
        return unit(self.classifier_.embed(self.examples_))


def _check_counts(top_k: int, nearest: int) -> None:
    for name, value, least in (("top_k", top_k, 1), ("nearest", nearest, 0)):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise OptionError(f"{name}={value!r}: must be a whole number, at least {least}.")


def as_array(labels: Sequence[Label]) -> NDArray[Any]:
    """The labels as an array of strings or of whole numbers; a mixture as objects.

    `checks.as_labels` has refused those that an array would change.
    """
    if len({isinstance(label, str) for label in labels}) == 1:
        return np.array(labels)
    return np.array(labels, dtype=object)
