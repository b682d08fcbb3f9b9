"""Bots that are served: loaded, watched, and swapped in one step."""

from __future__ import annotations

import gc
import logging
import shutil
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier
from fsl_nlp.artifact.protocols import CLASSIFIER
from fsl_nlp.errors import ArtifactError, OptionError
from fsl_nlp.runtime import Bot
from fsl_nlp.runtime.bot import NeedsTorchError
from fsl_nlp.serving import bots as bots_module
from fsl_nlp.serving.bots import Bots, ServedBot
from fsl_nlp.serving.errors import RequestError


@pytest.fixture
def shop(saved_bots: dict[str, Path], tmp_path: Path) -> Path:
    return shutil.copytree(saved_bots["shop"], tmp_path / "shop")


@pytest.fixture
def renamed(shop: Path, tmp_path: Path) -> Path:
    """Another save of the same bot."""
    bot = FewShotClassifier.load(shop)
    bot.rename_label("track_order", "tracking")
    return bot.save(tmp_path / "renamed")


@pytest.fixture
def watched(shop: Path) -> Iterator[ServedBot]:
    bots = Bots([shop])
    bots.watch()
    yield bots["shop"]
    bots.close()


def label(bot: ServedBot) -> Any:
    return bot.current.answering.classify("where is my parcel").label


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_a_save_is_seen_and_swapped(watched: ServedBot, shop: Path) -> None:
    assert label(watched) == "track_order"
    bot = FewShotClassifier.load(shop)
    bot.rename_label("track_order", "tracking")
    bot.save(shop)
    until(lambda: label(watched) == "tracking")
    assert watched.current.inspection.model_version == bot.model_version_


def test_a_folder_that_takes_the_place_of_another(
    watched: ServedBot, shop: Path, renamed: Path
) -> None:
    shop.rename(shop.with_name("old"))
    renamed.rename(shop)
    until(lambda: label(watched) == "tracking")
    assert watched.error is None


def test_a_link_that_leads_elsewhere(saved_bots: dict[str, Path], renamed: Path) -> None:
    link = renamed.with_name("current")
    link.symlink_to(saved_bots["shop"])
    bots = Bots([link])
    bots.watch()
    try:
        assert label(bots["current"]) == "track_order"
        other = link.with_name("next")
        other.symlink_to(renamed)
        other.replace(link)
        until(lambda: label(bots["current"]) == "tracking")
    finally:
        bots.close()


def test_a_broken_save_leaves_the_older_one(
    watched: ServedBot, shop: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = (shop / CLASSIFIER.manifest).read_bytes()
    before = watched.current
    with caplog.at_level(logging.WARNING, "fsl_nlp"):
        (shop / CLASSIFIER.manifest).write_text("{")
        until(lambda: watched.error)
    assert watched.current is before
    assert label(watched) == "track_order"
    assert "damaged" in str(watched.error)
    (shop / CLASSIFIER.manifest).write_bytes(manifest)
    until(lambda: watched.error is None)
    assert [record.message for record in caplog.records if "answers on" in record.message]


def test_files_that_come_after_their_manifest_are_waited_for(
    watched: ServedBot, shop: Path, renamed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a copy in the order of the names may do it: the manifest does not change again."""
    monkeypatch.setattr(bots_module, "_RETRY", (0.05, 0.1))
    shutil.copy(renamed / CLASSIFIER.manifest, shop)
    until(lambda: watched.error)
    for path in renamed.iterdir():
        shutil.copy(path, shop)
    until(lambda: label(watched) == "tracking")
    assert watched.error is None


def test_a_folder_that_is_deleted_is_answered_from_memory(watched: ServedBot, shop: Path) -> None:
    shutil.rmtree(shop)
    until(lambda: watched.error)
    assert "no classifier in" in str(watched.error)
    assert label(watched) == "track_order"


def test_whatever_fails_at_loading_is_an_error_and_no_end(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = ServedBot("shop", shop)

    def fail(*_: object, **__: object) -> None:
        raise MemoryError("no memory")

    monkeypatch.setattr(bots_module, "load_bot", fail)
    bot.refresh(force=True)
    assert "MemoryError: no memory" in str(bot.error)
    assert label(bot) == "track_order"


def test_attempts_become_rare(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bot = ServedBot("shop", shop)
    (shop / CLASSIFIER.manifest).write_text("{")
    clock, attempts = 0.0, 0

    def load(*_: object) -> None:
        nonlocal attempts
        attempts += 1
        raise ArtifactError("damaged")

    monkeypatch.setattr(bots_module, "_load", load)
    monkeypatch.setattr(bots_module.time, "monotonic", lambda: clock)
    for _ in range(1200):  # five minutes
        bot.look()
        clock += 0.25
    assert 10 < attempts < 25


def test_a_missing_folder_is_believed_at_the_second_look(shop: Path) -> None:
    bot = ServedBot("shop", shop)
    shop.rename(shop.with_name("away"))
    bot.look()
    assert bot.error is None
    bot.look()
    assert bot.error


def test_refresh_gives_what_was_saved_before_it_was_called(shop: Path) -> None:
    """The watcher may be loading an older save at that moment."""
    bot = ServedBot("shop", shop)
    classifier = FewShotClassifier.load(shop)
    for name in ("b", "c", "d"):
        old = str(classifier.classify("where is my parcel").label)
        loading = Thread(target=bot.refresh, kwargs={"force": True})
        loading.start()
        classifier.rename_label(old, name)
        classifier.save(shop)
        bot.refresh()
        assert label(bot) == name
        loading.join()


def test_an_older_save_is_freed(shop: Path) -> None:
    bot = ServedBot("shop", shop)
    older = weakref.ref(bot.current.answering)
    bot.refresh(force=True)
    gc.collect()
    assert older() is None


def test_loads_are_reported(shop: Path) -> None:
    reports: list[tuple[str, bool]] = []
    bot = ServedBot("shop", shop, report=lambda name, _, ok: reports.append((name, ok)))
    bot.refresh()
    assert reports == []
    bot.refresh(force=True)
    (shop / CLASSIFIER.manifest).write_text("{")
    bot.refresh()
    assert reports == [("shop", True), ("shop", False)]


def test_a_bot_whose_graph_is_not_there_begins_with_torch(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first answer makes the graph, and then it needs torch no more."""
    real, calls = Bot.load, 0

    def load(folder: Path, **options: Any) -> Bot:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise NeedsTorchError("no graph")
        return real(folder, **options)

    monkeypatch.setattr(Bot, "load", load)
    bot = ServedBot("shop", shop)
    assert isinstance(bot.current.answering, Bot)
    assert label(bot) == "track_order"


def test_a_bot_that_needs_torch_is_served(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object, **__: object) -> Bot:
        raise NeedsTorchError("no scorer")

    monkeypatch.setattr(Bot, "load", load)
    bot = ServedBot("shop", shop)
    assert isinstance(bot.current.answering, FewShotClassifier)
    assert label(bot) == "track_order"


def test_names_are_those_of_the_folders(shop: Path, tmp_path: Path) -> None:
    bots = Bots([shop / ".." / "shop"])
    assert ("shop" in bots, len(bots), bots[None].name) == (True, 1, "shop")
    other = shutil.copytree(shop, tmp_path / "more" / "shop")
    with pytest.raises(OptionError, match="Two bots are named 'shop'"):
        bots.add(other)
    with pytest.raises(RequestError, match="Did you mean shop"):
        bots["shp"]
    with pytest.raises(RequestError, match="no bot yet"):
        Bots([])[None]
