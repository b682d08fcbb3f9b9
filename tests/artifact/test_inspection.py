"""What `inspect_bot` says of saved folders, without loading a model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier, TextEncoder, inspect_bot
from fsl_nlp.artifact import ClassifierInspection, MetaInspection
from fsl_nlp.artifact.inspection import LabelCount
from fsl_nlp.errors import ArtifactError
from fsl_nlp.export import export_bot

FORMAT_1 = Path(__file__).parent / "format_1"


def classifier_in(folder: Path) -> ClassifierInspection:
    inspection = inspect_bot(folder)
    assert isinstance(inspection, ClassifierInspection)
    return inspection


def test_a_saved_classifier(english: TextEncoder, tmp_path: Path) -> None:
    model = FewShotClassifier("proto", english, seed=3, temperature=0.4)
    model.fit(["where is it", "is it sent", "refund me"], ["track", "track", 7])
    bot = classifier_in(model.save(tmp_path / "bot"))
    assert (bot.kind, bot.format, bot.method) == ("classifier", 3, "proto")
    assert (bot.options, bot.seed) == ({"temperature": 0.4}, 3)
    assert bot.temperatures == (0.4,)
    assert (bot.encoder, bot.fingerprint) == ("embedded:en", english.fingerprint)
    assert bot.languages == "English"
    assert bot.labels == (LabelCount(7, 1), LabelCount("track", 2))
    assert bot.model_version == model.model_version_
    assert (bot.exported, bot.without_torch, bot.report) == (False, True, None)
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "bot").iterdir()}
    assert {file.name: file.bytes for file in bot.files} == sizes
    assert json.loads(json.dumps(bot.to_dict()))["labels"][0] == {"label": 7, "examples": 1}


def test_examples_that_were_left_out(words: TextEncoder, tmp_path: Path) -> None:
    model = FewShotClassifier("proto", words).fit(["red", "blue"], [1, 2])
    bot = classifier_in(model.save(tmp_path / "bot", store_examples=False))
    assert [entry.examples for entry in bot.labels] == [None, None]
    assert not bot.without_torch  # a bag of words has no graph


def test_the_report_of_auto(
    words: TextEncoder, texts: list[str], labels: list[str], tmp_path: Path
) -> None:
    model = FewShotClassifier("auto", words).fit(texts, labels)
    assert model.report_
    folder = model.save(tmp_path / "bot")
    bot = classifier_in(folder)
    assert bot.method == model.method_
    assert bot.report == json.loads(json.dumps(model.report_.to_dict()))
    again = FewShotClassifier.load(folder, encoder=words)
    assert again.report_ == model.report_
    assert str(again.report_) == str(model.report_)


@pytest.mark.slow
def test_an_exported_bot(shop: FewShotClassifier, tmp_path: Path) -> None:
    exported = export_bot(shop, tmp_path / "bot", precision="int8", max_changed=1)
    bot = classifier_in(exported.folder)
    assert (bot.kind, bot.exported, bot.without_torch) == ("exported bot", True, True)
    assert bot.precision == "int8"
    names = {file.name for file in bot.files}
    assert {"classifier.json", "encoder-0/encoder.json", "encoder-0/model.onnx"} <= names
    assert sum(file.bytes for file in bot.files) / 1e6 == pytest.approx(exported.megabytes, abs=0.1)


def test_the_number_of_an_old_format() -> None:
    bot = classifier_in(FORMAT_1 / "lora")
    assert (bot.format, bot.fsl_nlp) == (1, "0.1.0")
    assert bot.options == {"epochs": 3, "rank": 1, "loss_temperature": 0.1}


def test_a_meta_trained_method() -> None:
    trained = inspect_bot(FORMAT_1 / "meta")
    assert isinstance(trained, MetaInspection)
    assert (trained.kind, trained.method, trained.format) == ("meta-trained method", "anil", 1)
    assert (trained.way, trained.shot, trained.query) == ((2, 2), (1, 1), 1)
    assert trained.sources == {"colours": 10}
    assert trained.training["steps"] == 4


@pytest.mark.parametrize("name", ["lora", "meta"])
def test_no_model_and_no_torch_is_loaded(name: str) -> None:
    code = (
        "import sys; from fsl_nlp import inspect_bot\n"
        f"inspect_bot({str(FORMAT_1 / name)!r})\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'onnxruntime', 'safetensors'}\n"
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# what is refused


def test_a_folder_that_holds_no_bot(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(ArtifactError, match="There is no classifier in"):
            inspect_bot(folder)


def test_a_newer_format(words: TextEncoder, tmp_path: Path, edit_manifest: Any) -> None:
    folder = FewShotClassifier("proto", words).fit(["red", "blue"], [1, 2]).save(tmp_path / "bot")
    edit_manifest(folder, lambda m: m.update(format=4))
    with pytest.raises(ArtifactError, match=r"newer version.*pip install --upgrade fsl-nlp"):
        inspect_bot(folder)


@pytest.mark.parametrize("pattern", ["tensors-*", "examples-*", "classifier.json"])
def test_a_damaged_file(pattern: str, words: TextEncoder, tmp_path: Path) -> None:
    folder = FewShotClassifier("proto", words).fit(["red", "blue"], [1, 2]).save(tmp_path / "bot")
    (path,) = folder.glob(pattern)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ArtifactError, match=r"cut off or altered|damaged"):
        inspect_bot(folder)
    path.unlink()
    with pytest.raises(ArtifactError, match=r"is missing|There is no classifier"):
        inspect_bot(folder)


@pytest.mark.parametrize("key", ["files", "encoder", "parameters", "settings", "labels"])
def test_a_manifest_that_lacks_something(
    key: str, words: TextEncoder, tmp_path: Path, edit_manifest: Any
) -> None:
    folder = FewShotClassifier("proto", words).fit(["red", "blue"], [1, 2]).save(tmp_path / "bot")
    edit_manifest(folder, lambda m: m.pop(key))
    with pytest.raises(ArtifactError, match=rf"is damaged: {key} is missing"):
        inspect_bot(folder)
