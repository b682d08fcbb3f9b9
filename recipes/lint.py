"""How well `fsl-nlp lint` finds what is wrong, measured on faults that are planted.

    python recipes/lint.py                      # all but fit
    python recipes/lint.py noise topics more banking77
    python recipes/lint.py fit                  # what the probability of a wrong label comes from

`noise`: 5% of the labels are replaced by others. `topics`: two intents are put together, or one is
cut in two at random. `more`: the forecast of ten more texts, beside what they bring. `banking77`:
the twenty labels of its training file that are most likely wrong. `fit` draws from other corpora
and with other seeds than `noise`. Needs FSL_NLP_DATA; no test file is read.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from fsl_nlp import Dataset, FewShotClassifier, lint, load_dataset
from fsl_nlp.data.labels import readable
from fsl_nlp.encoders import load_encoder
from fsl_nlp.encoders.choice import choose_encoder
from fsl_nlp.intervals import Share
from fsl_nlp.linting.crossfit import CrossFit, cross_fit, deal_folds, folds_for
from fsl_nlp.linting.duplicates import group_duplicates
from fsl_nlp.linting.findings import MergeableIntents, Mislabel, TwoTopics
from fsl_nlp.linting.labels import LIKELY, mislabel_probabilities, mislabel_scores, trust
from fsl_nlp.linting.run import lint_vectors
from fsl_nlp.vectors import Matrix, unit

RATE = 0.05  # of the labels, replaced by others
RECALL = 0.7
SEEDS = {"clinc150:train_10": range(5), "support_en": range(20), "support_zh": range(20)}
# Corpus, intents (0: all), texts of each, draws: for `fit` alone.
FITTED_ON = (
    ("banking77:train", 0, 10, 2),
    ("banking77:train", 15, 10, 12),
    ("banking77:train", 15, 5, 12),
    ("smp2017:train", 0, 10, 4),
    ("smp2017:train", 15, 12, 12),
    ("smp2017:train", 8, 20, 8),
)
FIRST_FITTING_SEED = 2000

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


def read(name: str) -> tuple[Dataset, Matrix, Matrix]:
    """A dataset, the vectors of its texts, and those of the names of its labels."""
    data = load_dataset(name)
    encoder = load_encoder(choose_encoder("auto", data, note=False))
    names = [readable(label) or str(label) for label in data.labels]
    return data, unit(encoder.encode(data.texts)), unit(encoder.encode(names))


def draw(data: Dataset, way: int, shot: int, generator: np.random.Generator) -> list[int]:
    """Rows of so many intents (0: all), with so many texts of each."""
    classes = np.array(data.class_indices)
    chosen = generator.choice(len(data.labels), way or len(data.labels), replace=False)
    rows = (generator.permutation(np.flatnonzero(classes == c))[:shot] for c in chosen)
    return [i for own in rows for i in own.tolist()]


def subset(data: Dataset, rows: Sequence[int], targets: Sequence[object]) -> Dataset:
    """These texts with these labels."""
    return Dataset.from_texts([data.examples[i].text for i in rows], list(map(str, targets)))


def plant(classes: Integers, count: int, generator: np.random.Generator) -> tuple[Integers, Flags]:
    """The classes with 5% replaced by any other, and which they are."""
    planted = generator.choice(len(classes), max(1, round(RATE * len(classes))), replace=False)
    changed = classes.copy()
    changed[planted] += generator.integers(1, count, len(planted))
    is_planted = np.zeros(len(classes), bool)
    is_planted[planted] = True
    return changed % count, is_planted


def scored(
    texts: list[str], vectors: Matrix, classes: Integers, names: Matrix, seed: int
) -> CrossFit:
    """The held-out scores that `lint` judges labels by."""
    learned = names, np.arange(len(names))
    fold = deal_folds(classes, group_duplicates(texts, vectors), folds_for(len(classes)), seed)
    first = cross_fit(vectors, classes, fold, names=learned)
    return cross_fit(vectors, classes, fold, names=learned, weights=trust(first))


def precision_at(recall: float, doubt: NDArray[np.float64], is_planted: Flags) -> float:
    """The precision of the longest ranking needed to find this share of what was planted."""
    hits = is_planted[np.argsort(-doubt, kind="stable")].cumsum()
    needed = int(np.searchsorted(hits, np.ceil(recall * is_planted.sum())))
    return float(hits[needed] / (needed + 1))


def noise() -> None:
    """Planted wrong labels: our ranking, plain loss, and cleanlab's if it is installed."""
    print(f"{RATE:.0%} wrong labels: precision at recall {RECALL:.0%}, mean of seeds (all as one)")
    for name, seeds in SEEDS.items():
        data, vectors, names = read(name)
        true = np.array(data.class_indices, np.int64)
        doubts: dict[str, list[NDArray[np.float64]]] = {}
        flags, flagged, spent = [], [], 0.0
        for seed in seeds:
            generator = np.random.default_rng(seed)
            classes, is_planted = plant(true, len(data.labels), generator)
            started = time.perf_counter()
            fitted = scored(data.texts, vectors, classes, names, seed)
            spent += time.perf_counter() - started
            doubts.setdefault("lint", []).append(mislabel_probabilities(fitted))
            fold = deal_folds(classes, np.arange(len(classes)), folds_for(len(classes)), seed)
            plain = cross_fit(vectors, classes, fold, names=(names, np.arange(len(names))))
            doubts.setdefault("cross-fitted loss", []).append(-plain.of_label)
            for method, doubt in cleanlab_doubts(classes, plain):
                doubts.setdefault(method, []).append(doubt)
            flags.append(is_planted)
            flagged.append((mislabel_probabilities(fitted) > LIKELY) & ~fitted.is_right)
        every = np.concatenate(flags)
        for method, values in doubts.items():
            by_seed = [precision_at(RECALL, *pair) for pair in zip(values, flags, strict=True)]
            pooled = precision_at(RECALL, np.concatenate(values), every)
            print(f"  {name:18} {method:34} {np.mean(by_seed):.1%} ({pooled:.1%})")
        shown = np.concatenate(flagged)
        print(
            f"  {name:18} shown as likely wrong: precision {every[shown].mean():.1%}, recall "
            f"{shown[every].mean():.1%}; {spent / len(seeds):.1f} s"
        )


