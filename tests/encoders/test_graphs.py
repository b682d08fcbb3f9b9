"""Reading through ONNX Runtime: the same vectors, a graph that is made once, and torch in need."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    BertConfig,
    DistilBertConfig,
    GPT2Config,
    MPNetConfig,
    RobertaConfig,
)

from fsl_nlp import Example, TextEncoder
from fsl_nlp.encoders import tracing
from fsl_nlp.encoders.graphs import GraphSource, graph_folder, trim
from fsl_nlp.encoders.hardware import pick_backend, pick_precision
from fsl_nlp.encoders.mentions import encode_mentions
from fsl_nlp.encoders.pooling import POOLINGS
from fsl_nlp.errors import MissingExtraError, ModelError, OptionError, warn_once
from fsl_nlp.runtime.graph import FORMAT, INFO, MODEL, TOKENIZER, WEIGHTS, Graph
from fsl_nlp.sums import CHECKED

Save = Callable[..., Path]

TEXTS = [
    "hello world",
    "where is my parcel?",
    "",
    "please refund the parcel " * 20,
    "zebra 包裹 🙂",
    "a",
]
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Graphs of random models have no place in the user's cache."""
    monkeypatch.setenv("FSL_NLP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FSL_NLP_BACKEND", raising=False)
    warn_once.cache_clear()
    return tmp_path / "cache" / "graphs"


def both(folder: Path | str, **settings: Any) -> tuple[TextEncoder, TextEncoder]:
    return tuple(  # type: ignore[return-value]
        TextEncoder(str(folder), device="cpu", precision="fp32", backend=backend, **settings)
        for backend in ("torch", "onnx")
    )


def assert_equal_vectors(by_torch: Any, by_onnx: Any) -> None:
    lengths = np.linalg.norm(by_torch, axis=1) * np.linalg.norm(by_onnx, axis=1)
    assert ((by_torch * by_onnx).sum(1) / lengths).min() >= 0.99999
    np.testing.assert_allclose(by_onnx, by_torch, rtol=1e-4, atol=1e-5 * lengths.max() ** 0.5)


# --- the same vectors ---------------------------------------------------------------------------


@pytest.mark.parametrize("mode", POOLINGS)
def test_every_pooling(mode: str, saved: Save) -> None:
    folder = saved(pooling={"pooling_mode": mode}, normalize=mode == "mean")
    by_torch, by_onnx = both(folder)
    assert_equal_vectors(by_torch.encode(TEXTS), by_onnx.encode(TEXTS))


SMALL = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64, "vocab_size": 80}
KINDS = {
    "bert": BertConfig(**SMALL, num_hidden_layers=2),
    "roberta": RobertaConfig(**SMALL, num_hidden_layers=2, max_position_embeddings=66),
    "mpnet": MPNetConfig(**SMALL, num_hidden_layers=2, max_position_embeddings=66),
    "distilbert": DistilBertConfig(vocab_size=80, dim=32, n_layers=2, n_heads=2, hidden_dim=64),
    "gpt2": GPT2Config(vocab_size=80, n_embd=32, n_layer=2, n_head=2, n_positions=64),
}


@pytest.mark.parametrize("kind", KINDS)
def test_other_families(kind: str, saved: Save) -> None:
    by_torch, by_onnx = both(saved(config=KINDS[kind]))
    assert_equal_vectors(by_torch.encode(TEXTS), by_onnx.encode(TEXTS))


def test_modules_after_the_transformer(saved: Save) -> None:
    by_torch, by_onnx = both(saved(pooling={"embedding_dimension": 32}, dense=True))
    assert by_onnx.pooling.custom
    assert_equal_vectors(by_torch.encode(TEXTS), by_onnx.encode(TEXTS))


def test_a_prefix_and_a_limit(saved: Save) -> None:
    folder = saved(
        pooling={"pooling_mode": "mean"},
        prompts={"prompts": {"query": "where is "}, "default_prompt_name": "query"},
        transformer={"max_seq_length": 7},
    )
    by_torch, by_onnx = both(folder)
    assert_equal_vectors(by_torch.encode(TEXTS), by_onnx.encode(TEXTS))
    (graph,) = (path for path in (graph_folder(by_onnx.text_graph.info),))
    assert_equal_vectors(by_torch.encode(TEXTS), Graph.open(graph).encode(TEXTS))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["english", "multilingual"])
