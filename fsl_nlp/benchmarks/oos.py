"""Questions that no label fits: are they told from the others, and turned away?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from fsl_nlp.benchmarks.base import (
    Benchmark,
    DataDir,
    Figure,
    Job,
    Published,
    Row,
    setting,
    share_figure,
)
from fsl_nlp.benchmarks.oos_tasks import TASKS, Asked, Material, load_material
from fsl_nlp.decision.targets import DEFAULT_REJECT, Targets
from fsl_nlp.errors import OptionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fsl_nlp.decision.outputs import Outputs
    from fsl_nlp.decision.policy import Decision
    from fsl_nlp.evaluation.rejection import Flags, Values
    from fsl_nlp.methods.base import Classifier

_RECALL = 0.95
_COVERAGES = (80, 90)  # percent


def _published(name: str, source: str, **figures: float) -> Published:
    remark = "BERT-base, tuned on all 15,000 texts"
    return Published(name, {}, source, remark, figures={"clinc150-all": figures})


# Their paper was not noted when they were collected.
_COLLECTED = "figures collected for this project without the name of the paper"


@dataclass(frozen=True)
class Decided:
    """What is decided about texts: [n] each.

    `familiarity` is higher for a text that is more likely to be in scope, `certainty` for one whose
    label is more likely to be right.
    """

    confidence: Values
    familiarity: Values
    certainty: Values
    rejected: Flags


@dataclass(frozen=True)
class OutOfScope(Benchmark):
    """Learn labels, and ask questions that have one of them among outsiders that have none.

    clinc150 and the samples have outsiders of their own; else some labels are never trained, and
    each draw holds out others. None of them is learned from. The scores of other authors are
    computed on the same classifier.
    """

    name: ClassVar[str] = "oos"
    tasks: ClassVar[tuple[str, ...]] = tuple(TASKS)
    splits: ClassVar[tuple[str | int, ...]] = ("train",)
    default_splits: ClassVar[tuple[str | int, ...]] = ("train",)
    repeats: ClassVar[str] = "draws"
    protocol: ClassVar[str] = (
        "Accuracy on the questions in scope (--score {score}), whether answered or turned away."
    )
    compared_as: ClassVar[str] = "familiarity"
    default_method: ClassVar[str] = "linear"
    example: ClassVar[str] = "--task support_en"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("answered", "answered", "is the share of questions that get their own label"),
        Figure("turned_away", "turned away", "is the share of questions that get no label"),
        Figure("caught", "caught", "is the share of outsiders that get no label"),
        Figure("precision", "precision", "is the share of outsiders in what gets no label"),
        Figure("calibration_error", "ECE", "is that of the confidence on the questions in scope"),
        Figure("auroc", "AUROC", "is the chance that a question scores above an outsider"),
        Figure("false_positives", "FPR95", "is the share of outsiders above 95% of the questions"),
        Figure(
            "accuracy_at_80", "at 80%", "is the accuracy on the 80% of questions that score highest"
        ),
        Figure(
            "accuracy_at_90", "at 90%", "is the accuracy on the 90% of questions that score highest"
        ),
        Figure("risk_coverage", "AURC", "is the mean share of errors over all coverages"),
    )
    published: ClassVar[tuple[Published, ...]] = (
        _published("BERT, max probability", _COLLECTED, auroc=94.2),
        _published("BERT, max logit", _COLLECTED, auroc=97.5, false_positives=10.4),
        _published("BERT, energy", _COLLECTED, auroc=97.6, false_positives=10.2),
        _published("BERT, Mahalanobis", _COLLECTED, auroc=97.4, false_positives=10.5),
        _published("SNGP", "Liu et al. 2020, arXiv 2006.10108", auroc=96.9),
    )

    draws: int | None = setting(
        None,
        "Runs of each task, with the seeds from --seed upwards. The default is 3 or 5 where labels "
        "are held out, else 1.",
        least=1,
        most=1000,
    )
    reject: float = setting(
        DEFAULT_REJECT, "Share of in-scope questions that may be turned away.", least=0, most=1
    )
    score: str = setting("test", "'test', or 'dev' to choose settings without the tests.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.score not in ("test", "dev"):
            raise OptionError(f"score={self.score!r}: choose 'test' or 'dev'.")
        Targets.of(self.reject, None, None)  # refuses what is no share

    def jobs(self, tasks: Sequence[str], splits: Sequence[str | int]) -> list[Job]:
        """One job for each task and draw."""
        return [
            Job(task, split, seed)
            for task in tasks
            for split in splits
            for seed in range(self.seed, self.seed + (self.draws or self._asked(task).draws))
        ]

    def header(self) -> dict[str, Any]:
        """The settings without `draws`: with more draws the same progress file continues."""
        header = super().header()
        del header["draws"]
        return header

    def published_key(self, job: Job) -> str:
        """The task; nobody published results on the development files."""
        return job.task if self.score == "test" else ""

    def test_data(self, job: Job) -> str:
        """The questions in scope."""
        return self._asked(job.task).questions or TASKS[job.task].train

    def _asked(self, task: str) -> Asked:
        return TASKS[task].test if self.score == "test" else TASKS[task].dev

    def run(self, job: Job, data_dir: DataDir, device: str) -> Row:
        """Learn the labels, and score questions and outsiders."""
        from fsl_nlp.methods.held_out import fit_decision

        started = time.perf_counter()
        material = load_material(TASKS[job.task].train, self._asked(job.task), job.seed, data_dir)
        support = material.support
        method = self.build(self.options, support.texts, job.seed, device)
        classifier, targets = method.fit(support), Targets.of(self.reject, None, None)
        decision = fit_decision(method, classifier, support, targets, seed=job.seed)
        row = score_material(classifier, decision, material, job.seed)
        encoder = self.encoder_for(support.texts)
        return {**row, "encoder": encoder, "seconds": round(time.perf_counter() - started, 1)}


def score_material(
    classifier: Classifier, decision: Decision | None, material: Material, seed: int = 0
) -> Row:
    """The figures of a fitted classifier, and of the scores of other authors on it."""
    import numpy as np

    from fsl_nlp.evaluation.baseline_scores import BASELINES, Trained

    support, inside = material.support, material.inside
    column = {label: i for i, label in enumerate(classifier.labels)}
    targets = np.array([column[label] for label in inside.known_targets])
    asked, outsiders = classifier.outputs(inside.examples), classifier.outputs(material.outside)
    classes = np.array([column[label] for label in support.known_targets])
    trained = Trained(classifier.embed(support.examples), classes)
    correct = asked.scores.argmax(axis=1) == targets
    accuracy = share_figure(int(correct.sum()), len(inside))
    questions, others = decide(decision, asked), decide(decision, outsiders)
    return {
        "accuracy": accuracy.pop("value"),
        **accuracy,
        "interval_over": f"{len(inside):,} test texts",
        "count": len(inside),
        "outsiders": len(material.outside),
        "figures": {
            **decision_figures(questions, others, correct, seed),
            **outsider_figures(questions.familiarity, others.familiarity),
            **coverage_figures(questions.certainty, correct),
        },
        "compared": {
            name: {
                **outsider_figures(score(asked, trained), score(outsiders, trained)),
                **coverage_figures(score(asked, trained), correct),
            }
            for name, score in BASELINES.items()
        },
    }


def decide(decision: Decision | None, outputs: Outputs) -> Decided:
    """What is decided; without a decision the confidence is all there is, and all are answered."""
    import numpy as np

    from fsl_nlp.decision.probabilities import softmax

    confidence = softmax(outputs.scores).max(axis=1)
    if decision is None:
        return Decided(confidence, confidence, confidence, np.zeros(len(outputs), dtype=bool))
    familiarity = decision.familiarity
    rejected = [not verdict.answers for verdict in decision.verdicts(outputs)]
    score = familiarity.score(outputs)
    certainty = confidence * familiarity.probability(score)
    return Decided(confidence, score, certainty, np.array(rejected))


def decision_figures(
    questions: Decided, outsiders: Decided, correct: Flags, seed: int = 0
) -> dict[str, Any]:
    """How the threshold does, and how far the confidence is from the accuracy."""
    import numpy as np

    from fsl_nlp.decision.calibration_error import (
        calibration_error_interval,
        expected_calibration_error,
    )

    rejected = np.concatenate([outsiders.rejected, questions.rejected])
    is_outsider = np.arange(len(rejected)) < len(outsiders.rejected)
    low, high = calibration_error_interval(questions.confidence, correct, seed=seed)
    error = expected_calibration_error(questions.confidence, correct)
    return {
        "answered": _share(correct & ~questions.rejected),
        "turned_away": _share(questions.rejected),
        "caught": _share(outsiders.rejected),
        "precision": _share(is_outsider[rejected]),
        "calibration_error": {"value": error, "half_width": (high - low) / 2},
    }


def outsider_figures(inside: Values, outside: Values) -> dict[str, Any]:
    """How a score ranks questions before outsiders."""
    from fsl_nlp.evaluation import rejection

    area = rejection.auroc(inside, outside)
    low, high = rejection.auroc_interval(inside, outside)
    above = rejection.false_positive_rate(inside, outside, _RECALL)
    return {
        "auroc": {"value": area, "half_width": (high - low) / 2, "interval": [low, high]},
        "false_positives": {"value": above, "half_width": None},
    }


def coverage_figures(score: Values, correct: Flags) -> dict[str, Any]:
    """How a score ranks right answers before wrong ones."""
    from fsl_nlp.evaluation import rejection

    values = {
        f"accuracy_at_{percent}": rejection.accuracy_at_coverage(score, correct, percent / 100)
        for percent in _COVERAGES
    }
    values["risk_coverage"] = rejection.area_under_risk_coverage(score, correct)
    return {key: {"value": value, "half_width": None} for key, value in values.items()}


def _share(flags: NDArray[np.bool_]) -> dict[str, Any]:
    """The share of true ones."""
    return share_figure(int(flags.sum()), len(flags))