def cleanlab_doubts(
    classes: Integers, plain: CrossFit
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """The rankings of cleanlab on the same probabilities."""
    if not find_spec("cleanlab"):
        return
    get_label_quality_scores = import_module("cleanlab.rank").get_label_quality_scores
    probabilities = np.exp(plain.log_probabilities)
    for method in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
        for adjust in (False, True) if method != "confidence_weighted_entropy" else (False,):
            quality = get_label_quality_scores(
                classes, probabilities, method=method, adjust_pred_probs=adjust
            )
            yield f"cleanlab {method}{' adjusted' if adjust else ''}", -quality


def fit() -> None:
    """The slope and intercept of the probability of a wrong label; each draw counts the same."""
    from sklearn.linear_model import LogisticRegression

    scores, flags, weights = [], [], []
    for name, way, shot, draws in FITTED_ON:
        data, vectors, names = read(name)
        for seed in range(FIRST_FITTING_SEED, FIRST_FITTING_SEED + draws):
            generator = np.random.default_rng(seed)
            rows = draw(data, way, shot, generator)
            chosen, true = np.unique(np.array(data.class_indices)[rows], return_inverse=True)
            classes, is_planted = plant(true, int(true.max()) + 1, generator)
            texts = [data.examples[i].text for i in rows]
            scores.append(
                mislabel_scores(scored(texts, vectors[rows], classes, names[chosen], seed))
            )
            flags.append(is_planted)
            weights.append(np.full(len(rows), 1000 / len(rows) / draws))
    model = LogisticRegression(C=1e6)
    model.fit(np.concatenate(scores)[:, None], np.concatenate(flags), np.concatenate(weights))
    print(f"slope {model.coef_[0, 0]:.2f}, intercept {model.intercept_[0]:.2f}")


def topics() -> None:
    """Intents put together, and intents cut in two at random, on CLINC150; 12 texts of each."""
    data, vectors, _ = read("clinc150:train")
    classes = np.array(data.class_indices)
    joined = [0, 0, 0, 0]  # joined ones found, joined, single ones found, single
    cut = [0, 0, 0]  # cut ones found, cut, other pairs
    for seed in range(5):
        generator = np.random.default_rng(seed)
        order = generator.permutation(len(data.labels))
        rows, targets = list[int](), list[str]()
        for i, c in enumerate(order.tolist()):
            own = generator.permutation(np.flatnonzero(classes == c)).tolist()
            if i < 20:  # ten pairs put together, six texts of each
                rows, targets = rows + own[:6], targets + [f"joined {i // 2}"] * 6
            elif i < 30:  # cut in two
                rows += own[:24]
                targets += [f"cut {c} a"] * 12 + [f"cut {c} b"] * 12
            else:
                rows, targets = rows + own[:12], targets + [f"single {c}"] * 12
        report = lint_vectors(subset(data, rows, targets), vectors[rows], [False] * len(rows), seed)
        split = [str(f.labels[0]) for f in report.of(TwoTopics)]
        joined[0] += sum(name.startswith("joined") for name in split)
        joined[2] += sum(name.startswith("single") for name in split)
        joined[1], joined[3] = joined[1] + 10, joined[3] + 120
        for finding in report.of(MergeableIntents):
            first, second = sorted(map(str, finding.labels))
            is_cut = first[:-1] == second[:-1]
            cut[0], cut[2] = cut[0] + is_cut, cut[2] + (not is_cut)
        cut[1] += 10
    print(
        f"two topics: {joined[0]} of {joined[1]} joined, {joined[2]} of {joined[3]} single intents"
    )
    print(f"to merge: {cut[0]} of {cut[1]} cut intents, and {cut[2]} other pairs in 5 draws")


def more() -> None:
    """Expected accuracy and the forecast of ten more texts, beside accuracy on validation texts."""
    splits = {"banking77": "valid", "clinc150": "valid", "smp2017": "develop"}
    for name, validation in splits.items():
        data, vectors, names = read(f"{name}:train")
        valid = load_dataset(f"{name}:{validation}")
        learned = names, np.arange(len(names))
        for seed in range(3):
            generator = np.random.default_rng(seed)
            rows = draw(data, 0, 20, generator)
            targets = [str(data.targets[i]) for i in rows]
            before, seen = [], dict.fromkeys(targets, 0)
            for i, target in zip(rows, targets, strict=True):
                seen[target] += 1
                if seen[target] <= 10:
                    before.append(i)
            few = subset(data, before, [data.targets[i] for i in before])
            report = lint_vectors(few, vectors[before], [False] * len(before), seed, learned)
            first = accuracy(few, valid)
            share = Share.of(round(first * len(valid)), len(valid))
            second = accuracy(subset(data, rows, targets), valid)
            assert report.accuracy
            assert report.gain
            print(
                f"  {name:10} seed {seed}: expected {report.accuracy}, "
                f"on {validation} {share}; ten more: forecast "
                f"{100 * report.gain.value:+.1f} ({100 * report.gain.low:.1f} to "
                f"{100 * report.gain.high:.1f}), came {100 * (second - first):+.1f}"
            )


def accuracy(train: Dataset, valid: Dataset) -> float:
    """That of `linear`."""
    model = FewShotClassifier("linear").fit(train.texts, train.known_targets)
    return float(model.score(valid.texts, list(map(str, valid.targets))))


def banking77() -> None:
    """The twenty labels of BANKING77's training file that are most likely wrong."""
    report = lint("banking77:train")
    print(f"{report.headline} {report.seconds:.1f} s after {report.encoding_seconds:.1f} s")
    for finding in report.of(Mislabel)[:20]:
        sentence = finding.sentences[0]
        print(f"  {sentence.text}\n      {sentence.label} -> {sentence.predicted}")


PARTS = {"noise": noise, "topics": topics, "more": more, "banking77": banking77, "fit": fit}

if __name__ == "__main__":
    for part in sys.argv[1:] or ["noise", "topics", "more", "banking77"]:
        PARTS[part]()
