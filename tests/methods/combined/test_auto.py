"""`auto` judges on held-out support examples, and changes its mind only beyond the noise."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError

from fsl_nlp import Dataset, FewShotClassifier, TextEncoder
from fsl_nlp.errors import ModelError, OptionError
from fsl_nlp.methods.base import Classifier, Method
from fsl_nlp.methods.combined import auto
from fsl_nlp.methods.combined import report as reports
from fsl_nlp.methods.combined.auto import choose, parse_budget
from fsl_nlp.training.trainer import Trainer
from fsl_nlp.types import Example, Label


@dataclass(frozen=True)
class Oracle(Classifier):
    """Knows the answer, `word N` being of class N % 4, to all but every `wrong`th question."""

    labels: tuple[Label, ...]
    wrong: int

    def scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        numbers = np.array([int(e.text.split()[1]) for e in examples])
        answers = (numbers + (numbers // 4 % self.wrong == 0)) % len(self.labels)
        return np.eye(len(self.labels), dtype=np.float32)[answers]

    def embed(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        raise NotImplementedError

    def state(self) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class Student(Method):
    """Takes `steps` steps of `pause` seconds to become an oracle."""

    name: str
    wrong: int
    steps: int = 4
    pause: float = 0.0
    on_step: Callable[[dict[str, float]], object] | None = None
    seen: Any = None

    @classmethod
    def build(cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]) -> Student:
        raise NotImplementedError

    def learn(self, support: Dataset) -> Oracle:
        for step in range(self.steps):
            time.sleep(self.pause)
            if self.on_step:
                self.on_step({"step": step, "steps": self.steps})
        if self.seen is not None:
            self.seen.append({e.text for e in support})
        return Oracle(support.labels, self.wrong)

    def restore(self, labels: Any, tensors: Any, settings: Mapping[str, Any]) -> Oracle:
        raise NotImplementedError


def numbers(each: int) -> Dataset:
    texts = [f"word {i}" for i in range(4 * each)]
    return Dataset.from_texts(texts, [f"class {i % 4}" for i in range(4 * each)])


def chosen(
    monkeypatch: pytest.MonkeyPatch,
    students: Sequence[Student],
    support: Dataset,
    budget: str | float | None = None,
) -> reports.Report:
    methods = {student.name: student for student in students}
    monkeypatch.setattr(auto._Choice, "_methods", lambda _self: methods)
    name, fitted, report = choose(
        support, None, seed=0, options={}, budget=budget  # type: ignore[arg-type]
    )  # fmt: skip
    assert name == report.chosen
    assert isinstance(fitted, Oracle)
    assert fitted.wrong == methods[name].wrong
    return report


def test_what_is_clearly_better_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    report = chosen(monkeypatch, [Student("linear", 2), Student("full", 10)], numbers(20))
    start, tuned = report.candidates
    assert report.chosen == "full"
    assert report.why == tuned.note == "better, beyond the 95% interval"
    assert start.accuracy == pytest.approx(1 / 2)
    assert tuned.accuracy == pytest.approx(9 / 10)
    assert tuned.gain == pytest.approx(4 / 10)
    assert tuned.held_out == 80


def test_what_is_better_by_less_than_the_noise_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    # Over 8 questions a class: one is answered wrongly by the first alone, one by the second.
    report = chosen(monkeypatch, [Student("linear", 5), Student("full", 7)], numbers(8))
    assert report.chosen == "linear"
    assert report.candidates[1].gain == 0
    assert report.candidates[1].gain_error > 0  # type: ignore[operator]
    assert report.candidates[1].note == "not better by more than one standard error"


def test_intervals_are_those_of_the_textbook(monkeypatch: pytest.MonkeyPatch) -> None:
    report = chosen(monkeypatch, [Student("linear", 4)], numbers(100))
    (start,) = report.candidates
    assert start.accuracy == pytest.approx(0.75)
    assert start.half_width == pytest.approx(1.959964 * math.sqrt(0.75 * 0.25 / 399), rel=0.02)


def test_no_example_is_judged_by_what_learned_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[str]] = []
    support = numbers(7)
    chosen(monkeypatch, [Student("linear", 3, seen=seen)], support)
    *folds, last = seen
    everything = {example.text for example in support}
    assert last == everything
    assert len(folds) == 3 * 3  # few examples: thrice
    for start in range(0, 9, 3):
        held = [everything - kept for kept in folds[start : start + 3]]
        assert set().union(*held) == everything
        assert sum(map(len, held)) == len(everything)


def test_what_costs_more_than_the_budget_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Student("full", 100, steps=100, pause=0.02, seen=[])
    report = chosen(monkeypatch, [Student("linear", 2), slow], numbers(10), budget="1s")
    assert slow.seen == []  # no fold to its end
    assert report.chosen == "linear"
    assert report.candidates[1].note.startswith("not tried: comparing and fitting it would take ab")
    assert report.why == "no method within the budget is better by more than one standard error"


@dataclass(frozen=True)
class Unable(Student):
    def learn(self, support: Dataset) -> Oracle:
        raise ModelError("this encoder cannot be tuned")


def test_what_is_not_possible_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    report = chosen(monkeypatch, [Student("linear", 3), Unable("full", 9)], numbers(5))
    assert report.chosen == "linear"
    assert report.candidates[1].note == "not possible: this encoder cannot be tuned"


def test_interrupted_while_tuning_it_takes_the_best_so_far(
    english: TextEncoder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What a trainer alone would do is to end early with what it has, and `auto` to go on."""
    taken = 0

    def interrupted(*_: Any) -> float:
        nonlocal taken
        taken += 1
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_step", interrupted)
    texts = ["where is my parcel", "my order is late", "refund me", "I want my money back"]
    bot = FewShotClassifier(encoder=english, budget=None)
    bot.fit(texts, ["track", "track", "refund", "refund"])
    assert taken == 1
    assert bot.method_ in auto.FROZEN
    assert [c.note for c in bot.report_.candidates][-1] == "stopped"
    assert bot.report_.why == "the best of the methods that were compared before the stop"
    assert caplog.messages == [f"Stopped: nothing more is tried, and '{bot.method_}' is fitted."]


