"""The temperature of a frozen classifier, learned by cross-fitting on the support set."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fsl_nlp.decision.probabilities import fit_temperature
from fsl_nlp.heads.base import Head, State
from fsl_nlp.heads.operations import class_of_example

FOLDS = 5
# This many held-out examples are enough to fit one number.
ENOUGH_HELD_OUT = 1000
# The default temperature, as a share of the gap between an example's score for its own class and
# its scores for the other classes. Tasks of 2 to 30 classes with 1 to 5 examples, from the training
# files of BANKING77, CLINC150 and SMP2017, had 0.05 to 0.12 as the best share with either embedded
# encoder, about the same for `proto` (both distances), `simpleshot`, `ridge`, `gaussian`,
# `matching`, `linear` and the heads that are trained on source classes; for `knn` it was 0.01 to
# 0.35.
_SHARE_OF_GAP = 0.08


def cross_fit_temperature(
    head: Head,
    state: State,
    support: Tensor,
    weights: Tensor,
    held_out: NDArray[np.int64],
    seed: int,
) -> float:
    """The temperature of the least log loss on held-out examples.

    `state` is the head fitted on all of support [1, N, K, D] with weights [1, N, K]; `held_out` are
    the positions in [N * K] that may be held out.
    """
    scores, targets = cross_fit(head, support, weights, held_out, seed)
    default = default_temperature(head.score(state, support.flatten(1, 2))[0], weights[0])
    return fit_temperature(scores, targets, start=default)


def default_temperature(scores: Tensor, weights: Tensor) -> float:
    """The start of the search for a temperature, and the result where the support is too small.

    `scores` [N * K, N] are those of the support examples, weights are [N, K]. The result has the
    unit of the scores, so it suits every head and encoder.
    """
    used = weights.flatten() > 0
    is_target = class_of_example(weights[None])[used] > 0
    scores = scores[used]
    gap = float(scores[is_target].mean() - scores[~is_target].mean())
    # Where all examples are equal, or of one class, there is no gap.
    return _SHARE_OF_GAP * gap if gap > 0 else 1.0


def cross_fit(
    head: Head, support: Tensor, weights: Tensor, positions: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scores of support examples by heads that did not see them, and their classes.

    `positions` says which of the [N * K] may be held out. The only example of a class is never held
    out. Each class is spread over the folds, and the folds are the tasks of one batch of the head.
    With thousands of examples only the first folds are used.
    """
    _, count, width = weights.shape
    sizes = (weights[0] > 0).sum(1).tolist()
    dealt = [0] * count
    fold = np.full(count * width, -1)
    for position in np.random.default_rng(seed).permutation(positions):
        c = position // width
        if sizes[c] > 1:
            fold[position] = dealt[c] % FOLDS
            dealt[c] += 1
    folds, fold_sizes = np.unique(fold[fold >= 0], return_counts=True)
    folds = folds[: np.searchsorted(fold_sizes.cumsum(), ENOUGH_HELD_OUT) + 1]
    if len(folds) == 0:
        return np.zeros((0, count), np.float32), np.zeros(0, np.int64)
    is_held_out = torch.from_numpy(fold[None] == folds[:, None])  # [F, N * K]
    training_weights = weights.reshape(1, -1).expand(len(folds), -1).masked_fill(is_held_out, 0)
    state = head.fit(
        support.expand(len(folds), -1, -1, -1), training_weights.view(len(folds), count, width)
    )
    scores = head.score(state, support.reshape(1, count * width, -1).expand(len(folds), -1, -1))
    rows = [scores[f, is_held_out[f]] for f in range(len(folds))]
    targets = [np.flatnonzero(is_held_out[f].numpy()) // width for f in range(len(folds))]
    return torch.cat(rows).numpy(), np.concatenate(targets)
