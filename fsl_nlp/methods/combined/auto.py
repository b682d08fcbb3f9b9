"""`auto`: compares methods on held-out parts of the support set, within a time budget."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.errors import FslError, OptionError
from fsl_nlp.inputs.kinds import common_kinds
from fsl_nlp.inputs.label_texts import all_label_texts
from fsl_nlp.intervals import interval_of_mean
from fsl_nlp.methods.base import Classifier, Method, MethodCard
from fsl_nlp.methods.combined.report import Candidate, Report, verdict
from fsl_nlp.methods.combined.timing import seconds_to_train
from fsl_nlp.progress import report
from fsl_nlp.splits import deal_folds
from fsl_nlp.types import Dataset

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

log = logging.getLogger("fsl_nlp")

CARD = MethodCard(
    "combined",
    "Compares methods on held-out examples and takes the best; the default of `fit`.",
    "seconds, or --budget",
    example="fsl-nlp fit train.csv --budget 5m --out my-bot",
)
FROZEN = ("linear", "proto")
TUNED = ("full", "lora")
# Above this ratio of the largest class to the smallest, class means beat logistic regression
# (seen on the validation files of BANKING77 and CLINC150 with a third of the classes 60 times
# larger than the rest).
_IMBALANCED = 10
FOLDS = 3
# Few examples are held out three times, in other folds each time, for a steadier estimate.
_FEW, _REPEATS = 200, 3
# With many examples one fold is enough for the comparison.
_MANY = 2000
_UNITS = {"s": 1, "m": 60, "h": 3600}

Hits = NDArray[
    np.float64
]  # [n]: the share of correct answers for each example; NaN if never held out


def parse_budget(budget: str | float | None) -> float:
    """A budget in seconds; infinite for None.

    >>> parse_budget("5m"), parse_budget(30), parse_budget(None)
    (300.0, 30.0, inf)
    """
    if budget is None:
        return math.inf
    text = str(budget).strip()
    unit = _UNITS.get(text[-1:], 0)
    try:
        seconds = float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        seconds = -1.0
    if isinstance(budget, bool) or not seconds >= 0:
        raise OptionError(
            f"budget={budget!r}: write a time such as '30s', '5m' or '1h', a number of seconds, "
            "or 'none' for no limit (None in Python)."
        )
    return seconds


def choose(
    support: Dataset,
    encoder: TextEncoder,
    *,
    seed: int,
    options: Mapping[str, Any],
    budget: str | float | None,
) -> tuple[str, Classifier, Report]:
    """The name of the chosen method, its fitted classifier, and the report.

    All candidates are compared on the same folds of the support set. A slower method is chosen if
    its gain is larger than the noise. A method that does not have all the `options` is left out.
    The chosen method learns from the unlabelled examples at the end.
    """
    return _Choice(support, encoder, seed, dict(options), parse_budget(budget)).run()


class _Choice:
    def __init__(
        self,
        support: Dataset,
        encoder: TextEncoder,
        seed: int,
        options: dict[str, Any],
        budget: float,
    ) -> None:
        self.started = time.perf_counter()
        self.everything, self.support = support, support.labelled
        support = self.support
        self.encoder = encoder
        self.seed = seed
        self.options = options
        self.budget = budget
        self.index = {label: i for i, label in enumerate(support.labels)}
        self.methods = self._methods()
        self.targets = np.array([self.index[t] for t in support.known_targets], np.int64)
        self.weights = np.array([example.weight for example in support], np.float64)
        repeats = _REPEATS if len(support) <= _FEW else 1
        self.folds = list(self._deal(repeats))
        if len(support) > _MANY:
            self.folds = self.folds[:1]
        self.hits: dict[str, Hits] = {}
        self.judged = 0  # folds, over all methods

    def run(self) -> tuple[str, Classifier, Report]:
        methods = self.methods
        first, *remaining = sorted(methods, key=self._order)
        candidates, chosen = [self._first(first, methods[first])], first
        for name in remaining:
            try:
                candidate = self._against(chosen, name, methods[name])
            except FslError as error:  # such as an encoder that cannot be tuned
                candidate = Candidate(name, f"not possible: {error}")
            except KeyboardInterrupt:
                log.warning(f"Stopped: nothing more is tried, and {chosen!r} is fitted.")
                candidates.append(Candidate(name, "stopped"))
                break
            candidates.append(candidate)
            if candidate.better:
                chosen = name
        fitted = methods[chosen].fit_until_stopped(self.everything)
        report = Report(
            chosen,
            self._why(chosen, candidates),
            tuple(candidates),
            None if math.isinf(self.budget) else self.budget,
            time.perf_counter() - self.started,
        )
        return chosen, fitted, report

    def _methods(self) -> dict[str, Method]:
        """The methods that have all the options; tuned ones only with a budget."""
        from fsl_nlp.methods import build_method, method_class

        methods: dict[str, Method] = {}
        refusals = []
        kinds = set(common_kinds(self.everything.examples))
        names = FROZEN + (TUNED if self.budget else ())
        able = [name for name in names if kinds <= set(method_class(name).takes(name))]
        for name in able or names:  # if none is able, the first says what is
            try:
                methods[name] = build_method(
                    name, self.encoder, seed=self.seed, options=self.options
                )
            except OptionError as error:
                refusals.append(error)
        if not methods:
            raise refusals[0]
        return methods

    def _order(self, name: str) -> int:
        """The frozen method that is likely to be best comes first."""
        sizes = np.bincount(self.targets)
        sizes = sizes[sizes > 0]
        unequal = len(sizes) == 0 or sizes.max() > _IMBALANCED * sizes.min()
        order = [*(FROZEN[::-1] if unequal else FROZEN), *TUNED]
        return order.index(name)

    def _first(self, name: str, method: Method) -> Candidate:
        started = time.perf_counter()
        self.hits[name] = self._judge(method, self.folds)
        return self._candidate(name, "the cheapest", started)

    def _against(self, chosen: str, name: str, method: Method) -> Candidate:
        """A candidate, compared with the method chosen until now."""
        started = time.perf_counter()
        if not self.folds:
            return Candidate(name, "not tried: too few examples to hold some out")
        folds = self.folds
        if name in TUNED:
            seconds = seconds_to_train(method, self.support)
            folds = self._affordable(seconds)
            if not folds:
                return Candidate(
                    name,
                    f"not tried: comparing and fitting it would take about "
                    f"{seconds * (2 - 1 / FOLDS):.0f} s",
                    seconds=time.perf_counter() - started,
                )
        self.hits[name] = self._judge(method, folds)
        return self._candidate(name, "", started, over=chosen)

    def _judge(self, method: Method, folds: Sequence[NDArray[np.int64]]) -> Hits:
        """Fit without each fold in turn, and score it."""
        correct, tests = np.zeros(len(self.targets)), np.zeros(len(self.targets))
        quick = _without_calibration(method)
        for test_rows in folds:
            report("Comparing methods", self.judged, len(self.methods) * len(self.folds))
            self.judged += 1
            training_rows = np.setdiff1d(np.arange(len(self.targets)), test_rows)
            fitted = quick.fit(self._part(training_rows))
            scores = fitted.scores([self.support.examples[i] for i in test_rows])
            # With candidates, the labels of the classifier are all positions.
            index = np.array([self.index.get(label, -1) for label in fitted.labels])
            correct[test_rows] += index[scores.argmax(1)] == self.targets[test_rows]
            tests[test_rows] += 1
        with np.errstate(invalid="ignore"):
            hits: Hits = correct / tests
        return hits

    def _candidate(self, name: str, note: str, started: float, over: str = "") -> Candidate:
        hits = self.hits[name]
        accuracy, error = self._mean(hits)
        count = int(np.isfinite(hits).sum())
        half_width = gain = gain_error = None
        if accuracy is not None and error is not None:
            low, high = interval_of_mean(accuracy, error**2 * count, count)
            half_width = (high - low) / 2
        if over:
            gain, gain_error = self._mean(hits - self.hits[over])
        candidate = Candidate(
            name,
            note,
            accuracy,
            half_width,
            gain,
            gain_error,
            count,
            time.perf_counter() - started,
        )
        return replace(candidate, note=verdict(candidate)) if over else candidate

    def _mean(self, values: Hits) -> tuple[float | None, float | None]:
        """The mean over classes of their examples' weighted mean, and its standard error."""
        scored = np.isfinite(values)
        if scored.sum() < 2:
            return None, None
        values, targets, weights = values[scored], self.targets[scored], self.weights[scored]
        sizes = np.bincount(targets, weights, minlength=len(self.index))
        weights = weights / sizes[targets] / (sizes > 0).sum()
        mean = float((weights * values).sum())
        squares = (weights * (values - mean)) ** 2
        return mean, math.sqrt(float(squares.sum()) * len(values) / (len(values) - 1))

    def _part(self, rows: NDArray[np.int64]) -> Dataset:
        """These examples, with all labels and their names and descriptions."""
        return replace(self.support, examples=tuple(self.support.examples[i] for i in rows))

    def _deal(self, repeats: int) -> Iterator[NDArray[np.int64]]:
        """Folds of each repeat; every class is spread evenly over them.

        The only example of a label without a name or a description is never held out.
        """
        names = bool(self.options.get("label_names", True))
        descriptions = bool(self.options.get("descriptions", True))
        _, described = all_label_texts(self.support, names=names, descriptions=descriptions)
        rng = np.random.default_rng(self.seed)
        for _ in range(repeats):
            fold = deal_folds(self.targets, FOLDS, rng, alone=set(described))
            yield from (np.flatnonzero(fold == f) for f in range(FOLDS) if (fold == f).any())

    def _affordable(self, seconds: float) -> list[NDArray[np.int64]]:
        """As many folds as leave time for the final fit, in whole repeats."""
        seconds_left = self.budget - (time.perf_counter() - self.started) - seconds
        each = seconds * (1 - 1 / FOLDS)
        affordable = (
            len(self.folds)
            if math.isinf(seconds_left)
            else max(0, int(seconds_left / max(each, 1e-9)))
        )
        if affordable >= FOLDS:
            affordable -= affordable % FOLDS
        return self.folds[:affordable]

    def _why(self, chosen: str, candidates: Sequence[Candidate]) -> str:
        if not self.folds:
            return "there are too few examples to compare methods, so it is the default"
        result = next(c for c in candidates if c.method == chosen)
        if result.better:
            return result.note
        if candidates[-1].note == "stopped":
            return "the best of the methods that were compared before the stop"
        if any(c.note.startswith("not tried") for c in candidates):
            return "no method within the budget is better by more than one standard error"
        return "no other method is better by more than one standard error"


def _without_calibration(method: Method) -> Method:
    """The method without a learned temperature: it takes time and changes no order of scores."""
    settings = getattr(method, "settings", None)
    if settings is None or settings.temperature is not None:
        return method
    return replace(method, settings=replace(settings, temperature=1.0))  # type: ignore[type-var]
