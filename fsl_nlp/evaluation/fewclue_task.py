"""One split of one FewCLUE task: learn from train_i, choose on dev_i, answer the test."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fsl_nlp.data import CATALOGUE, load_dataset
from fsl_nlp.data.fewclue_prompts import TaskPrompts, task_prompts
from fsl_nlp.errors import OptionError
from fsl_nlp.inputs.support import UNLABELLED
from fsl_nlp.methods import method_class
from fsl_nlp.types import Dataset, Example, Label

if TYPE_CHECKING:
    from fsl_nlp.methods.base import Classifier, Method

CLOZES = ("zero-shot", "prompt", "p-tuning", "pet")
_FOR_PET = 2000
_PROMPTED = (*CLOZES, "efl")


@dataclass(frozen=True)
class Plan:
    """What is done on every split.

    `choices`: options with several values each, of which dev_i chooses; so it does among the
    `patterns` first patterns of a task, for methods that take one.
    `unlabelled`: so many texts of the task's unlabelled file are learned from, too; None is 2000
    for pet and 0 for others.
    `limit`: so many test examples only, for a quick look.
    `score`: "test_public"; or "dev", for tasks whose public test is not at hand: then nothing is
    chosen, and the number is no published one's equal.
    """

    method: str
    encoder: str
    options: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    patterns: int | None = None
    unlabelled: int | None = None
    limit: int | None = None
    score: str = "test_public"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.score not in ("test_public", "dev"):
            raise OptionError(f"score={self.score!r}: choose 'test_public' or 'dev'.")
        if self.score == "dev" and self.choices:
            raise OptionError("score='dev': what dev_i chooses cannot be scored on dev_i.")
        if self.unlabelled and UNLABELLED not in method_class(self.method).learns_from(self.method):
            raise OptionError(f"unlabelled: {self.method!r} learns nothing from such texts.")

    @property
    def texts_without_labels(self) -> int:
        if self.unlabelled is None:
            return _FOR_PET if self.method == "pet" else 0
        return self.unlabelled

    def scored(self, split: int) -> str:
        return f"dev_{split}" if self.score == "dev" else "test_public"


@dataclass(frozen=True)
class Fitted:
    """A classifier, and how it was chosen."""

    classifier: Classifier
    chosen: dict[str, Any]
    dev_accuracy: float | None  # None: there was nothing to choose
    tried: int


def why_not(task: str, plan: Plan) -> str | None:
    """Why a plan cannot be carried out on a task; None where it can."""
    if task != "chid" or plan.method in _PROMPTED:
        return None
    if plan.method != "proto":
        return (
            "the label is a place among each example's own candidates, and the method learns "
            "labels that are the same for all; use proto, zero-shot, prompt, p-tuning, pet or efl"
        )
    if plan.texts_without_labels:
        return "'proto' takes the nearest candidate, and learns nothing from unlabelled texts"
    return None


def fit_split(plan: Plan, task: str, split: int, data_dir: Any, device: str = "auto") -> Fitted:
    """The classifier that dev_i thinks best of all that train_i gives."""
    support = _read(task, f"train_{split}", data_dir, plan)
    dev = _read(task, f"dev_{split}", data_dir, plan)
    if plan.texts_without_labels and "unlabeled" in CATALOGUE[task].splits:
        support = _with_unlabelled(support, task, data_dir, plan)
    settings = list(_settings(plan, task))
    if plan.score == "dev":
        settings = settings[:1]
    best: Fitted | None = None
    for chosen in settings:
        classifier = _build(plan, {**plan.options, **chosen}, device).fit(support)
        if len(settings) == 1:
            return Fitted(classifier, chosen, None, 1)
        accuracy = accuracy_of(classifier, dev)
        if best is None or accuracy > (best.dev_accuracy or 0.0):
            best = Fitted(classifier, chosen, accuracy, len(settings))
    assert best is not None
    return best


def score_split(
    plan: Plan, task: str, split: int, data_dir: Any, device: str = "auto"
) -> dict[str, Any]:
    """A line of the results file."""
    started = time.perf_counter()
    fitted = fit_split(plan, task, split, data_dir, device)
    test = _read(task, plan.scored(split), data_dir, plan)
    if plan.limit is not None:
        test = replace(test, examples=test.examples[: plan.limit])
    return {
        "task": task,
        "split": split,
        "accuracy": accuracy_of(fitted.classifier, test),
        "count": len(test),
        "dev_accuracy": fitted.dev_accuracy,
        "chosen": fitted.chosen,
        "tried": fitted.tried,
        "seconds": round(time.perf_counter() - started, 1),
    }


def answer_test(
    plan: Plan, task: str, split: int, data_dir: Any, device: str = "auto"
) -> tuple[list[Example], list[Label]]:
    """The examples of the hidden test and what the split's classifier says of them."""
    test = load_dataset(f"{task}:test", labelled=False, data_dir=data_dir)
    fitted = fit_split(plan, task, split, data_dir, device)
    examples = [_readable(example, task, plan.method) for example in test]
    return list(test.examples), _answers(fitted.classifier, examples)