def test_the_embedded_models(name: str, request: pytest.FixtureRequest) -> None:
    encoder: TextEncoder = request.getfixturevalue(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("FSL_NLP_CACHE")  # it takes seconds to make these
        by_torch, by_onnx = both(encoder.name)
        texts = [*TEXTS, *(f"{'long ' * i}text" for i in range(0, 300, 37)), "我的包裹到哪了？"]
        assert_equal_vectors(by_torch.encode(texts), by_onnx.encode(texts))
        graph = by_onnx.text_graph.get()
        assert graph is not None
        # Its own tokenizer gives the same ids.
        assert_equal_vectors(by_torch.encode(texts), graph.encode(texts))


def test_mentions(saved: Save) -> None:
    by_torch, by_onnx = both(saved())
    examples = [
        Example("hello world where is my parcel", head=(0, 5), tail=(24, 30)),
        Example("parcel refund", head=(7, 13), tail=(0, 6)),
        Example(f"{'please ' * 300}the world", head=(2100, 2103), tail=(2104, 2109)),
    ]
    expected = encode_mentions(by_torch, examples)
    np.testing.assert_allclose(encode_mentions(by_onnx, examples), expected, atol=1e-5)


def test_int8_is_another_precision(english: TextEncoder) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("FSL_NLP_CACHE")
        exact = TextEncoder("embedded:en", device="cpu", precision="fp32", backend="onnx")
        rough = TextEncoder("embedded:en", device="cpu", precision="int8")
        assert (rough.precision, rough.backend) == ("int8", "onnx")
        texts = ["where is my parcel?", "I want my money back", "hello " * 100]
        cosines = (exact.encode(texts) * rough.encode(texts)).sum(1)
    assert cosines.min() > 0.95
    assert cosines.min() < 0.9999
    # A vector of one is never taken for that of the other.
    assert exact.key("hello") != rough.key("hello")


# --- which of the two ---------------------------------------------------------------------------


def test_few_tokens_through_the_graph_and_many_in_bf16(
    saved: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = TextEncoder(str(saved()), device="cpu", precision="bf16")
    exact = TextEncoder(str(saved()), device="cpu", precision="fp32", backend="torch")
    assert encoder.backend == "auto"
    opened: list[int] = []
    vectors = Graph.vectors
    monkeypatch.setattr(
        Graph,
        "vectors",
        lambda self, ids, **k: (opened.append(len(ids)), vectors(self, ids, **k))[1],
    )
    few, many = encoder.encode(["hello world", "parcel"]), [f"hello {'is ' * i}" for i in range(60)]
    opened_by_now = len(opened)
    assert opened_by_now > 0
    np.testing.assert_allclose(few, exact.encode(["hello world", "parcel"]), atol=1e-5)
    encoder.encode(many)
    assert len(opened) == opened_by_now


def test_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pick_backend("auto", CPU, "auto") == "auto"
    assert pick_backend("auto", CPU, "int8") == "onnx"
    assert pick_backend("auto", torch.device("meta"), "auto") == "torch"
    assert pick_precision("auto", CPU, "onnx") == "fp32"
    monkeypatch.setenv("FSL_NLP_BACKEND", "torch")
    assert pick_backend("auto", CPU, "auto") == "torch"
    assert pick_backend("onnx", CPU, "auto") == "onnx"
    monkeypatch.setenv("FSL_NLP_BACKEND", "tensorflow")
    with pytest.raises(OptionError, match="FSL_NLP_BACKEND='tensorflow'"):
        pick_backend("auto", CPU, "auto")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"backend": "openvino"}, "backend='openvino': choose one of auto, torch, onnx"),
        ({"backend": "torch", "precision": "int8"}, "precision='int8' is for ONNX Runtime"),
        ({"backend": "onnx", "precision": "bf16"}, "'bf16' is for torch"),
        ({"precision": "int4"}, "precision='int4'"),
    ],
)
def test_choices_that_do_not_go_together(
    settings: dict[str, str], message: str, tiny_bert: Path
) -> None:
    with pytest.raises(OptionError, match=message):
        TextEncoder(str(tiny_bert), device="cpu", **settings)


# --- made once, checked, and kept ---------------------------------------------------------------


