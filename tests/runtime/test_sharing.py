"""Bots of one process share the sessions and the tokenizers of the same files."""

from __future__ import annotations

import gc
import shutil
import weakref
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier
from fsl_nlp.errors import ArtifactError
from fsl_nlp.export import export_bot
from fsl_nlp.runtime import Bot
from fsl_nlp.runtime.graph import WEIGHTS, Graph


@pytest.fixture(scope="module")
def classifier() -> FewShotClassifier:
    texts = ["where is my parcel", "我的包裹在哪里", "refund me", "请退款"]
    return FewShotClassifier("proto", "embedded:en").fit(texts, ["track", "track", "back", "back"])


@pytest.fixture(scope="module")
def exported(classifier: FewShotClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_bot(classifier, tmp_path_factory.mktemp("exported") / "bot").folder


def graph_of(bot: Bot) -> Graph:
    return bot.classifier_.loaded[0].graph


def parts_of(bot: Bot) -> tuple[Any, Any]:
    return graph_of(bot)._session, graph_of(bot).tokenizer


def test_bots_of_the_same_encoder_share_it(
    classifier: FewShotClassifier, exported: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(exported, tmp_path / "copy")
    saved = classifier.save(tmp_path / "saved")
    first, *others = (Bot.load(folder) for folder in (exported, copy, saved))
    for bot in others:
        assert parts_of(bot) == parts_of(first)
    assert graph_of(others[0]).folder == copy / "encoder-0"
    answers = {bot.classify("where is it").confidence for bot in (first, *others)}
    assert len(answers) == 1


def test_another_number_of_threads_needs_another_session(exported: Path) -> None:
    one, two = Bot.load(exported, threads=1), Bot.load(exported, threads=2)
    assert parts_of(one)[0] is not parts_of(two)[0]
    assert parts_of(one)[1] is parts_of(two)[1]


def test_an_edited_bot_is_loaded_again_without_its_encoder(
    classifier: FewShotClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = classifier.save(tmp_path / "bot")
    before = Bot.load(folder)
    edited = FewShotClassifier.load(folder)
    edited.add_label("account", ["open an account"])
    edited.save(folder)
    monkeypatch.setattr("fsl_nlp.runtime.graph.Session", None)
    after = Bot.load(folder)
    assert parts_of(after) == parts_of(before)
    assert (len(before.classes_), len(after.classes_)) == (2, 3)


def test_what_nobody_uses_is_freed(exported: Path) -> None:
    bot = Bot.load(exported, threads=3)
    session = weakref.ref(parts_of(bot)[0])
    again = Bot.load(exported, threads=3)
    del bot
    gc.collect()
    assert session() is parts_of(again)[0]
    del again
    gc.collect()
    assert session() is None


def test_a_damaged_copy_is_refused_though_the_encoder_is_in_use(
    exported: Path, tmp_path: Path
) -> None:
    bot = Bot.load(exported)
    copy = shutil.copytree(exported, tmp_path / "copy")
    weights = copy / "encoder-0" / WEIGHTS
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ArtifactError, match="altered"):
        Bot.load(copy)
    assert bot.classify("refund me").label == "back"
