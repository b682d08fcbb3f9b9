"""Every kind of bot takes the kind of example that it was fitted on, and refuses the others."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import Dataset, FewShotClassifier, TextEncoder
from fsl_nlp.errors import DataError
from fsl_nlp.inputs.kinds import KINDS, Inputs, common_kinds, kinds_of
from fsl_nlp.inputs.support import LEARNS_FROM
from fsl_nlp.methods import METHODS, build_method, method_class, methods_that_take
from fsl_nlp.runtime import Bot
from fsl_nlp.types import Example

QUESTIONS = {
    "text": Example("where is it"),
    "pair": Example("where is it", text_b="我的包裹在哪里"),
    "mentions": Example("Tom founded Ziggo", head=(0, 3), tail=(12, 17)),
    "candidates": Example("where is [?]", candidates=("it", "he")),
}
TRAINING = {
    "text": [Example("my parcel", "a"), Example("退款", "b")],
    "pair": [Example("my parcel", "a", text_b="parcel"), Example("退款", "b", text_b="天气")],
    "mentions": [
        Example("Tom founded Ziggo", "a", head=(0, 3), tail=(12, 17)),
        Example("Tom left Paris", "b", head=(0, 3), tail=(9, 14)),
    ],
    "candidates": [
        Example("I eat [?]", 0, candidates=("bread", "stones")),
        Example("I read [?]", 1, candidates=("stones", "books")),
    ],
}
BOTS = [
    ("linear", "text"),
    ("linear", "pair"),
    ("linear", "mentions"),
    ("proto", "candidates"),
    ("lora", "text"),
    ("lora", "pair"),
    ("head", "pair"),
]


def fitted(method: str, kind: str, encoder: TextEncoder) -> FewShotClassifier:
    options = {"epochs": 1} if method == "lora" else {}
    return FewShotClassifier(method, encoder, **options).fit_dataset(
        Dataset.from_examples(TRAINING[kind])
    )


@pytest.mark.parametrize(("method", "kind"), BOTS)
def test_a_bot_takes_its_kind_alone(
    method: str, kind: str, english: TextEncoder, tmp_path: Path
) -> None:
    bot = fitted(method, kind, english)
    folder = bot.save(tmp_path / "bot")
    for answering in (bot, FewShotClassifier.load(folder), Bot.load(folder)):
        assert answering.classifier_.inputs == bot.classifier_.inputs
        for asked, question in QUESTIONS.items():
            if asked == kind:
                assert answering.classify(question).label in bot.classes_.tolist()
                assert len(answering.predict([question])) == 1
                continue
            with pytest.raises(DataError, match=r"text\[0\] is a .*this classifier was fitted on"):
                answering.classify(question)
            with pytest.raises(DataError, match=r"texts\[1\] is a .*this classifier was fitted on"):
                answering.predict([QUESTIONS[kind], question])
            with pytest.raises(DataError, match=r"texts\[1\]"):
                list(answering.stream([QUESTIONS[kind], question]))


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_take_what_they_were_fitted_on(kind: str) -> None:
    options: dict[str, Any] = {"template": "{text}[MASK]", "words": {"a": "快", "b": "好"}}
    if kind == "candidates":
        options = {"template": "{text}", "blank": "[?]"}
    bot = FewShotClassifier("zero-shot", "embedded:mlm", **options).fit_dataset(
        Dataset.from_examples(TRAINING[kind])
    )
    assert bot.classifier_.inputs.kinds == (kind,)
    for asked, question in QUESTIONS.items():
        if asked != kind:
            with pytest.raises(DataError, match="this classifier was fitted on"):
                bot.classify(question)
    assert bot.classify(QUESTIONS[kind]).label in bot.classes_.tolist()


@pytest.mark.parametrize("field", ["text_b", "candidates"])
def test_half_a_character_is_refused_in_every_text(field: str, english: TextEncoder) -> None:
    kind = {"text_b": "pair", "candidates": "candidates"}[field]
    bot = fitted("proto" if kind == "candidates" else "linear", kind, english)
    broken = {"text_b": "x\ud800", "candidates": ("x\ud800", "y")}[field]
    with pytest.raises(DataError, match=rf"text\[0\]\.{field}.* holds half a character"):
        bot.classify(replace(QUESTIONS[kind], **{field: broken}))


@pytest.mark.parametrize("name", list(METHODS))
def test_what_a_method_says_that_it_takes_is_what_it_takes(name: str, english: TextEncoder) -> None:
    cls = method_class(name)
    assert set(cls.takes(name)) <= set(KINDS)
    assert set(cls.learns_from(name)) <= set(LEARNS_FROM)
    options = {"members": "linear, head"} if name == "together" else {}
    method = build_method(name, english, options=options)
    for kind, examples in TRAINING.items():
        if kind in cls.takes(name):
            method.check_inputs(examples)
            continue
        with pytest.raises(DataError, match=re.escape(f"'{name}' does not take")) as refusal:
            method.check_inputs(examples)
        for other in methods_that_take([kind]):
            assert repr(other) in str(refusal.value)


def test_a_mixture_is_refused(english: TextEncoder) -> None:
    mixed = [*TRAINING["text"], *TRAINING["pair"]]
    with pytest.raises(DataError, match=r"\[0\] is a single text and examples\[2\] is a pair of"):
        FewShotClassifier("lora", english).fit_dataset(Dataset.from_examples(mixed))
    with pytest.raises(DataError, match="All must be of one kind"):
        # What is learned from without labels is of the same kind, too.
        FewShotClassifier("lora", english).fit_dataset(
            Dataset.from_examples(TRAINING["text"]).with_unlabelled(TRAINING["mentions"])
        )


def test_mentions_must_lie_in_the_text(english: TextEncoder) -> None:
    bot = fitted("linear", "mentions", english)
    with pytest.raises(DataError, match="characters 12 to 99, which is not inside its text"):
        bot.classify(replace(QUESTIONS["mentions"], tail=(12, 99)))
    with pytest.raises(DataError, match="has no tail mention"):
        bot.classify(replace(QUESTIONS["mentions"], tail=None))


def test_optional_kinds_may_be_there() -> None:
    inputs = Inputs(("text",), ("mentions",))
    inputs.check([QUESTIONS["text"], QUESTIONS["mentions"]])
    with pytest.raises(DataError, match=r"q\[5\] is a pair"):
        inputs.check([QUESTIONS["pair"]], "q", 5)


@pytest.mark.parametrize("kind", KINDS)
def test_an_example_of_a_kind_is_of_that_kind(kind: str) -> None:
    inputs = Inputs((kind,), candidates=2 if kind == "candidates" else 0)
    example = inputs.example_of("where is it")
    assert kinds_of(example) == (kind,) == common_kinds([example])
    inputs.check([example])


@pytest.mark.parametrize("kind", ["pair", "mentions"])
def test_a_blank_question_is_empty_whatever_its_kind(kind: str, english: TextEncoder) -> None:
    bot = fitted("linear", kind, english)
    questions = [QUESTIONS[kind], "", replace(QUESTIONS[kind], text=" ")]
    assert [answer.reason for answer in bot.classify(questions)] == ["ok", "empty", "empty"]
    assert [answer.reason for answer in bot.stream(questions)] == ["ok", "empty", "empty"]


@pytest.mark.parametrize("method", ["linear", "lora"])
def test_every_text_of_a_dataset_is_checked(method: str, english: TextEncoder) -> None:
    broken = Dataset.from_examples(
        [replace(example, text_b="x\ud800") for example in TRAINING["pair"]]
    )
    with pytest.raises(DataError, match=r"texts\[0\]\.text_b holds half a character"):
        FewShotClassifier(method, english).fit_dataset(broken)
    support = Dataset.from_examples(TRAINING["text"])
    for text, message in (("x\ud800", "holds half a character"), (" ", "is empty")):
        more = support.with_unlabelled([Example("fine"), Example(text)])
        with pytest.raises(DataError, match=rf"unlabelled\[1\] {message}"):
            FewShotClassifier(method, english).fit_dataset(more)


def test_meta_methods_ignore_marks_and_refuse_pairs(english: TextEncoder) -> None:
    method = build_method("anil", english)
    method.check_inputs([TRAINING["mentions"][0], *TRAINING["text"]])
    with pytest.raises(DataError, match="'anil' does not take pairs of texts"):
        method.prepare(Dataset.from_examples(TRAINING["pair"]), way=2, shot=1, query=1)


def test_auto_chooses_among_methods_that_take_the_examples(english: TextEncoder) -> None:
    data = Dataset.from_examples([*TRAINING["candidates"], *TRAINING["candidates"]])
    bot = FewShotClassifier(encoder=english, blank="[?]").fit_dataset(data)
    assert bot.method_ == "proto"
    assert bot.classify(QUESTIONS["candidates"]).label in (0, 1)


def test_together_answers_with_every_position(english: TextEncoder) -> None:
    first = [replace(example, label=0) for example in TRAINING["candidates"]]
    bot = FewShotClassifier("together", english, members="proto, proto")
    bot.fit_dataset(Dataset.from_examples(first))
    assert bot.classes_.tolist() == [0, 1]
    assert bot.classify(QUESTIONS["candidates"]).label in (0, 1)