def test_it_is_made_once(
    tiny_bert: Path, own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        TextEncoder(str(tiny_bert), device="cpu", precision="fp32").encode("hello")
    notes = [r.message for r in caplog.records if "for ONNX Runtime" in r.message]
    assert len(notes) == 1
    assert "once" in notes[0]
    (folder,) = own_cache.iterdir()
    assert {p.name for p in folder.iterdir()} == {MODEL, WEIGHTS, TOKENIZER, INFO, CHECKED}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
@pytest.mark.parametrize("published", [False, True])
def test_only_those_of_published_models_are_for_others_to_read(
    saved: Save, own_cache: Path, monkeypatch: pytest.MonkeyPatch, published: bool
) -> None:
    if published:  # as a model of the hub or of a package: no files that the user may change
        monkeypatch.setattr("fsl_nlp.encoders.encoder.model_files", lambda _: {})
    encoder = TextEncoder(str(saved()), device="cpu", precision="fp32", backend="onnx")
    before = os.umask(0o022)
    try:
        encoder.encode("hello")
    finally:
        os.umask(before)
    (made,) = own_cache.iterdir()
    modes = {path.stat().st_mode & 0o777 for path in (made / MODEL, made / WEIGHTS, made / INFO)}
    assert modes == ({0o644} if published else {0o600})
    assert made.stat().st_mode & 0o777 == (0o755 if published else 0o700)


def test_a_tuned_copy_has_one_of_its_own(tiny_bert: Path, own_cache: Path, tmp_path: Path) -> None:
    from fsl_nlp import FewShotClassifier

    encoder = TextEncoder(str(tiny_bert), device="cpu", precision="fp32", backend="torch")
    texts, labels = (
        ["hello world", "where is my parcel", "refund please", "the refund"],
        [0, 0, 1, 1],
    )
    tuned = FewShotClassifier("lora", encoder, epochs=2, learning_rate=0.05).fit(texts, labels)
    folder = tuned.save(tmp_path / "bot")
    assert not own_cache.exists()
    onnx = TextEncoder(str(tiny_bert), device="cpu", precision="fp32", backend="onnx")
    loaded = FewShotClassifier.load(folder, encoder=onnx)
    np.testing.assert_allclose(
        loaded.predict_proba(["hello", "my refund"]),
        tuned.predict_proba(["hello", "my refund"]),
        atol=1e-5,
    )
    (made,) = own_cache.iterdir()
    info = json.loads((made / INFO).read_text("utf-8"))
    assert info["fingerprint"] != encoder.fingerprint
    if sys.platform != "win32":  # it holds the model of the user
        assert made.stat().st_mode & 0o777 == 0o700


def damage_cut(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-8])


def damage_flip(folder: Path) -> None:
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[100] ^= 255
    (folder / WEIGHTS).write_bytes(content)


def damage_version(folder: Path) -> None:
    info = json.loads((folder / INFO).read_text("utf-8"))
    (folder / INFO).write_text(json.dumps({**info, "format": FORMAT + 1}), "utf-8")


def damage_info(folder: Path) -> None:
    (folder / INFO).write_text("{", "utf-8")


def damage_missing(folder: Path) -> None:
    (folder / TOKENIZER).unlink()


@pytest.mark.parametrize(
    "damage", [damage_cut, damage_flip, damage_version, damage_info, damage_missing]
)
def test_a_damaged_one_is_made_again(
    damage: Callable[[Path], None], tiny_bert: Path, own_cache: Path
) -> None:
    expected = TextEncoder(str(tiny_bert), device="cpu", precision="fp32").encode(TEXTS)
    (folder,) = own_cache.iterdir()
    damage(folder)
    with pytest.raises(ModelError):
        Graph.open(folder, remember=True)
    again = TextEncoder(str(tiny_bert), device="cpu", precision="fp32").encode(TEXTS)
    np.testing.assert_array_equal(again, expected)
    (folder,) = own_cache.iterdir()
    assert Graph.open(folder).info.kind == "text"


MAKE = """
import sys
from fsl_nlp import TextEncoder
print(TextEncoder(sys.argv[1], device="cpu", precision="fp32", backend="onnx").encode("hello")[0])
"""


@pytest.mark.slow
def test_two_processes_at_once(tiny_bert: Path, own_cache: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", MAKE, str(tiny_bert)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    answers = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    (folder,) = own_cache.iterdir()
    assert Graph.open(folder).info.kind == "text"


def test_threads_make_one(tiny_bert: Path, own_cache: Path) -> None:
    encoder = TextEncoder(str(tiny_bert), device="cpu", precision="fp32", backend="onnx")
    sources: list[GraphSource] = []
    rows: list[Any] = []

    def ask() -> None:
        sources.append(encoder.text_graph)
        rows.append(encoder.encode_uncached(["hello world"])[0])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, sources))) == 1
    assert len(list(own_cache.iterdir())) == 1
    np.testing.assert_array_equal(np.stack(rows), np.stack(rows[:1] * 8))


