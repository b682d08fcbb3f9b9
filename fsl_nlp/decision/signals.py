"""How much a text looks like the examples of a classifier, in five ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.decision.outputs import Outputs

Floats = NDArray[np.float32]

NAMES = (
    "max logit",
    "Mahalanobis",
    "local density",
    "kernel regression",
    "contrast",
    "outsiders",
)

# At most so many examples are kept, evenly from each class: one answer then takes a fraction of a
# millisecond, and neither memory nor time grows with the support. With 1,000 the AUROC of SMP2017,
# whose domains are wide, is a point lower; on all of CLINC150 it is the same.
MOST_KEPT = 1500
# The covariance within a class is (1 - _SHRINKAGE) times the one of the examples plus _SHRINKAGE
# times a multiple of the identity; a few examples of each class estimate no more.
_SHRINKAGE = 0.9
_NEIGHBOURS = 5  # of the local density
_WIDER = 4.0  # the scale of the contrast, in scales of the kernel regression
_NOISE = 0.2  # added to the diagonal of the kernel matrix, whose diagonal is 1
# The smallest scale of squared distances, for examples that are all equal.
_LEAST_SCALE = 1e-6
# Saved in half precision, and computed with the same numbers before.
_HALVED = ("kept", "outsiders")
_NUMBERS = ("scale", "variance")
_LEAST_SQUARE = 1e-9  # of an eigenvalue, beside the largest


@dataclass(frozen=True)
class Signals:
    """Six measures of familiarity, each higher for more familiar texts.

    - Max logit (Hendrycks et al. 2022, arXiv 1911.11132): the highest score of the classifier.
    - Mahalanobis: minus the squared distance to the nearest class mean, with the covariance within
      the classes (Lee et al. 2018, arXiv 1807.03888).
    - Local density: the mean cosine to the nearest examples, less the mean of the same of those
      examples themselves, as in the local outlier factor (Breunig et al. 2000).
    - Kernel regression: the highest response of a regression of the classes on distances to the
      examples. Away from the examples, between two classes and near outsiders it goes to 0; the
      mean of a Gaussian process does the same (Liu et al. 2020, arXiv 2006.10108).
    - Contrast: a wider kernel regression of 1 at examples and -1 at generic texts and outsiders; 0
      without any.
    - Outsiders: minus the response to the outsiders, as one more class of the kernel regression; 0
      without outsiders.

    >>> vectors = np.array([[1, 0, 0], [0.9, 0.1, 0], [0, 1, 0], [0.1, 0.9, 0]])
    >>> signals = Signals.fit(vectors, np.array([0, 0, 1, 1]), outsiders=np.array([[0, 0, 1]]))
    >>> near, far = signals.measure(Outputs(np.array([[5, 0], [1, 1]]), np.eye(3)[[0, 2]]))
    >>> bool((near > far).all())
    True
    """

    origin: Floats  # [D]: the mean of the examples
    means: Floats  # [N, D]: of the classes, less the origin
    directions: Floats  # [D, R]: in which examples of a class differ, each scaled
    variance: float  # in all other directions
    kept: Floats  # [L, D]: unit vectors of examples
    density: Floats  # [L]: the mean cosine of each to its nearest neighbours
    outsiders: Floats  # [G, D]: unit vectors of texts that have no label
    coefficients: Floats  # [L + G, N + 1]: of the kernel regression; the last are the outsiders'
    contrasts: Floats  # [L + G]: the coefficients of the regression of examples and outsiders
    scale: float  # of squared distances, in the kernel

    @classmethod
    def fit(
        cls,
        vectors: NDArray[np.floating[Any]],
        classes: NDArray[np.int64],
        outsiders: NDArray[np.floating[Any]] | None = None,
        generic: NDArray[np.floating[Any]] | None = None,
    ) -> Signals:
        """Learn from the vectors [m, D] of examples, their classes [m], and texts of no class.

        `outsiders` [o, D] are known to be out of scope; `generic` [g, D] are likely to be.
        """
        rows = _unit(np.asarray(vectors, np.float64))
        parts = [part for part in (outsiders, generic) if part is not None]
        outside = _halved(_unit(np.concatenate([rows[:0], *parts])))
        labels, classes = np.unique(classes, return_inverse=True)
        members = np.eye(len(labels))[classes]  # [m, N]
        means = members.T @ rows / members.sum(0)[:, None]
        origin = rows.mean(0)
        spread = _within_spread(rows - means[classes], len(rows) - len(labels), rows - origin)
        kept = _evenly(classes, MOST_KEPT)
        rows, classes, members = _halved(rows[kept]), classes[kept], members[kept]
        points = np.concatenate([rows, outside])
        products = points @ points.T
        cosines = _to_others(products[: len(rows), : len(rows)])
        scale = max(float(np.median(2 - 2 * _within_classes(cosines, classes))), _LEAST_SCALE)
        wide = np.exp((products - 1) * (2 / scale / _WIDER))
        responses = np.zeros((len(points), len(labels) + 1))
        responses[: len(rows), :-1] = members
        responses[len(rows) :, -1][: 0 if outsiders is None else len(outsiders)] = 1
        sides = np.repeat([1.0, -1.0], [len(rows), len(outside)])
        return cls(
            origin=np.asarray(origin, np.float32),
            means=np.asarray(means - origin, np.float32),
            directions=np.asarray(spread[0], np.float32),
            variance=spread[1],
            kept=np.asarray(rows, np.float32),
            density=_nearest(np.asarray(cosines, np.float32)).mean(1),
            outsiders=np.asarray(outside, np.float32),
            coefficients=_regress(np.square(np.square(wide)), responses),
            contrasts=_regress(wide, sides) if len(outside) else np.zeros(len(sides), np.float32),
            scale=scale,
        )

    def measure(self, outputs: Outputs) -> NDArray[np.float64]:
        """[q, 6], in the order of `NAMES`."""
        rows = _unit(np.asarray(outputs.vectors, np.float32))
        cosines = rows @ self.kept.T  # [q, L]
        to_outsiders = rows @ self.outsiders.T  # [q, G]
        exponents = np.concatenate([cosines, to_outsiders], axis=1) - np.float32(1)
        exponents *= np.float32(2 / self.scale)
        responses = np.exp(exponents) @ self.coefficients  # [q, N + 1]
        columns = [
            np.asarray(outputs.scores).max(1),
            -self._distances(rows).min(1),
            self._relative_density(cosines),
            responses[:, :-1].max(1),
            np.exp(exponents / np.float32(_WIDER)) @ self.contrasts,
            -responses[:, -1],
        ]
        return np.stack(columns, axis=1).astype(np.float64)

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays and JSON settings for `restore`."""
        arrays = {name: getattr(self, name) for name in _array_names()}
        arrays |= {name: arrays[name].astype(np.float16) for name in _HALVED}
        return arrays, {name: getattr(self, name) for name in _NUMBERS}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> Signals:
        """The signals that `state` described."""
        loaded: dict[str, Any] = {n: np.asarray(arrays[n], np.float32) for n in _array_names()}
        loaded |= {name: np.asarray(_halved(arrays[name]), np.float32) for name in _HALVED}
        loaded |= {name: float(settings[name]) for name in _NUMBERS}
        return cls(**loaded)

    def _distances(self, rows: Floats) -> Floats:
        """[q, N]: squared Mahalanobis distances of unit vectors [q, D] to the class means."""
        centred = rows - self.origin
        inside, means_inside = centred @ self.directions, self.means @ self.directions
        outer = _squared_distances(centred, self.means)
        inner = _squared_distances(inside, means_inside)
        return np.asarray((outer - inner) / self.variance, np.float32)

    def _relative_density(self, cosines: Floats) -> Floats:
        """[q], of cosines [q, L] to the kept examples."""
        count = min(_NEIGHBOURS, cosines.shape[1])
        nearest = np.argpartition(cosines, -count, axis=1)[:, -count:]
        around = np.take_along_axis(cosines, nearest, axis=1).mean(1)
        result: Floats = around - self.density[nearest].mean(1)
        return result