def test_a_small_budget_judges_on_fewer_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    # A fit takes 0.4 s: the nine folds would take 2.4 s more, and the budget has room for five.
    seen: list[set[str]] = []
    slow = Student("full", 100, steps=20, pause=0.02, seen=seen)
    report = chosen(monkeypatch, [Student("linear", 2), slow], numbers(10), budget=2)
    assert report.chosen == "full"
    assert 1 <= len(seen) - 1 <= 3  # whole rounds of folds, where there is time for one
    assert report.candidates[1].held_out >= 10


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("30s", 30), ("5m", 300), ("1h", 3600), ("0", 0), (2.5, 2.5), ("1.5 m", 90), (None, math.inf)],
)
def test_budgets(given: str | float | None, seconds: float) -> None:
    assert parse_budget(given) == seconds


@pytest.mark.parametrize("given", ["soon", "", "-3s", "5 parsecs", "nan", True, -1])
def test_no_budgets(given: Any) -> None:
    with pytest.raises(OptionError, match=r"write a time such as '30s', '5m' or '1h'"):
        parse_budget(given)


# on vectors

COLOURS = ["red", "blue", "green", "brown"]


def colours(counts: Sequence[int]) -> tuple[list[str], list[str]]:
    labels = [c for c, count in zip(COLOURS, counts, strict=False) for _ in range(count)]
    return [f"{label} thing {i}" for i, label in enumerate(labels)], labels


@pytest.mark.parametrize(
    ("counts", "method"),
    [
        ((1, 1, 1, 1), "linear"),
        ((2, 2, 2, 2), "linear"),
        ((5, 5, 5, 5), "linear"),
        ((50, 50, 50, 50), "linear"),
        ((100, 1), "proto"),
        ((100, 1, 1, 100), "linear or proto"),
    ],
)
@pytest.mark.parametrize("names", [True, False])
@pytest.mark.slow
def test_any_number_of_examples_gets_a_sensible_choice(
    counts: tuple[int, ...], method: str, names: bool, words: TextEncoder
) -> None:
    texts, labels = colours(counts)
    model = FewShotClassifier(encoder=words, label_names=names).fit(texts, labels)
    assert model.method_ in method.split()
    known = COLOURS[: len(counts)]
    assert model.predict(known).tolist() == known
    if not names and max(counts) == 1:
        assert "too few examples" in model.report_.why