def accuracy_of(classifier: Classifier, data: Dataset) -> float:
    hits = [a == t for a, t in zip(_answers(classifier, data.examples), data.targets, strict=True)]
    return float(np.mean(hits))


def _answers(classifier: Classifier, examples: Sequence[Example]) -> list[Label]:
    return [classifier.labels[i] for i in classifier.scores(examples).argmax(1)]


def _build(plan: Plan, options: Mapping[str, Any], device: str) -> Method:
    from fsl_nlp.encoders import load_encoder
    from fsl_nlp.methods import build_method

    encoder = load_encoder(plan.encoder, device=device)
    return build_method(plan.method, encoder, seed=plan.seed, options=options)


def _settings(plan: Plan, task: str) -> Iterator[dict[str, Any]]:
    """Every setting that dev_i chooses from."""
    if overlap := plan.choices.keys() & plan.options.keys():
        raise OptionError(f"{min(overlap)} is both given and to be chosen. Say one.")
    grid = [dict(zip(plan.choices, values, strict=True)) for values in _product(plan.choices)]
    for pattern in _patterns(plan, task):
        for choice in grid:
            yield {**pattern, **choice}


def _product(choices: Mapping[str, Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    return itertools.product(*choices.values())


def _patterns(plan: Plan, task: str) -> list[dict[str, Any]]:
    """What is known of the task's patterns, as options of the method."""
    if plan.method not in (*_PROMPTED, "proto"):
        return [{}]
    prompts = task_prompts(task)
    shared: dict[str, Any] = {"blank": prompts.blank} if prompts.blank else {}
    if plan.method == "proto":
        return [shared]
    if plan.method == "efl":
        statement = {"statement": prompts.statement} if prompts.statement else {}
        return [{**shared, **statement}]
    patterns = _each(prompts, plan.patterns)
    if plan.method == "pet":
        return [{**shared, "templates": patterns}]
    if "template" in plan.options:
        return [shared]
    return [
        {**shared, "template": p["pattern"], **({"words": p["words"]} if "words" in p else {})}
        for p in patterns
    ]


def _each(prompts: TaskPrompts, count: int | None) -> list[dict[str, Any]]:
    return [
        {
            "pattern": p.text,
            **({"words": {k: list(w) for k, w in p.words.items()}} if p.words else {}),
        }
        for p in prompts.patterns[:count]
    ]


def _read(task: str, split: str, data_dir: Any, plan: Plan) -> Dataset:
    data = load_dataset(f"{task}:{split}", data_dir=data_dir)
    return replace(data, examples=tuple(_readable(example, task, plan.method) for example in data))


def _readable(example: Example, task: str, method: str) -> Example:
    """For methods that know no marked words: what the pronoun may mean, as a second text."""
    if task != "cluewsc" or method in _PROMPTED:
        return example
    assert example.head is not None
    assert example.tail is not None
    noun, pronoun = example.text[slice(*example.head)], example.text[slice(*example.tail)]
    return replace(example, text_b=f"{pronoun}指的是{noun}", head=None, tail=None)


def _with_unlabelled(support: Dataset, task: str, data_dir: Any, plan: Plan) -> Dataset:
    more = load_dataset(f"{task}:unlabeled", labelled=False, data_dir=data_dir)
    rng = np.random.default_rng(plan.seed)
    chosen = rng.choice(len(more), min(plan.texts_without_labels, len(more)), replace=False)
    return support.with_unlabelled(more.examples[i] for i in sorted(chosen.tolist()))