def test_those_not_used_for_longest_go(tmp_path: Path) -> None:
    import os

    for age, name in enumerate(("new", "older", "oldest")):
        (tmp_path / name).mkdir()
        (tmp_path / name / WEIGHTS).write_bytes(b"x" * 1000)
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    trim(tmp_path, keep=tmp_path / "oldest", limit=2500)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "oldest"]


# --- where torch has to do ----------------------------------------------------------------------


def notes(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if "runs on PyTorch" in r.getMessage()]


@pytest.mark.parametrize(
    ("package", "install"), [("onnx", "fsl-nlp\\[export\\]"), ("onnxruntime", "pip install onnxr")]
)
def test_a_missing_package_is_named_once_and_torch_goes_on(
    package: str,
    install: str,
    saved: Save,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = saved()
    expected = both(folder)[0].encode(TEXTS)
    monkeypatch.setitem(sys.modules, package, None)
    for _ in range(2):
        encoder = TextEncoder(str(folder), device="cpu", precision="fp32")
        np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-6)
        np.testing.assert_allclose(encoder.encode("hello world"), expected[0], atol=1e-6)
    assert len(notes(caplog)) == 1
    with pytest.raises(MissingExtraError, match=install):
        both(folder)[1].encode("hello")


def test_a_model_that_cannot_be_traced(
    tiny_bert: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    own_cache: Path,
) -> None:
    def no_such_operator(*_: Any, **__: Any) -> None:
        raise torch.onnx.errors.UnsupportedOperatorError("aten::strange", 17, 18)

    monkeypatch.setattr(torch.onnx, "export", no_such_operator)
    encoder = TextEncoder(str(tiny_bert), device="cpu", precision="fp32")
    assert encoder.encode(["hello", "world"]).shape == (2, 32)
    assert encoder.encode("parcel").shape == (32,)
    (note,) = notes(caplog)
    assert "cannot be made into a graph" in note
    assert "aten::strange" in note
    assert list(own_cache.iterdir()) == []


def test_a_graph_that_disagrees(
    tiny_bert: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = both(tiny_bert)[0].encode(TEXTS)
    vectors = Graph.vectors
    monkeypatch.setattr(Graph, "vectors", lambda self, ids, **k: -vectors(self, ids, **k))
    encoder = TextEncoder(str(tiny_bert), device="cpu", precision="fp32")
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-6)
    assert "disagrees with the model" in notes(caplog)[0]
    with pytest.raises(ModelError, match="disagrees"):
        both(tiny_bert)[1].encode("hello")


def test_a_cache_that_cannot_be_written(
    tiny_bert: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("FSL_NLP_CACHE", str(tmp_path / "file"))
    encoder = TextEncoder(str(tiny_bert), device="cpu", precision="fp32")
    assert encoder.encode("hello").shape == (32,)
    assert "Set FSL_NLP_CACHE" in notes(caplog)[0]


def test_a_full_disk_leaves_nothing(
    tiny_bert: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tracing, "write_info", full)
    encoder = TextEncoder(str(tiny_bert), device="cpu", precision="fp32")
    assert encoder.encode("hello").shape == (32,)
    assert list(own_cache.iterdir()) == []


def test_what_a_crash_left_goes_after_a_day(tiny_bert: Path, own_cache: Path) -> None:
    import os

    TextEncoder(str(tiny_bert), device="cpu", precision="fp32").encode("hello")
    (folder,) = own_cache.iterdir()
    old = own_cache / f".{folder.name}.0123456789ab"
    old.mkdir()
    os.utime(old, (1e9, 1e9))
    shutil.rmtree(folder)
    TextEncoder(str(tiny_bert), device="cpu", precision="fp32").encode("hello")
    assert list(own_cache.iterdir()) == [folder]


def test_the_log_is_quiet_where_all_is_well(
    tiny_bert: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.WARNING):
        TextEncoder(str(tiny_bert), device="cpu", precision="int8").encode(["hello", "world"])
    messages = [r.getMessage() for r in caplog.records]
    assert all("ONNX Runtime" in m or "how to pool" in m for m in messages), messages
    assert capfd.readouterr().out == ""
