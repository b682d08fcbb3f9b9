"""Bots and sentences as files."""

from __future__ import annotations

import io
import json
import shutil
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import Example, FewShotClassifier, load_dataset
from fsl_nlp.loading import load_bot
from fsl_nlp.serving.downloads import SavedFiles


def unpacked(content: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert file.testzip() is None
        file.extractall(folder)
    (bot,) = folder.iterdir()
    return bot


@pytest.mark.parametrize(
    ("name", "question"), [("shop", "where is my parcel"), ("shop-zh", "我的包裹在哪里")]
)
def test_an_unpacked_download_answers_the_same(
    client: Any, name: str, question: str, tmp_path: Path
) -> None:
    answer = client.get(f"/v1/bots/{name}/download")
    assert f"''{name}.zip" in answer.headers["content-disposition"]
    bot = load_bot(unpacked(answer.content, tmp_path))
    expected = client.post("/v1/classify", json={"text": question, "bot": name}).json()
    plain = json.loads(json.dumps(bot.classify(question).to_dict()))
    assert {"bot": name, **plain} == expected


def test_a_download_is_of_one_save_though_another_comes(
    saved_bots: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(saved_bots["shop"], tmp_path / "shop")
    bot = FewShotClassifier.load(folder)
    version = bot.model_version_
    parts = SavedFiles(folder).as_zip("shop")
    first = next(parts)
    bot.add_examples(["has it been posted yet"], ["track_order"])
    bot.save(folder)  # removes the files of the older save
    loaded = load_bot(unpacked(first + b"".join(parts), tmp_path / "out"))
    assert loaded.model_version_ == version
    assert load_bot(folder).model_version_ == bot.model_version_ != version


def test_large_files_take_little_memory(saved_bots: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(saved_bots["shop"], tmp_path / "shop")
    (folder / "encoder-0").mkdir()
    with (folder / "encoder-0" / "model.onnx").open("wb") as file:
        file.truncate(64 << 20)
    parts = SavedFiles(folder).as_zip("shop")
    tracemalloc.start()
    size = sum(map(len, parts))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 10_000
    assert peak < 8 << 20


def test_a_folder_that_lost_a_file_is_refused(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    folder = shutil.copytree(saved_bots["shop"], tmp_path / "shop")
    with client_of(folder) as client:
        next(folder.glob("tensors-*")).unlink()
        answer = client.get("/v1/bots/shop/download")
    assert answer.status_code == 503
    assert "not complete" in answer.json()["error"]


@pytest.mark.parametrize("name", ["shop", "shop-zh"])
def test_the_sentences_for_excel_train_the_same_bot(
    client: Any, saved_bots: dict[str, Path], name: str, tmp_path: Path
) -> None:
    answer = client.get(f"/v1/bots/{name}/examples.csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    (tmp_path / "examples.csv").write_bytes(answer.content)
    data = load_dataset(tmp_path / "examples.csv")
    bot = load_bot(saved_bots[name])
    pairs = [(example.text, example.label) for example in bot.examples_]
    assert list(zip(data.texts, data.targets, strict=True)) == pairs


def test_a_name_in_chinese_and_a_formula(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    folder = tmp_path / "客服 bot"
    bot = FewShotClassifier.load(saved_bots["shop-zh"])
    bot.add_examples([Example("=HYPERLINK(1)")], ["查询物流"])
    bot.save(folder)
    with client_of(folder) as client:
        answer = client.get("/v1/bots/客服 bot/examples.csv")
        assert "'=HYPERLINK(1),查询物流" in answer.content.decode("utf-8-sig")
        archive = client.get("/v1/bots/客服 bot/download")
    assert unpacked(archive.content, tmp_path / "out").name == "客服 bot"


def test_a_bot_without_sentences_has_no_csv(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    bare = FewShotClassifier.load(saved_bots["shop"]).save(tmp_path / "bare", store_examples=False)
    with client_of(bare) as client:
        answer = client.get("/v1/bots/bare/examples.csv")
    assert (answer.status_code, answer.json()["error_type"]) == (422, "validation")
