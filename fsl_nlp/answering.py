"""Answers of a fitted classifier, with torch or without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from numbers import Integral
from typing import Any, Literal, cast, overload

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.clauses import answers_of_parts, possible_parts
from fsl_nlp.decision.outputs import Outputs
from fsl_nlp.decision.predictions import decide, empty_prediction
from fsl_nlp.decision.probabilities import softmax
from fsl_nlp.decision.verdict import ANSWERS
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.explaining import influences
from fsl_nlp.inputs.kinds import TEXT
from fsl_nlp.labelling import Labelling
from fsl_nlp.types import Example, Label, Neighbour, Prediction
from fsl_nlp.vectors import Matrix, unit

# The largest batch of a stream: enough texts to sort by length, few enough for any memory.
STREAM_BATCH = 1024


class Answering(Labelling):
    """The methods of a fitted classifier that answer, each as it is when the call begins."""

    @overload
    def classify(
        self,
        text: str | Example,
        *,
        top_k: int = 3,
        nearest: int = 0,
        multiple: Literal[False] = False,
        why: bool = False,
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
        why: bool = False,
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
        why: bool = False,
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
        why: bool = False,
        store: bool = False,
    ) -> list[list[Prediction]]: ...
    def classify(
        self,
        text: str | Example | list[str] | list[Example] | tuple[str, ...] | NDArray[Any],
        *,
        top_k: int = 3,
        nearest: int = 0,
        multiple: bool = False,
        why: bool = False,
        store: bool = False,
    ) -> Prediction | list[Prediction] | list[list[Prediction]]:
        """A `Prediction` for one text, a list of them for a list of texts.

        A prediction names `top_k` labels, the answer included, and `nearest` training examples.
        With `multiple` each text gets a list of predictions, one for each `part` of the message
        that asks for something else; a message with one intent gets one, as without `multiple`.
        With `why` it names what each word does for the best label; that takes as long as some
        dozens of texts. Nothing of a text is stored; `store` is as for `predict_proba`.

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
            if why:
                answers = [
                    now._explained([example] * len(parts), parts)
                    for example, parts in zip(examples, answers, strict=True)
                ]
            return answers[0] if is_single else answers
        predictions = now._classify(examples, top_k, nearest, store)
        if why:
            predictions = now._explained(examples, predictions)
        return predictions[0] if is_single else predictions

    def _classify_parts(
        self, examples: list[Example], top_k: int, nearest: int, store: bool
    ) -> list[list[Prediction]]:
        """The predictions of the parts of each text: all that could be a part, in one batch."""
        self._check_plain("multiple")
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

    def _explained(
        self, examples: Sequence[Example], predictions: Sequence[Prediction]
    ) -> list[Prediction]:
        """The predictions with the words that they rest on; the variants of a text in one batch."""
        self._check_plain("why")

        def ask(texts: list[str]) -> NDArray[np.float64]:
            return self._probabilities([Example(text) for text in texts])

        corpus = "\n".join(example.text for example in self.examples_)
        with self._storing(False):
            return [
                replace(answer, why=influences(answer.part or example.text, ask, corpus))
                for example, answer in zip(examples, predictions, strict=True)
            ]

    def _check_plain(self, option: str) -> None:
        if set(self.classifier_.inputs.kinds) != {TEXT}:
            raise OptionError(f"{option}=True: this classifier takes no plain texts. Leave it out.")

    def stream(
        self,
        texts: Iterable[str] | Iterable[Example],
        *,
        top_k: int = 3,
        nearest: int = 0,
        why: bool = False,
    ) -> Iterator[Prediction]:
        """A `Prediction` for each text, in order, for any number of texts; options of `classify`.

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
        return now._stream(iter(texts), top_k, nearest, why)

    def _stream(
        self, remaining: Iterator[Any], top_k: int, nearest: int, why: bool
    ) -> Iterator[Prediction]:
        done, size = 0, 1
        while batch := list(islice(remaining, size)):
            examples = self._checked(batch, "texts", first=done)
            answers = self._classify(examples, top_k, nearest, store=False)
            if why:
                yield from (
                    self._explained([e], [a])[0] for e, a in zip(examples, answers, strict=True)
                )
            else:
                yield from answers
            done, size = done + len(batch), min(4 * size, STREAM_BATCH)

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
            outputs = self._outputs(questions, bool(nearest))
        verdicts = self.decision_.verdicts(outputs) if self.decision_ else [ANSWERS] * len(outputs)
        columns = (
            softmax(outputs.scores),
            self._nearest(outputs.vectors, nearest),
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

    def _outputs(self, texts: list[Example], nearest: bool) -> Outputs:
        if self.decision_ or nearest:
            return self.classifier_.outputs(texts)
        scores = self.classifier_.scores(texts)  # some methods compute vectors apart
        return Outputs(scores, np.zeros((len(texts), 0), np.float32))

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