def unlike_examples(
    texts: NDArray[np.floating[Any]],
    vectors: NDArray[np.floating[Any]],
    classes: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """[G]: which texts [G, D] are no examples [m, D] of a class [m] themselves, as far as one sees.

    They are further from every example than three quarters of the examples are from the nearest of
    their own class. A classifier may have a label for greetings or for the weather.
    """
    kept = _evenly(classes, MOST_KEPT)
    rows = _unit(np.asarray(vectors, np.float32)[kept])
    typical = np.quantile(_within_classes(_to_others(rows @ rows.T), classes[kept]), 0.25)
    nearest = (_unit(np.asarray(texts, np.float32)) @ rows.T).max(1, initial=-1)
    result: NDArray[np.bool_] = nearest < typical
    return result


def _array_names() -> list[str]:
    return [field.name for field in fields(Signals) if field.name not in _NUMBERS]


def _halved(rows: NDArray[Any]) -> NDArray[np.float64]:
    """Unit vectors as they will be after saving and loading, of unit length again."""
    result: NDArray[np.float64] = _unit(rows.astype(np.float16).astype(np.float64))
    return result


def _unit(rows: NDArray[Any]) -> NDArray[Any]:
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


def _squared_distances(rows: NDArray[Any], points: NDArray[Any]) -> NDArray[Any]:
    """[q, N]: between rows [q, D] and points [N, D]."""
    lengths: NDArray[Any] = np.square(rows).sum(1, keepdims=True) + np.square(points).sum(1)
    return lengths - 2 * rows @ points.T


def _within_spread(
    deviations: NDArray[np.float64], freedom: int, around_origin: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """[D, R] and a number: the shrunk covariance within the classes, ready for distances.

    It comes from deviations from the class means [m, D] with so many degrees of freedom. With one
    example a class there are none; then it is the covariance around the origin. The squared
    distance is what lies in all directions less what lies in these, divided by the variance
    (Woodbury): with few examples there are few directions.
    """
    if freedom < 1 or not deviations.any():
        deviations, freedom = around_origin, max(len(around_origin) - 1, 1)
    count, size = deviations.shape
    mean_variance = float(np.square(deviations).sum() / freedom / size) or 1 / size
    variance = _SHRINKAGE * mean_variance
    # The smaller of the two matrices of products has the same eigenvalues above 0.
    products = deviations @ deviations.T if count < size else deviations.T @ deviations
    squares, vectors = np.linalg.eigh(products)
    used = squares > _LEAST_SQUARE * max(float(squares[-1]), 1e-30)
    squares, vectors = squares[used], vectors[:, used]
    if count < size:
        vectors = deviations.T @ vectors / np.sqrt(squares)
    along = (1 - _SHRINKAGE) * squares / freedom  # added to the variance in these directions
    return vectors * np.sqrt(along / (along + variance)), variance


def _regress(kernel: NDArray[np.float64], targets: NDArray[np.float64]) -> Floats:
    """The coefficients of the kernel ridge regression of `targets`; `kernel` is used up."""
    from scipy.linalg import cho_factor, cho_solve

    kernel[np.diag_indices_from(kernel)] += _NOISE
    # The transpose is the same matrix in the order of LAPACK, so that nothing is copied.
    factor = cho_factor(kernel.T, lower=True, overwrite_a=True, check_finite=False)
    return np.asarray(cho_solve(factor, targets, check_finite=False), np.float32)


def _to_others(products: NDArray[Any]) -> NDArray[Any]:
    """[L, L]: the cosines of unit vectors; -1 between a vector and itself."""
    cosines = products.copy()
    np.fill_diagonal(cosines, -1)
    return cosines


def _within_classes(cosines: NDArray[Any], classes: NDArray[np.int64]) -> NDArray[Any]:
    """The cosine of each example to the nearest of its class; to the nearest of any, if all are
    alone in their class."""
    same = np.where(classes[:, None] == classes[None], cosines, cosines.dtype.type(-1)).max(1)
    is_alone = np.bincount(classes)[classes] < 2
    nearest: NDArray[Any] = cosines.max(1) if is_alone.all() else same[~is_alone]
    return nearest


def _nearest(cosines: Floats) -> Floats:
    """[L, k]: the highest cosines of each row, where those to oneself are -1."""
    count = min(_NEIGHBOURS, max(cosines.shape[1] - 1, 1))
    return np.partition(cosines, -count, axis=1)[:, -count:]


def _evenly(classes: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """So many positions, in order; from each class about equally many, drawn by a fixed seed."""
    order = np.random.default_rng(0).permutation(len(classes))
    by_class = order[np.argsort(classes[order], kind="stable")]
    sizes = np.bincount(classes)
    rank = np.arange(len(classes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(by_class[np.argsort(rank, kind="stable")[:count]])
