"""What is asked of a fitted classifier leaves no trace, whatever its method and its inputs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForMaskedLM

from fsl_nlp import Example, FewShotClassifier, TextEncoder
from fsl_nlp.encoders.cache import VectorCache
from fsl_nlp.encoders.mentions import encode_mentions

from .conftest import SHOP, save_model, tiny_bert

WORDS = [*"abcdefghijklmnopqrstuvwxyz,.?", *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz")]
WORDS += ["parcel", "money", "password", *"快递到哪了退款密码"]


def marked(text: str) -> Example:
    return Example(text, head=(0, 5), tail=(6, 8))


def paired(text: str) -> Example:
    return Example(text, "where is it")


def with_candidates(text: str) -> Example:
    return Example(f"{text} #idiom# now", candidates=("parcel", "money", "退款"))


KINDS: dict[str, Callable[[str], Example]] = {
    "text": Example,
    "pair": paired,
    "mentions": marked,
    "candidates": with_candidates,
}
TRAINING = [text for texts in SHOP.values() for text in texts[:2]]
LABELS = [label for label, texts in SHOP.items() for _ in texts[:2]]
QUESTIONS = ["where has my card gone", "我的快递到哪了 please tell", "money back at once"]
QUICK: dict[str, Any] = {"epochs": 1}
METHODS: list[tuple[str, str, dict[str, Any]]] = [
    *((method, "text", {}) for method in ("auto", "proto", "knn", "linear", "ridge")),
    *((method, "text", QUICK) for method in ("lora", "head", "contrastive")),
    ("zero-shot", "text", {"template": "{text} [MASK]"}),
    ("prompt", "text", {"template": "{text} [MASK]", **QUICK}),
    ("efl", "text", {**QUICK}),
    ("together", "text", {"members": "proto,linear"}),
    *((method, "pair", {}) for method in ("proto", "linear")),
    ("lora", "pair", QUICK),
    *((method, "mentions", {}) for method in ("proto", "linear")),
    ("proto", "candidates", {}),
    ("proto", "candidates", {"blank": "#idiom#"}),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = tiny_bert(WORDS, hidden_size=32, max_position_embeddings=66, pad_token_id=0)
    path = tmp_path_factory.mktemp("questions") / "model"
    return save_model(
        path, config, WORDS, kind=AutoModelForMaskedLM, noise=0.2, model_max_length=64
    )


@pytest.fixture
def encoder(folder: Path, tmp_path: Path) -> TextEncoder:
    cache = VectorCache(tmp_path / "vectors.sqlite")
    return TextEncoder(str(folder), cache=cache, precision="fp32", backend="torch", device="cpu")


def examples(kind: str, texts: Sequence[str]) -> list[Example]:
    return [KINDS[kind](text) for text in texts]


def fitted(method: str, kind: str, encoder: TextEncoder, **options: Any) -> FewShotClassifier:
    labels: Sequence[str] | Sequence[int] = LABELS
    if kind == "candidates":
        labels = [i % 3 for i in range(len(TRAINING))]
    classifier = FewShotClassifier(method, encoder, device="cpu", **options)
    return classifier.fit(examples(kind, TRAINING), labels)


def stored(encoder: TextEncoder) -> tuple[int, int]:
    """How many vectors are on disk and in memory."""
    assert encoder.cache
    if not encoder.cache.path.exists():
        return 0, len(encoder._memory)
    database = sqlite3.connect(encoder.cache.path)
    (count,) = database.execute("SELECT COUNT(*) FROM vectors").fetchone()
    database.close()
    return count, len(encoder._memory)


@pytest.mark.parametrize(("method", "kind", "options"), METHODS, ids=lambda value: str(value)[:30])
def test_no_question_is_stored(
    encoder: TextEncoder, method: str, kind: str, options: dict[str, Any]
) -> None:
    classifier = fitted(method, kind, encoder, **options)
    asked = examples(kind, QUESTIONS)
    classifier.classify(examples(kind, TRAINING[:1])[0], nearest=1)  # the training texts are stored
    before = stored(encoder)
    classifier.classify(asked[0], nearest=2)
    classifier.classify(asked, nearest=2)
    classifier.predict(asked)
    classifier.predict_proba(asked)
    classifier.embed(asked)
    list(classifier.stream(asked, nearest=1))
    classifier.score(asked, classifier.predict(asked).tolist())
    assert stored(encoder) == before


@pytest.mark.parametrize("kind", ["text", "candidates"])
def test_no_question_is_stored_with_onnx_runtime(folder: Path, tmp_path: Path, kind: str) -> None:
    pytest.importorskip("onnx", reason="makes the graph")
    cache = VectorCache(tmp_path / "vectors.sqlite")
    encoder = TextEncoder(str(folder), cache=cache, precision="fp32", backend="onnx", device="cpu")
    test_no_question_is_stored(encoder, "proto", kind, {})


def test_a_test_set_is_stored_where_the_caller_says_so(encoder: TextEncoder) -> None:
    classifier = fitted("proto", "text", encoder, reject=None)
    on_disk, in_memory = stored(encoder)
    assert on_disk == in_memory == len(TRAINING) + len(SHOP)  # the texts and the labels' names
    first = classifier.predict_proba(QUESTIONS, store=True)
    assert stored(encoder) == (on_disk + 3, in_memory + 3)
    encoder._memory.clear()
    encoder.encode_uncached = None  # type: ignore[assignment, method-assign]  # cannot compute
    for again in (False, True):
        assert (classifier.predict_proba(QUESTIONS, store=again) == first).all()


def test_a_question_and_its_neighbours_are_computed_once(
    encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = fitted("proto", "text", encoder)
    computed: list[str] = []
    compute = encoder.encode_uncached
    monkeypatch.setattr(
        encoder, "encode_uncached", lambda texts: computed.extend(texts) or compute(texts)
    )
    classifier.classify(QUESTIONS[0], nearest=1)
    assert computed == QUESTIONS[:1]


def test_what_a_researcher_encodes_is_stored(encoder: TextEncoder) -> None:
    encoder.encode(TRAINING)
    encode_mentions(encoder, [marked(text) for text in TRAINING])
    assert stored(encoder)[0] == 2 * len(TRAINING)
