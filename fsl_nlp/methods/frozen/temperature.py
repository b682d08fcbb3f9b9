"""The temperature of a frozen classifier, learned by cross-fitting on the support set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fsl_nlp.decision.calibration import Calibration, calibrate
from fsl_nlp.decision.probabilities import fit_temperature
from fsl_nlp.heads.base import Head, State
from fsl_nlp.heads.operations import class_of_example

FOLDS = 5
# This many held-out examples are enough to fit one number.
ENOUGH_HELD_OUT = 1000


def cross_fit_temperature(
    head: Head,
    state: State,
    support: Tensor,
    weights: Tensor,
    held_out: NDArray[np.int64],
    seed: int,
    usual: float | None = None,
) -> Calibration:
    """The temperature of the least log loss on held-out examples.

    `state` is the head fitted on all of support [1, N, K, D] with weights [1, N, K]; `held_out` are
    the positions in [N * K] that may be held out. `usual` is the temperature in gaps without them.

    A head that was fitted without a fold has seen fewer examples, and its scores differ in size
    from those of the head that answers: with two examples a class, by up to a quarter. So the
    temperature is learned in gaps, each head's own: `score_gap`.
    """
    usual = head.usual_temperature if usual is None else usual
    scores, targets, gap = _cross_fit_in_gaps(head, state, support, weights, held_out, seed)
    if gap <= 0:
        return Calibration(1.0, 0, "default")
    calibration = calibrate(scores, targets, start=usual, seed=seed)
    return replace(calibration, temperature=gap * calibration.temperature)


def temperature_ratio(
    head: Head, support: Tensor, weights: Tensor, held_out: NDArray[np.int64], seed: int
) -> tuple[float, int]:
    """The cross-fitted temperature of a head as a multiple of its usual one; the examples held out.

    Above 1 the classes are harder to tell apart than those of most tasks. Arguments and shapes are
    those of `cross_fit_temperature`.
    """
    state = head.fit(support, weights)
    scores, targets, gap = _cross_fit_in_gaps(head, state, support, weights, held_out, seed)
    if gap <= 0:
        return 1.0, 0
    usual = head.usual_temperature
    return fit_temperature(scores, targets, start=usual) / usual, len(targets)


def _cross_fit_in_gaps(
    head: Head,
    state: State,
    support: Tensor,
    weights: Tensor,
    held_out: NDArray[np.int64],
    seed: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64], float]:
    """Scores of held-out examples in gaps of the heads that gave them, their classes, and the gap
    of the head of `state`; no examples where that is 0."""
    gap = score_gap(head.score(state, support.flatten(1, 2))[0], weights[0])
    if gap <= 0:
        return np.zeros((0, weights.shape[1]), np.float32), np.zeros(0, np.int64), 0.0
    scores, targets, gaps = cross_fit(head, support, weights, held_out, seed, state)
    scores /= np.where(gaps > 0, gaps, gap)[:, None]
    return scores, targets, gap


def score_gap(scores: Tensor, weights: Tensor) -> float:
    """How far an example's score for its own class lies above its scores for the other classes.

    `scores` [N * K, N] are those of the examples that a head was fitted on, weights are [N, K].
    0 where there is no gap: all examples are equal, or of one class.
    """
    used = weights.flatten() > 0
    is_target = class_of_example(weights[None])[used] > 0
    scores = scores[used]
    gap = float(scores[is_target].mean() - scores[~is_target].mean())
    return gap if gap > 0 else 0.0  # the mean of no scores is no number


def cross_fit(
    head: Head,
    support: Tensor,
    weights: Tensor,
    positions: NDArray[np.int64],
    seed: int,
    state: State | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Scores of support examples by heads that did not see them, their classes, the heads' gaps.

    `positions` says which of the [N * K] may be held out. The only example of a class is never held
    out. Each class is spread over the folds, and the folds are the tasks of one batch of the head.
    With thousands of examples only the first folds are used. The `state` of the head fitted on all
    may save time.
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
        empty = np.zeros(0, np.float32)
        return np.zeros((0, count), np.float32), np.zeros(0, np.int64), empty
    is_held_out = torch.from_numpy(fold[None] == folds[:, None])  # [F, N * K]
    training_weights = weights.reshape(1, -1).expand(len(folds), -1).masked_fill(is_held_out, 0)
    training_weights = training_weights.view(len(folds), count, width)
    repeated = support.expand(len(folds), -1, -1, -1)
    if state is None:
        fitted = head.fit(repeated, training_weights)
    else:
        fitted = head.refit(repeated, training_weights, state, range(count))
    scores = head.score(fitted, support.reshape(1, count * width, -1).expand(len(folds), -1, -1))
    gaps = [score_gap(scores[f], training_weights[f]) for f in range(len(folds))]
    rows = [scores[f, is_held_out[f]] for f in range(len(folds))]
    targets = [np.flatnonzero(is_held_out[f].numpy()) // width for f in range(len(folds))]
    of_rows = np.repeat(np.array(gaps, np.float32), [len(row) for row in rows])
    return torch.cat(rows).numpy(), np.concatenate(targets), of_rows
