"""Examples that bring their own candidates: each is its own prototype."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_nlp import Dataset, FewShotClassifier, TextEncoder
from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.evaluation.evaluator import evaluate
from fsl_nlp.evaluation.method_spec import MethodSpec
from fsl_nlp.inputs.candidates import closeness
from fsl_nlp.methods import build_method
from fsl_nlp.types import Example

EN = [
    ("The soup was too salty, so the [?] apologised.", ("cook", "pilot", "judge"), 0),
    ("Before the plane landed the [?] greeted us.", ("cook", "pilot", "judge"), 1),
    ("The court fell silent when the [?] came in.", ("pilot", "cook", "judge"), 2),
    ("Nobody in the restaurant had met the [?].", ("judge", "cook", "pilot"), 1),
]
EN_ASKED = [
    ("The trial is over: the [?] let him go.", ("cook", "judge", "pilot"), 1),
    ("Our flight was late because of the [?].", ("judge", "cook", "pilot"), 2),
]
ZH = [
    ("汤太咸了，[?]向客人道歉。", ("厨师", "飞行员", "法官"), 0),
    ("飞机降落之前，[?]向乘客问好。", ("厨师", "飞行员", "法官"), 1),
    ("[?]走进法庭，大家安静下来。", ("飞行员", "厨师", "法官"), 2),
]
ZH_ASKED = [("审判结束，[?]宣布他无罪。", ("厨师", "法官", "飞行员"), 1)]


def made(rows: list[tuple[str, tuple[str, ...], int]]) -> Dataset:
    return Dataset.from_examples(Example(t, label, candidates=c) for t, c, label in rows)


def fitted(encoder: TextEncoder, rows: list[tuple[str, tuple[str, ...], int]]) -> FewShotClassifier:
    return FewShotClassifier("proto", encoder, blank="[?]").fit_dataset(made(rows))


def test_the_candidate_that_fits_is_chosen(english: TextEncoder) -> None:
    bot = fitted(english, EN)
    assert bot.predict(made(EN_ASKED).examples).tolist() == [1, 2]
    beliefs = bot.predict_proba(made(EN_ASKED).examples)
    np.testing.assert_allclose(beliefs.sum(1), 1, atol=1e-6)


def test_chinese(multilingual: TextEncoder) -> None:
    assert fitted(multilingual, ZH).predict(made(ZH_ASKED).examples).tolist() == [1]


def test_the_order_of_candidates_means_nothing(english: TextEncoder) -> None:
    bot = fitted(english, EN)
    asked = list(made(EN_ASKED).examples)
    turned = [replace(e, candidates=e.candidates[1:] + e.candidates[:1]) for e in asked]
    there, here = bot.predict_proba(turned), bot.predict_proba(asked)
    np.testing.assert_allclose(there, np.roll(here, -1, axis=1), atol=1e-5)


def test_places_that_no_example_has_can_be_the_answer(english: TextEncoder) -> None:
    bot = fitted(english, EN[:2])
    assert bot.classes_.tolist() == [0, 1, 2]
    assert bot.predict(made(EN_ASKED).examples).tolist() == [1, 2]


def test_closeness_is_of_text_and_candidate_and_of_the_blank_filled(words: TextEncoder) -> None:
    example = Example("red [?] here", candidates=("wine", "beer"))
    found = closeness(words.encode, [example], "[?]")
    assert found.shape == (1, 2, 2)

    def cosine(one: str, other: str) -> float:
        a, b = words.encode(one), words.encode(other)
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    text = "red  here"
    apart = [cosine(text, "wine") - cosine(text, "beer"),
             cosine(text, "red wine here") - cosine(text, "red beer here")]  # fmt: skip
    np.testing.assert_allclose(found[0, 0] - found[0, 1], apart, atol=1e-5)
    assert closeness(words.encode, [replace(example, text="red")], None).shape == (1, 2, 1)
    # Far from the blank, other words count for the whole text alone.
    far = replace(example, text=f"{'and ' * 10}red [?] here{' and' * 10} beer beer beer")
    near = replace(example, text=f"{'and ' * 10}red [?] here{' and' * 10}")
    np.testing.assert_allclose(*(closeness(words.encode, [e], "[?]")[..., 1] for e in (far, near)))
    by_text = [closeness(words.encode, [e], "[?]")[..., 0] for e in (far, near)]
    assert not np.allclose(*by_text, atol=0.01)


def test_it_is_saved_and_loaded(english: TextEncoder, tmp_path: Path) -> None:
    bot = fitted(english, EN)
    again = FewShotClassifier.load(bot.save(tmp_path / "bot"), encoder=english)
    asked = made(EN_ASKED).examples
    np.testing.assert_allclose(again.predict_proba(asked), bot.predict_proba(asked), atol=1e-6)


def test_the_right_one_may_always_stand_first(english: TextEncoder) -> None:
    first = [(t, (c[place], *c[:place], *c[place + 1 :]), 0) for t, c, place in EN]
    for rows in (first, first[:1]):
        assert fitted(english, rows).predict(made(EN_ASKED).examples).tolist() == [1, 2]


def test_how_sure_it_is_comes_from_the_support(english: TextEncoder) -> None:
    right, wrong = made(EN), made([(t, c, (place + 1) % 3) for t, c, place in EN])
    asked = made(EN_ASKED).examples
    method = build_method("proto", english, options={"blank": "[?]"})
    sure, unsure = (np.ptp(method.fit(d).scores(asked), axis=1) for d in (right, wrong))
    assert (sure > 2 * unsure).all()


def test_what_does_not_fit_is_said(english: TextEncoder) -> None:
    data = made(EN)
    first = data.examples[0]
    for method in ("linear", "head", "knn"):
        with pytest.raises(
            DataError, match=r"not take texts with candidates: 'The soup .* Use 'proto'"
        ):
            FewShotClassifier(method, english).fit_dataset(data)
    with pytest.raises(OptionError, match="'linear' has no option 'blank'"):
        FewShotClassifier("linear", english, blank="[?]").fit_dataset(data)
    paired = Dataset.from_examples(replace(e, text_b="yes") for e in data)
    for method in ("linear", "proto"):
        with pytest.raises(
            DataError, match=r"take pairs of texts and texts with cand.* Use 'prompt'"
        ):
            FewShotClassifier(method, english).fit_dataset(paired)
    plain = FewShotClassifier("proto", english).fit(["hello there", "bye"], ["in", "out"])
    with pytest.raises(DataError, match=r"is a text with candidates, .* single texts: 'The soup"):
        plain.predict([first])
    twice = Dataset.from_examples([*data, *data])
    table = EpisodeTable.sample(twice, way=2, shot=1, query=1, episodes=2, seed=0)
    with pytest.raises(DataError, match="position of a candidate is not a class"):
        evaluate(MethodSpec("proto", "embedded:en", {}), twice, table)
    for options, message in (({"distance": "euclidean"}, "compared by 'cosine'"),
                             ({"blank": ""}, "blank='': must be the text")):  # fmt: skip
        with pytest.raises(OptionError, match=message):
            FewShotClassifier("proto", english, **options).fit_dataset(data)
    with pytest.raises(OptionError, match="blank: these examples have no candidates"):
        build_method("proto", english, options={"blank": "[?]"}).fit(
            Dataset.from_texts(["a", "b"], [0, 1])
        )
    other = data.examples[1]
    uneven = Dataset.from_examples([first, replace(other, candidates=("cook", "judge"))])
    with pytest.raises(DataError, match="2 or 3 candidates; all must have the same number"):
        FewShotClassifier("proto", english).fit_dataset(uneven)
    some = Dataset.from_examples([first, replace(other, candidates=())])
    with pytest.raises(
        DataError, match=r"\[0\] is a text with candidates and examples\[1\] is a single text"
    ):
        FewShotClassifier("proto", english).fit_dataset(some)
    named = Dataset.from_examples([first, replace(other, label="pilot")])
    with pytest.raises(DataError, match="position, a whole number from 0 to 2; 'pilot' is not"):
        FewShotClassifier("proto", english).fit_dataset(named)
    with pytest.raises(
        DataError,
        match=r"the blank \[\?\] once in the text, and this text has it 0 times: 'no blank",
    ):
        fitted(english, [("no blank", first.candidates, 0), *EN])
    bot = fitted(english, EN)
    with pytest.raises(DataError, match=r"texts\[0\] has 2 candidates, .* among 3"):
        bot.predict([replace(first, candidates=("cook", "judge"))])
    with pytest.raises(DataError, match=r"is a single text, .* on texts with candidates: 'hello'"):
        bot.predict(["hello"])
    with pytest.raises(DataError, match="'proto' learns nothing from candidates"):
        bot.fit_dataset(data.with_unlabelled([first]))
