"""Fitted classifiers in other processes: pickle takes what `save` writes, and nothing else."""

from __future__ import annotations

import copy
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from fsl_nlp import FewShotClassifier, TextEncoder
from fsl_nlp.artifact.archive import from_archive, to_archive
from fsl_nlp.encoders import load_encoder
from fsl_nlp.errors import ArtifactError, FslError, ModelError
from fsl_nlp.export import export_bot
from fsl_nlp.heads.base import Head
from fsl_nlp.heads.proto import ProtoHead
from fsl_nlp.runtime import Bot

from .conftest import Rounds

QUESTIONS = ["where is my parcel?", "退款", "password"]


class NamelessHead(ProtoHead):
    """A head whose class has no registered name."""


def sent(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def test_a_fitted_classifier_comes_back(shop: FewShotClassifier) -> None:
    again = sent(shop)
    np.testing.assert_array_equal(again.predict_proba(QUESTIONS), shop.predict_proba(QUESTIONS))
    assert again.classify(QUESTIONS, nearest=1) == shop.classify(QUESTIONS, nearest=1)
    assert again.model_version_ == shop.model_version_
    assert again.get_params() == {**shop.get_params(), "encoder": again.encoder_}
    assert again.encoder_.fingerprint == shop.encoder_.fingerprint


@pytest.mark.parametrize(
    ("method", "options"),
    [("auto", {}), ("linear", {"C": np.float64(3)}), (NamelessHead(), {}), (ProtoHead, {})],
    ids=["auto", "linear", "an object", "a class"],
)
def test_every_way_to_name_a_method(
    method: str | Head, options: dict[str, Any], words: TextEncoder
) -> None:
    texts, labels = ["red car", "red hat", "blue 退款", "blue hat"], ["r", "r", "蓝", "蓝"]
    fitted = FewShotClassifier(method, words, **options).fit(texts, labels)
    again = sent(fitted)
    assert again.predict(texts).tolist() == labels
    assert str(again.report_) == str(fitted.report_)
    assert repr(again.method) == repr(fitted.method)
    assert again.fit(texts, labels).model_version_ == fitted.model_version_


def test_an_unfitted_classifier_is_its_parameters() -> None:
    model = FewShotClassifier("linear", "embedded:en", seed=3, C=2.0)
    again = sent(model)
    assert again.get_params() == model.get_params()
    assert not hasattr(again, "classes_")


def test_joblib_keeps_it(words: TextEncoder, tmp_path: Path) -> None:
    fitted = FewShotClassifier("proto", words).fit(["red", "blue"], [1, 2])
    joblib.dump(fitted, tmp_path / "bot.joblib")
    assert joblib.load(tmp_path / "bot.joblib").predict(["blue"]).tolist() == [2]


def test_copies_share_what_was_fitted(shop: FewShotClassifier) -> None:
    for again in (copy.copy(shop), copy.deepcopy(shop)):
        assert again.classifier_ is shop.classifier_
        assert again.predict(QUESTIONS).tolist() == shop.predict(QUESTIONS).tolist()
        again.set_params(seed=5)
    assert shop.seed == 0
    assert not hasattr(clone(shop), "classes_")


def test_an_encoder_goes_by_its_name(english: TextEncoder) -> None:
    pickled = pickle.dumps(english)
    assert len(pickled) < 1000
    assert pickle.loads(pickled) is english
    alone = load_encoder("embedded:en", precision="fp32")
    assert sent(alone) is alone


def test_other_weights_under_the_same_name_are_refused(
    english: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickled = pickle.dumps(english)
    monkeypatch.setattr(english, "fingerprint", "0" * 64)
    with pytest.raises(
        ModelError, match=r"'embedded:en' is another one here.*Use the same weights"
    ):
        pickle.loads(pickled)


def test_a_bot_goes_by_its_folder(shop: FewShotClassifier, tmp_path: Path) -> None:
    folder = export_bot(shop, tmp_path / "bot").folder
    bot = Bot.load(folder)
    assert sent(bot).predict(QUESTIONS).tolist() == bot.predict(QUESTIONS).tolist()
    assert copy.deepcopy(bot) is bot
    pickled = pickle.dumps(bot)
    shutil.rmtree(folder)
    export_bot(shop, folder, store_examples=False)
    with pytest.raises(ArtifactError, match="was saved again after it was loaded"):
        pickle.loads(pickled)


@pytest.mark.parametrize("content", [b"", b"PK", b"x" * 100])
def test_bytes_that_are_no_classifier(content: bytes) -> None:
    with pytest.raises(ArtifactError, match="These bytes hold no saved classifier"):
        from_archive(content)


def test_damaged_bytes(words: TextEncoder, rounds: Rounds) -> None:
    fitted = FewShotClassifier("proto", words).fit(["red", "blue"], ["a", "b"])
    whole, draw = to_archive(fitted.to_record()), np.random.default_rng(0)
    for _ in range(rounds(40, 2000)):
        damaged = bytearray(whole)
        damaged[draw.integers(len(whole))] ^= 1 << int(draw.integers(8))
        try:
            saved = from_archive(bytes(damaged))
        except FslError:
            continue
        assert saved.labels == ("a", "b")  # a date or a comment of the archive


@pytest.mark.slow
def test_another_process(tmp_path: Path, shop: FewShotClassifier) -> None:
    (tmp_path / "shop").write_bytes(pickle.dumps(shop))
    code = (
        "import pickle, sys; bot = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(bot.predict(['where is my parcel?', 'refund me']).tolist())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "shop")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "['track_order', 'get_refund']"


@pytest.mark.slow
def test_cross_validation_in_processes(texts: list[str], labels: list[str]) -> None:
    model = FewShotClassifier("proto", "embedded:en")
    alone = cross_val_score(model, texts, labels, cv=3, n_jobs=1)
    np.testing.assert_allclose(cross_val_score(model, texts, labels, cv=3, n_jobs=2), alone)