def test_chinese_with_a_description(words: TextEncoder) -> None:
    model = FewShotClassifier(encoder=words).fit(
        ["红 一", "红 二", "蓝 一", "蓝 二"], ["红", "红", "蓝", "蓝"], descriptions={"绿": "绿 三"}
    )
    assert model.predict(["绿 四"]).tolist() == ["绿"]
    assert model.report_.candidates[0].held_out == 4


def test_options_rule_out_what_does_not_have_them(words: TextEncoder) -> None:
    texts, labels = colours((3, 3))
    model = FewShotClassifier(encoder=words, distance="euclidean").fit(texts, labels)
    assert [c.method for c in model.report_.candidates] == ["proto"]
    with pytest.raises(OptionError, match="has no option 'distances'"):
        FewShotClassifier(encoder=words, distances="euclidean").fit(texts, labels)


def test_the_report_is_json_and_text(words: TextEncoder) -> None:
    model = FewShotClassifier(encoder=words).fit(*colours((3, 3)))
    report = json.loads(json.dumps(model.report_.to_dict()))
    assert report["chosen"] == model.method_
    assert [c["method"] for c in report["candidates"]] == ["linear", "proto"]
    assert str(model.report_).splitlines()[0].split() == ["method", "accuracy", "gain", "seconds"]
    named = FewShotClassifier("proto", encoder=words).fit(*colours((3, 3)))
    assert named.report_ is None


def test_a_budget_is_for_auto_alone(words: TextEncoder) -> None:
    with pytest.raises(
        OptionError, match=r"budget='30s' \(--budget\) is for method 'auto', not for 'proto'"
    ):
        FewShotClassifier("proto", words, budget="30s").fit(*colours((3, 3)))


def test_a_fit_that_fails_leaves_nothing_fitted(words: TextEncoder) -> None:
    model = FewShotClassifier(encoder=words, no_such_option=1)
    with pytest.raises(OptionError):
        model.fit(*colours((3, 3)))
    with pytest.raises(NotFittedError):
        model.predict(["red"])


def test_a_loaded_classifier_has_the_report(english: TextEncoder, tmp_path: Path) -> None:
    model = FewShotClassifier(encoder=english).fit(*colours((2, 2)))
    assert model.report_ is not None
    assert FewShotClassifier.load(model.save(tmp_path / "bot")).report_ == model.report_


def test_the_same_seed_judges_alike(words: TextEncoder) -> None:
    texts, labels = colours((5, 4, 3))
    first, second = (FewShotClassifier(encoder=words, seed=3).fit(texts, labels) for _ in range(2))
    assert [c.accuracy for c in first.report_.candidates] == [
        c.accuracy for c in second.report_.candidates
    ]


@pytest.mark.parametrize(
    ("gain", "error", "words"),
    [
        (0.014, 0.0087, reports.LIKELY),  # 1.4% ± 1.7%
        (0.014, 0.007, reports.CLEAR),  # 1.4% ± 1.4%, and a little more
        (0.014, 0.014, reports.NO_GAIN),
        (0.014, 0.02, reports.NO_GAIN),
        (-0.05, 0.01, reports.NO_GAIN),
        (0.0, 0.0, reports.NO_GAIN),
        (0.01, 0.0, reports.CLEAR),
        (None, None, reports.NO_GAIN),
    ],
)
def test_the_words_follow_from_the_numbers(
    gain: float | None, error: float | None, words: str
) -> None:
    candidate = reports.Candidate("full", "", 0.8, 0.05, gain, error)
    assert reports.verdict(candidate) == words
    assert candidate.better == (words != reports.NO_GAIN)
    low = (gain or 0) - 1.96 * (error or 0)  # what a reader sees of the interval
    assert (words == reports.CLEAR) == (low > 0)
