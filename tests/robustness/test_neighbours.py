"""Threads and settings of the caller: neither changes an answer, and none is changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits
from transformers import AutoModelForMaskedLM, BertConfig

from fsl_nlp import Dataset, FewShotClassifier, TextEncoder
from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.evaluation import evaluate
from fsl_nlp.methods import build_method

from ..conftest import save_model, tiny_bert
from .conftest import Rounds

WORDS = ["east", "west", "one", "two", *"我的订单到哪了退款"]
TEXTS = ["one east two", "east east", "two west", "west one", "我的订单 east", "退款 west"]
LABELS = ["one", "one", "two", "two", "one", "two"]
METHODS: dict[str, dict[str, Any]] = {
    "full": {"epochs": 2, "learning_rate": 1e-2},
    "lora": {"epochs": 2, "learning_rate": 1e-2, "dropout": 0.3},
    "efl": {"epochs": 2, "tune": "full"},
    "prompt": {"epochs": 2, "tune": "full"},
}


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> TextEncoder:
    config = tiny_bert(WORDS, hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.3)
    folder = tmp_path_factory.mktemp("bert")
    save_model(folder, config, WORDS, kind=AutoModelForMaskedLM)
    return TextEncoder(str(folder), backend="torch", precision="fp32")


def answers(encoder: TextEncoder, method: str) -> NDArray[np.float64]:
    classifier = FewShotClassifier(method, encoder, **METHODS.get(method, {}))
    return classifier.fit(TEXTS, LABELS).predict_proba(TEXTS)


@contextmanager
def drawing() -> Iterator[None]:
    """Another thread draws, and seeds torch's generator again and again."""
    stop = threading.Event()

    def draw() -> None:
        while not stop.is_set():
            torch.manual_seed(5)
            torch.rand(1000)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("method", METHODS)
def test_another_thread_that_draws_changes_nothing(
    bert: TextEncoder, method: str, rounds: Rounds
) -> None:
    state = torch.get_rng_state()
    alone = answers(bert, method)
    assert torch.equal(torch.get_rng_state(), state)
    for _ in range(rounds(1, 20)):
        with drawing():
            np.testing.assert_array_equal(answers(bert, method), alone)
    torch.set_rng_state(state)


@contextmanager
def doubles() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
        assert torch.get_default_dtype() is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


SETTINGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "float64": doubles,
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("method", [*METHODS, "linear", "proto", "head"])
def test_the_settings_of_the_caller_change_nothing(
    bert: TextEncoder, method: str, setting: str
) -> None:
    plain = answers(bert, method)
    with SETTINGS[setting]():
        encoder = TextEncoder(bert.name, backend="torch", precision="fp32")
        inside = answers(encoder, method)
    np.testing.assert_allclose(inside, plain, atol=1e-5)
    np.testing.assert_allclose(answers(encoder, method), plain, atol=1e-5)


def test_what_is_saved_under_float64_answers_without_torch(
    bert: TextEncoder, tmp_path: Path
) -> None:
    with doubles():
        encoder = TextEncoder(bert.name, backend="onnx")
        classifier = FewShotClassifier("proto", encoder).fit(["red", "blue"], ["a", "b"])
        folder = classifier.save(tmp_path / "bot")
    assert any(folder.glob("scorer-*.onnx"))


# Methods that learn from source classes: one head, and the ways of meta-learning.
SOURCES, TARGETS = (
    Dataset.from_texts(
        [f"{a} {b} {c}" for a in WORDS[:4] for b in words for c in WORDS[8:]],
        [f"{a} {b}" for a in WORDS[:4] for b in words for _ in WORDS[8:]],
    )
    for words in (WORDS[4:7], WORDS[7:10])
)
LEARNERS: dict[str, dict[str, Any]] = {
    "siamese": {},
    **{
        name: {"meta_steps": 2, "check_every": 1, "check_tasks": 20, "meta_tasks": 4, "rank": 4}
        for name in ("maml", "anil", "leo")
    },
}


def after_learning(encoder: TextEncoder, method: str) -> NDArray[np.float64]:
    """Answers of a classifier whose method has learned from source classes; its episodes."""
    built = build_method(method, encoder, options=LEARNERS[method])
    prepared = built.prepare(SOURCES, way=3, shot=3, query=2)
    answers = FewShotClassifier(prepared).fit(TEXTS, LABELS).predict_proba(TEXTS)
    table = EpisodeTable.sample(TARGETS, way=3, shot=2, query=2, episodes=5, seed=0)
    result = evaluate(prepared, TARGETS, table, encoder=encoder)
    return np.concatenate([answers.ravel(), result.episode_accuracy])


@pytest.mark.parametrize("method", LEARNERS)
@pytest.mark.slow
def test_neighbours_change_no_learning_from_source_classes(bert: TextEncoder, method: str) -> None:
    plain = after_learning(bert, method)
    with drawing():
        np.testing.assert_array_equal(after_learning(bert, method), plain)
    for setting in SETTINGS.values():
        with setting():
            inside = after_learning(bert, method)
        np.testing.assert_allclose(inside, plain, atol=1e-5)


def blas_threads() -> list[int]:
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


def test_fits_at_once_leave_blas_its_threads(bert: TextEncoder, rounds: Rounds) -> None:
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        for _ in range(rounds(3, 50)):
            threads = [threading.Thread(target=answers, args=(bert, "linear")) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert blas_threads() == before


def test_names_are_absolute_and_changed_weights_are_read_again(
    bert: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from fsl_nlp.encoders import load_encoder
    from fsl_nlp.errors import ModelError

    for name in ("here", "there"):
        shutil.copytree(bert.name, tmp_path / name / "encoder")
    config = BertConfig.from_pretrained(bert.name)
    monkeypatch.chdir(tmp_path / "here")
    classifier = FewShotClassifier("proto", "encoder").fit(TEXTS, LABELS)
    first = load_encoder("encoder")
    assert first.name == str(tmp_path / "here" / "encoder")
    assert load_encoder("./encoder") is load_encoder(first.name) is first

    save_model(tmp_path / "there" / "encoder", config, WORDS, kind=AutoModelForMaskedLM, seed=8)
    monkeypatch.chdir(tmp_path / "there")
    other = load_encoder("encoder")
    assert other.fingerprint != first.fingerprint
    folder = classifier.save(tmp_path / "bot")  # from another folder than it was fitted in
    assert classifier.get_params()["encoder"] == "encoder"
    loaded = FewShotClassifier.load(folder)
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), classifier.predict_proba(TEXTS))

    save_model(tmp_path / "there" / "encoder", config, WORDS, kind=AutoModelForMaskedLM, seed=9)
    again = load_encoder("encoder")
    assert again.fingerprint != other.fingerprint
    assert load_encoder("encoder") is again
    with pytest.raises(ModelError, match="have changed since this encoder was loaded"):
        FewShotClassifier("prompt", other, epochs=1).fit(TEXTS, LABELS)
