"""How often the label sets of `predict_set` hold the right label, and how large they are.

    FSL_NLP_DATA=FOLDER python recipes/label_sets.py [NAME ...]

The public corpora are asked on their development files; of the samples a quarter is held out, three
times. Held-out scores are of five folds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp import Dataset, load_dataset
from fsl_nlp.decision.label_sets import fit_conformity
from fsl_nlp.decision.probabilities import softmax
from fsl_nlp.encoders import load_encoder
from fsl_nlp.methods import build_method
from fsl_nlp.methods.base import Method

COVERAGES, FOLDS, SHOTS = (0.8, 0.9, 0.95), 5, 5
ENGLISH, CHINESE = "embedded:en", "embedded:multilingual"
CORPORA = {
    "banking77:train_5": (ENGLISH, "banking77:valid"),
    "banking77:train_10": (ENGLISH, "banking77:valid"),
    "clinc150:train_5": (ENGLISH, "clinc150:valid"),
    "clinc150:train": (ENGLISH, "clinc150:valid"),
    "smp2017:train": (CHINESE, "smp2017:develop"),
    "smp2017:5 of each": (CHINESE, "smp2017:develop"),
}
SAMPLES = {"support_en": ENGLISH, "support_zh": CHINESE}


def main(names: list[str]) -> None:
    """Print three lines for each corpus."""
    for name in names or [*CORPORA, *SAMPLES]:
        encoder = CORPORA[name][0] if name in CORPORA else SAMPLES[name]
        method = build_method("linear", load_encoder(encoder))
        rows = [
            row
            for train, asked, seed in pairs(name)
            for row in measured(method, train, asked, seed)
        ]
        for coverage in COVERAGES:
            held, size = np.mean([row[1:] for row in rows if row[0] == coverage], axis=0)
            print(f"{name:20} {coverage:.0%}: {held:.1%} covered, {size:.2f} labels", flush=True)


def pairs(name: str) -> Iterator[tuple[Dataset, Dataset, int]]:
    """Examples to learn from, questions to ask, and a seed for the folds."""
    if name in SAMPLES:
        data = load_dataset(name)
        for seed in range(3):
            parts = folds(data, 4, 100 + seed)
            yield from ((part(data, parts != f), part(data, parts == f), seed) for f in range(4))
        return
    asked = load_dataset(CORPORA[name][1])
    if not name.endswith("of each"):
        yield load_dataset(name), asked, 0
        return
    data = load_dataset("smp2017:train")
    for seed in range(10):
        rng, classes = np.random.default_rng(seed), np.array(data.class_indices)
        rows = [rng.permutation(np.flatnonzero(classes == c))[:SHOTS] for c in np.unique(classes)]
        yield part(data, np.isin(np.arange(len(data)), np.concatenate(rows))), asked, seed


def measured(
    method: Method, train: Dataset, asked: Dataset, seed: int
) -> Iterator[tuple[float, float, float]]:
    """Each coverage, the share of questions whose set holds their label, the mean size of a set."""
    parts, classes = folds(train, FOLDS, seed), np.array(train.class_indices)
    held_out = [
        method.fit(part(train, parts != f)).scores(part(train, parts == f).examples)
        for f in range(FOLDS)
    ]
    targets = np.concatenate([classes[parts == f] for f in range(FOLDS)])
    conformity = fit_conformity(np.concatenate(held_out), targets)
    probabilities = softmax(method.fit(train).scores(asked.examples))
    for coverage in COVERAGES:
        sets = conformity.sets(probabilities, train.labels, coverage)
        held = [t in s.labels for t, s in zip(asked.targets, sets, strict=True)]
        yield coverage, float(np.mean(held)), float(np.mean([len(s.labels) for s in sets]))


def folds(data: Dataset, count: int, seed: int) -> NDArray[Any]:
    """The fold of each example; every label is spread over all of them."""
    classes, fold = np.array(data.class_indices), np.zeros(len(data), np.int64)
    dealt = np.zeros(len(data.labels), np.int64)
    for i in np.random.default_rng(seed).permutation(len(data)):
        fold[i] = dealt[classes[i]] % count
        dealt[classes[i]] += 1
    return fold


def part(data: Dataset, rows: NDArray[np.bool_]) -> Dataset:
    """Some of the examples, with all labels."""
    kept = tuple(e for e, keep in zip(data.examples, rows, strict=True) if keep)
    return Dataset(kept, data.labels, data.info, data.name)


if __name__ == "__main__":
    main(sys.argv[1:])
