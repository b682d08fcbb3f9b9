"""The tasks of the benchmark `oos`: what is learned, what is asked, and which texts are outsiders.

CLINC150 and the samples have outsiders of their own. In the others some labels are never trained,
and their questions are the outsiders; each draw holds out other labels.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from fsl_nlp.benchmarks.base import DataDir
from fsl_nlp.data import load_dataset
from fsl_nlp.types import Dataset, Example


@dataclass(frozen=True)
class Material:
    """Texts to learn from, questions about them, and outsiders, which no label fits."""

    support: Dataset
    inside: Dataset
    outside: tuple[Example, ...]


@dataclass(frozen=True)
class Asked:
    """The files that are scored: questions, and outsiders of their own or labels to hold out.

    Without a file of questions they are a half of the training texts, drawn by the seed.
    """

    questions: str | None
    outsiders: str | None = None
    held_out: int = 0
    draws: int = 1


@dataclass(frozen=True)
class OosTask:
    """A training file, and what is asked for the result (`test`) or to choose settings (`dev`)."""

    train: str
    test: Asked
    dev: Asked


def _clinc150(train: str) -> OosTask:
    return OosTask(
        f"clinc150:{train}",
        test=Asked("clinc150:test", "clinc150:oos_test"),
        dev=Asked("clinc150:valid", "clinc150:oos_valid"),
    )


def _support(name: str) -> OosTask:
    return OosTask(
        f"{name}:train",
        test=Asked(f"{name}:test", f"{name}:out_of_scope"),
        dev=Asked(None, held_out=5, draws=5),
    )


def _banking77(train: str) -> OosTask:
    return OosTask(
        f"banking77:{train}",
        test=Asked("banking77:test", held_out=27, draws=3),
        dev=Asked("banking77:valid", held_out=27, draws=3),
    )


TASKS: dict[str, OosTask] = {
    "clinc150-5-shot": _clinc150("train_5"),
    "clinc150-10-shot": _clinc150("train_10"),
    "clinc150-all": _clinc150("train"),
    "support_en": _support("support_en"),
    "support_zh": _support("support_zh"),
    "smp2017-10-held-out": OosTask(
        "smp2017:train",
        test=Asked("smp2017:test", held_out=10, draws=5),
        dev=Asked("smp2017:develop", held_out=10, draws=5),
    ),
    "banking77-27-held-out-5-shot": _banking77("train_5"),
    "banking77-27-held-out-10-shot": _banking77("train_10"),
}


def load_material(train: str, asked: Asked, seed: int, data_dir: DataDir = None) -> Material:
    """The texts of a task; `seed` draws the labels that are held out, and halves.

    >>> material = load_material("support_en", TASKS["support_en"].dev, seed=0)
    >>> len(material.support.labels), len(material.inside), len(material.outside)
    (10, 60, 30)
    """
    from fsl_nlp.splits import keep_classes, sample_shots, split_classes

    support = load_dataset(train, data_dir=data_dir)
    if asked.questions is None:
        questions = support
        support = sample_shots(support, min(Counter(support.targets).values()) // 2, seed)
        learned = set(support.examples)
        questions = replace(questions, examples=tuple(e for e in questions if e not in learned))
    else:
        questions = load_dataset(asked.questions, data_dir=data_dir)
    if asked.outsiders is not None:
        outside = load_dataset(asked.outsiders, labelled=False, data_dir=data_dir).examples
        return Material(support, questions, outside)
    count = len(support.labels)
    parts = split_classes(
        support, train=count - asked.held_out, validation=0, test=asked.held_out, seed=seed
    )
    trained, held_out = parts.train.labels, parts.test.labels
    return Material(
        parts.train,
        keep_classes(questions, trained),
        keep_classes(questions, held_out).examples,
    )
