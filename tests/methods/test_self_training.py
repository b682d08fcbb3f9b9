"""Self-training: unlabelled examples get the labels that two classifiers agree on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp import FewShotClassifier, TextEncoder
from fsl_nlp.methods.base import Classifier
from fsl_nlp.methods.self_training import TAKEN, agreed
from fsl_nlp.types import Example, Label


@dataclass(frozen=True)
class Told(Classifier):
    """Gives the scores that it was told."""

    labels: tuple[Label, ...]
    told: dict[str, list[float]]

    def scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        return np.array([self.told[e.text] for e in examples], np.float32)

    def embed(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        raise NotImplementedError

    def state(self) -> Any:
        raise NotImplementedError


def test_only_what_both_say_is_taken_the_surest_first() -> None:
    labels = ("红", "blue")
    texts = ["sure", "unsure", "differ", "other"]
    first = Told(labels, dict(zip(texts, [[5, 0], [1, 0], [9, 0], [0, 2]], strict=True)))
    second = Told(labels, dict(zip(texts, [[4, 0], [1, 0], [0, 9], [0, 1]], strict=True)))
    found = agreed([Example(text) for text in texts], first, second)
    assert [(e.text, e.label) for e in found] == [
        ("sure", "红"),
        ("other", "blue"),
        ("unsure", "红"),
    ]


def test_of_a_class_only_so_many_are_taken() -> None:
    texts = [str(i) for i in range(3 * TAKEN)]
    told = Told(("a", "b"), {text: [float(text), -1.0] for text in texts})
    found = agreed([Example(text) for text in texts], told, told)
    assert sorted(int(e.text) for e in found) == list(range(2 * TAKEN, 3 * TAKEN))


TRACK = ["where is my parcel", "has it been sent", "when is the delivery", "track my package"]
REFUND = ["I want my money back", "refund me please", "give me a refund", "return the payment"]


def test_a_tuned_method_learns_from_unlabelled_texts(english: TextEncoder) -> None:
    known, labels = [TRACK[0], REFUND[0]], ["track", "refund"]
    more = [*TRACK[1:], *REFUND[1:]]
    asked = ["my package has not come", "I would like to be refunded"]
    before, after = (
        FewShotClassifier("head", english, epochs=20, refit=False, label_names=False).fit(
            known, labels, unlabelled=unlabelled
        )
        for unlabelled in (None, more)
    )
    assert after.predict(asked).tolist() == labels
    own = [m.predict_proba(asked)[[0, 1], [1, 0]].min() for m in (before, after)]
    assert 1 - own[1] < (1 - own[0]) / 2
    assert [e.text for e in after.examples_] == known
