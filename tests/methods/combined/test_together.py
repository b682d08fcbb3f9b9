"""`together`: several methods that answer as one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fsl_nlp import Dataset, FewShotClassifier, TextEncoder
from fsl_nlp.decision.probabilities import softmax
from fsl_nlp.encoders import load_encoder
from fsl_nlp.errors import ArtifactError, OptionError
from fsl_nlp.methods import build_method
from fsl_nlp.training.trainer import Trainer
from fsl_nlp.types import Example

BOTH = "linear, proto@embedded:multilingual"
CHINESE = ["包裹到哪了", "订单发货了吗", "我要退款", "请把钱退给我"]
WANTED = ["track_order", "track_order", "get_refund", "get_refund"]


def test_is_the_mean_of_its_members(
    english: TextEncoder, texts: list[str], labels: list[str]
) -> None:
    # The very one that `together` loads: another one rounds in its own way.
    multilingual = load_encoder("embedded:multilingual")
    support = Dataset.from_texts(texts, labels)
    asked = [Example("has it been sent"), Example("give my money back"), Example("locked out")]
    fitted = build_method("together", english, options={"members": BOTH}).fit(support)
    each = [
        np.log(softmax(build_method(name, encoder, seed=1000 * number).fit(support).scores(asked)))
        for number, (name, encoder) in enumerate((("linear", english), ("proto", multilingual)))
    ]
    assert np.abs(each[0] - each[1]).max() > 0.05
    np.testing.assert_allclose(fitted.scores(asked), np.mean(each, axis=0), atol=1e-5)
    assert fitted.embed(asked).shape == (3, english.dimensions)


def test_a_member_may_know_what_the_other_does_not(
    english: TextEncoder, texts: list[str], labels: list[str]
) -> None:
    """An English encoder says nothing of Chinese questions."""
    both = FewShotClassifier("together", english, members=BOTH).fit(texts, labels)
    assert both.predict(CHINESE).tolist() == WANTED
    assert both.classify("has my order been sent?").label == "track_order"


def test_the_same_name_twice_is_two_seeds(
    english: TextEncoder, texts: list[str], labels: list[str]
) -> None:
    quick = build_method("together", english, seed=3, options={"members": "head, head, linear"})
    assert [getattr(member, "seed", None) for member in quick.members[:2]] == [3, 1003]  # type: ignore[attr-defined]


def test_saves_and_loads(
    english: TextEncoder,
    multilingual: TextEncoder,
    texts: list[str],
    labels: list[str],
    tmp_path: Path,
) -> None:
    members = "head, linear@embedded:multilingual"
    saved = FewShotClassifier("together", english, members=members).fit(texts, labels)
    folder = saved.save(tmp_path / "bot")
    found = FewShotClassifier.load(folder)
    np.testing.assert_allclose(
        found.predict_proba(CHINESE), saved.predict_proba(CHINESE), atol=1e-6
    )
    assert found.model_version_ == saved.model_version_

    method = build_method("together", english, options={"members": members})
    tensors, settings = saved.classifier_.state()
    assert json.loads(json.dumps(settings)) == settings
    other = {**settings, "encoders": [english.fingerprint, "0" * 64]}
    with pytest.raises(
        ArtifactError, match=r"embedded:multilingual has changed since the classifier"
    ):
        method.restore(saved.classifier_.labels, tensors, other)


def test_another_encoder_is_another_version(
    english: TextEncoder, texts: list[str], labels: list[str]
) -> None:
    versions = {
        FewShotClassifier("together", english, members=members).fit(texts, labels).model_version_
        for members in ("proto, linear", "proto, linear@embedded:multilingual")
    }
    assert len(versions) == 2


def test_unlabelled_texts_need_a_member_that_learns_from_them(
    english: TextEncoder, texts: list[str], labels: list[str]
) -> None:
    bot = FewShotClassifier("together", english, members="efl, efl")
    with pytest.raises(OptionError, match="none of them learns from unlabelled texts"):
        bot.fit(texts, labels, unlabelled=["where is it"])


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ("linear", "name two methods or more"),
        ("linear,", "name two methods or more"),
        ("linear, proto@", "name two methods or more"),
        ("linear, auto", "chooses by the examples"),
        ("linear, nothing", "There is no method 'nothing'."),
        ("linear, together", "cannot be a member of itself"),
    ],
)
def test_members_that_cannot_be(english: TextEncoder, members: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        build_method("together", english, options={"members": members})


def test_a_member_that_has_yet_to_learn_is_refused_before_any_trains(
    english: TextEncoder, texts: list[str], labels: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*_: object) -> None:
        raise AssertionError("it trained")

    monkeypatch.setattr(Trainer, "run", train)
    with pytest.raises(OptionError, match="has not been meta-trained"):
        FewShotClassifier("together", english, members="full, anil").fit(texts, labels)


def test_a_folder_is_written_whole(
    english: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match=f"write ./model as {tmp_path}"):
        build_method("together", english, options={"members": "linear, proto@./model"})
