"""Saved classifiers that are refused: damaged, newer, with another encoder, with code."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fsl_nlp import FewShotClassifier, TextEncoder

from .conftest import one_file, refusal

MANIFEST = "classifier.json"
Edit = Callable[[dict[str, Any]], object]


def test_no_classifier_there(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_text("x")
    for folder in (tmp_path, tmp_path / "nothing", tmp_path / "model.bin"):
        message = refusal(lambda folder=folder: FewShotClassifier.load(folder))
        assert message.startswith(f"There is no classifier in {folder} (no classifier.json). Give")


@pytest.mark.parametrize("pattern", ["tensors-*", "examples-*"])
def test_a_missing_file(pattern: str, light: Path, load: Any) -> None:
    path = one_file(light, pattern)
    path.unlink()
    message = refusal(lambda: load(light))
    assert message == f"{path} is missing. Copy the whole folder, or save it again."
    path.mkdir()
    assert "cannot be read" in refusal(lambda: load(light))


@pytest.mark.parametrize("pattern", ["tensors-*", "examples-*"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-10],
        lambda content: b"",
        lambda content: content + b"\n",
        lambda content: content[:-3] + bytes([content[-3] ^ 1]) + content[-2:],
    ],
    ids=["cut", "empty", "longer", "one bit"],
)
def test_a_cut_or_altered_file(pattern: str, damage: Any, light: Path, load: Any) -> None:
    path = one_file(light, pattern)
    path.write_bytes(damage(path.read_bytes()))
    assert refusal(lambda: load(light)).startswith(f"{path} is cut off or altered")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"{}", b'{"format": "1"', b"\xff\xfe", b"\x80\x04N."],
)
def test_a_manifest_that_is_none(content: bytes, light: Path, load: Any) -> None:
    (light / MANIFEST).write_bytes(content)
    assert "classifier.json is damaged: it is not the JSON" in refusal(lambda: load(light))


@pytest.mark.parametrize(
    "edit",
    [
        lambda m: m["labels"].reverse(),
        lambda m: m["labels"].pop(),
        lambda m: m["settings"].update(temperature=1.0),
        lambda m: m["encoder"].update(name="embedded:multilingual"),
        lambda m: m["files"].pop("examples"),
        lambda m: m.pop("method"),
        lambda m: m.pop("sum"),
    ],
)
def test_an_altered_manifest(edit: Edit, light: Path, load: Any, edit_manifest: Any) -> None:
    edit_manifest(light, edit, keep_sum=True)
    assert "classifier.json is altered: its sum is wrong" in refusal(lambda: load(light))


@pytest.mark.parametrize("version", [4, 99])
def test_a_newer_format(version: int, light: Path, load: Any, edit_manifest: Any) -> None:
    edit_manifest(light, lambda m: m.update(format=version))
    message = refusal(lambda: load(light))
    assert "classifier.json was made by a newer version of fsl_nlp" in message
    assert f"it has format {version}, and this version reads formats 1 to 3." in message
    assert message.endswith("Upgrade it: pip install --upgrade fsl-nlp")


@pytest.mark.parametrize("version", [0, -1, "2", None, True, 1.5])
def test_a_format_that_is_no_number(
    version: Any, light: Path, load: Any, edit_manifest: Any
) -> None:
    edit_manifest(light, lambda m: m.update(format=version))
    assert "classifier.json is damaged" in refusal(lambda: load(light))


@pytest.mark.parametrize("key", ["files", "encoder", "parameters", "settings", "labels", "method"])
def test_a_manifest_that_lacks_something(
    key: str, light: Path, load: Any, edit_manifest: Any
) -> None:
    edit_manifest(light, lambda m: m.pop(key))
    message = refusal(lambda: load(light))
    assert f"classifier.json is damaged: {key} is missing." in message
    assert message.endswith("Copy the folder again, or save it again.")


@pytest.mark.parametrize(
    "edit",
    [
        lambda m: m.update(method="from the future"),
        lambda m: m["parameters"].update(from_the_future=1),
        lambda m: m["parameters"].update(distance="from the future"),
    ],
)
def test_settings_of_a_newer_version(
    edit: Edit, light: Path, load: Any, edit_manifest: Any
) -> None:
    edit_manifest(light, edit)
    message = refusal(lambda: load(light))
    assert "that this version does not have: " in message
    assert "from" in message.split("does not have: ")[1]


def test_another_encoder(light: Path, words: TextEncoder, other_words: TextEncoder) -> None:
    message = refusal(lambda: FewShotClassifier.load(light, encoder=other_words))
    assert "was made with another encoder" in message
    for encoder in (words, other_words):
        assert f"{encoder.name!r}, fingerprint {encoder.fingerprint[:16]}" in message


def test_an_encoder_that_is_gone(light: Path, edit_manifest: Any) -> None:
    edit_manifest(light, lambda m: m["encoder"].update(name="/models/my model"))
    message = refusal(lambda: FewShotClassifier.load(light))
    assert "needs its encoder '/models/my model'. There is no folder /models/my model" in message
    assert "load(folder, encoder=FOLDER)" in message


@pytest.mark.parametrize("sure", [True, False])
def test_an_encoder_that_answers_otherwise(
    sure: bool, light: Path, words: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights are the same, but its pooling has been changed.

    Also where the classifier is so sure of the test question that its beliefs stay as they are.
    """
    if sure:
        model = FewShotClassifier("proto", words, temperature=0.001)
        model.fit(["where is my order", "blue"], [1, 2]).save(light)
    encode = type(words).encode
    monkeypatch.setattr(type(words), "encode", lambda self, texts: encode(self, texts) ** 3)
    message = refusal(lambda: FewShotClassifier.load(light, encoder=words))
    assert "does not answer as it did when it was saved (cosine of its test vectors 0." in message
    monkeypatch.setattr(type(words), "encode", lambda self, texts: encode(self, texts) * np.nan)
    assert "does not answer as it did" in refusal(
        lambda: FewShotClassifier.load(light, encoder=words)
    )


def test_rounding_of_another_processor_is_no_damage(
    light: Path, words: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = type(words).encode
    monkeypatch.setattr(type(words), "encode", lambda self, texts: encode(self, texts) * 1.002)
    assert FewShotClassifier.load(light, encoder=words).predict(["red"]).tolist() == [1]


def test_loading_runs_no_code_of_the_folder(
    light: Path, load: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (pytest.fail, ("code of the folder was run",))

    for name in ("model.pkl", "pytorch_model.bin", "tensors.pt"):
        (light / name).write_bytes(pickle.dumps(Trap()))
    (light / "__init__.py").write_text("raise SystemExit('code of the folder was run')")

    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("something was unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, forbidden)
    assert load(light).predict(["red"]).tolist() == [1]


@pytest.mark.parametrize("method", ["os:system", "fsl_nlp.heads.proto:ProtoHead", "__import__"])
def test_a_method_is_a_name_and_not_a_path_to_code(
    method: str, light: Path, load: Any, edit_manifest: Any
) -> None:
    edit_manifest(light, lambda m: m.update(method=method))
    assert f"There is no method {method!r}." in refusal(lambda: load(light))


def test_a_manifest_cannot_name_files_outside(light: Path, load: Any, edit_manifest: Any) -> None:
    secret = light.parent / "secret.safetensors"
    shutil.move(one_file(light, "tensors-*"), secret)
    edit_manifest(light, lambda m: m["files"]["tensors"].update(name=f"../{secret.name}"))
    assert f"{light / secret.name} is missing" in refusal(lambda: load(light))
