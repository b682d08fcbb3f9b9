"""The numbers of a `Result`, from the predictions of all episodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.evaluation.result import Mean, NoneOfTheAbove
from fsl_nlp.types import Dataset, Label


@dataclass(frozen=True)
class Tally:
    """Accuracy of each episode, and counts over the queries of all of them."""

    episode_accuracy: NDArray[np.float64]  # [E]
    micro_accuracy: float
    macro_f1: float
    none_of_the_above: NoneOfTheAbove | None
    per_class: dict[Label, float]

    @property
    def accuracy(self) -> Mean:
        """The mean over the episodes, with its 95% interval."""
        return Mean.of(self.episode_accuracy)


def tally(dataset: Dataset, table: EpisodeTable, predicted: NDArray[np.int64]) -> Tally:
    """The counts; `predicted` [E, Q] is numbered as `table.target`: N is none of the above."""
    hits = predicted == table.target
    none = len(dataset.labels)  # one more class, after all of the dataset's
    columns = np.concatenate(
        [table.classes, np.full((len(table), 1), none)], axis=1, dtype=np.int64
    )  # [E, N + 1]
    true_class = np.take_along_axis(columns, table.target, 1).ravel()
    predicted_class = np.take_along_axis(columns, predicted, 1).ravel()
    in_truth = np.bincount(true_class, minlength=none + 1)
    in_guess = np.bincount(predicted_class, minlength=none + 1)
    correct = np.bincount(true_class[true_class == predicted_class], minlength=none + 1)
    tested = np.flatnonzero(in_truth[:none])  # classes with queries
    f1 = 2 * correct / np.maximum(in_truth + in_guess, 1)
    return Tally(
        episode_accuracy=hits.mean(1),
        micro_accuracy=float(hits.mean()),
        macro_f1=float(f1[tested].mean()),
        none_of_the_above=NoneOfTheAbove(
            precision=float(correct[none] / max(in_guess[none], 1)),
            recall=float(correct[none] / in_truth[none]),
            f1=float(f1[none]),
        )
        if in_truth[none]
        else None,
        per_class={dataset.labels[c]: float(correct[c] / in_truth[c]) for c in tested},
    )
