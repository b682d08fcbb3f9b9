"""`GET /v1/bots` and what lies below it: information, sentences, versions."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier
from fsl_nlp.artifact.protocols import CLASSIFIER


def test_each_bot_says_what_it_is(client: Any) -> None:
    shop, chinese = client.get("/v1/bots").json()["bots"]
    assert (shop["name"], shop["method"], shop["encoder"]) == ("shop", "proto", "embedded:en")
    assert (shop["version"], shop["can_be_edited"], shop["why_not"]) == (1, True, None)
    assert shop["error"] is None
    assert shop["examples"] == sum(label["examples"] for label in shop["labels"])
    assert 0 < shop["expected"]["accuracy"] <= 1
    assert 0 < shop["expected"]["answered"] <= 1
    assert "查询物流" in [label["label"] for label in chinese["labels"]]
    assert client.get("/v1/bots/shop-zh").json() == chinese
    assert client.get("/v1/bots/shopp").json()["error"].endswith("Did you mean shop or shop-zh?")


def test_sentences_are_found_by_label_and_by_words(client: Any) -> None:
    everything = client.get("/v1/bots/shop/examples", params={"limit": 1000}).json()
    assert everything["total"] == len(everything["examples"])
    of_label = client.get("/v1/bots/shop/examples", params={"label": "track_order"}).json()
    assert {row["label"] for row in of_label["examples"]} == {"track_order"}
    found = client.get("/v1/bots/shop/examples", params={"search": "PARCEL where"}).json()
    assert found["total"] > 0
    assert all("parcel" in row["text"].lower() for row in found["examples"])
    assert all("where" in row["text"].lower() for row in found["examples"])
    chinese = client.get("/v1/bots/shop-zh/examples", params={"search": "包裹"}).json()
    assert all("包裹" in row["text"] for row in chinese["examples"])
    assert chinese["total"] > 0


def test_pages_of_sentences_join_to_all(client: Any) -> None:
    everything = client.get("/v1/bots/shop/examples", params={"limit": 1000}).json()["examples"]
    pages = [
        client.get("/v1/bots/shop/examples", params={"offset": start, "limit": 7}).json()
        for start in range(0, len(everything), 7)
    ]
    assert [row for page in pages for row in page["examples"]] == everything
    beyond = client.get("/v1/bots/shop/examples", params={"offset": 10_000}).json()
    assert beyond == {"total": len(everything), "examples": []}


@pytest.mark.parametrize("parameters", [{"limit": 1001}, {"offset": -1}, {"limit": "all"}])
def test_wrong_pages_are_refused(client: Any, parameters: dict[str, Any]) -> None:
    assert client.get("/v1/bots/shop/examples", params=parameters).status_code == 422


def test_versions_are_those_that_python_lists(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    folder = shutil.copytree(saved_bots["shop"], tmp_path / "shop")
    bot = FewShotClassifier.load(folder)
    bot.add_examples(["has it been posted yet"], ["track_order"])
    bot.rename_label("track_order", "tracking")
    bot.save(folder)
    with client_of(folder) as client:
        answer = client.get("/v1/bots/shop/versions").json()
        info = client.get("/v1/bots/shop").json()
    assert answer["now"] == info["version"] == 3
    assert answer["versions"] == [change.to_dict() for change in reversed(bot.history())]
    assert info["model_version"] == bot.model_version_
    assert "has it been posted yet" not in str(answer)


def test_information_follows_a_save(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    folder = shutil.copytree(saved_bots["shop"], tmp_path / "shop")
    with client_of(folder) as client:
        before = client.get("/v1/bots/shop").json()
        bot = FewShotClassifier.load(folder)
        bot.add_label("complaint", ["I am angry", "this is a shame"], "the user complains")
        bot.save(folder)
        client.app.state.server.bots["shop"].refresh()
        after = client.get("/v1/bots/shop").json()
        assert (before["version"], after["version"]) == (1, 2)
        (label,) = [label for label in after["labels"] if label["label"] == "complaint"]
        assert (label["description"], label["examples"]) == ("the user complains", 2)
        # A damaged save: the older one answers, and says so.
        (folder / CLASSIFIER.manifest).write_text("{")
        client.app.state.server.bots["shop"].refresh()
        damaged = client.get("/v1/bots/shop").json()
    assert damaged["model_version"] == after["model_version"]
    assert "damaged" in damaged["error"]


def test_a_bot_without_its_sentences_says_why_it_cannot_be_edited(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    bare = FewShotClassifier.load(saved_bots["shop"]).save(tmp_path / "bare", store_examples=False)
    with client_of(bare) as client:
        info = client.get("/v1/bots/bare").json()
        assert client.get("/v1/bots/bare/examples").json() == {"total": 0, "examples": []}
    assert info["can_be_edited"] is False
    assert "without its sentences" in info["why_not"]


def test_a_bot_whose_folder_is_damaged_still_says_what_answers(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    folder = shutil.copytree(saved_bots["shop"], tmp_path / "shop")
    with client_of(folder) as client:
        (folder / CLASSIFIER.manifest).write_text("{")
        info = client.get("/v1/bots/shop").json()
        assert (info["method"], info["can_be_edited"]) == ("proto", False)
        assert len(info["labels"]) > 2
        assert client.get("/v1/bots/shop/versions").status_code == 503
