"""Edits of a saved classifier: history and undo after loading, and who wrote last."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fsl_nlp import FewShotClassifier, TextEncoder
from fsl_nlp.editing.changes import UNDOABLE
from fsl_nlp.errors import ArtifactError, DataError
from fsl_nlp.export import export_bot

from .conftest import LABELS, QUESTIONS, TEXTS

Fitted = Callable[..., FewShotClassifier]


def load(folder: Path, encoder: TextEncoder) -> FewShotClassifier:
    return FewShotClassifier.load(folder, encoder=encoder)


def answers(bot: FewShotClassifier) -> list[object]:
    return [bot.model_version_, bot.classes_.tolist(), bot.predict_proba(QUESTIONS).round(6)]


def assert_same(one: FewShotClassifier, other: FewShotClassifier) -> None:
    assert one.model_version_ == other.model_version_
    assert one.classes_.tolist() == other.classes_.tolist()
    assert one.examples_ == other.examples_
    np.testing.assert_allclose(
        one.predict_proba(QUESTIONS), other.predict_proba(QUESTIONS), atol=1e-6
    )


@pytest.mark.parametrize("method", ["proto", "linear"])
def test_undo_after_loading(
    method: str, fitted: Fitted, words: TextEncoder, tmp_path: Path
) -> None:
    bot = fitted(method)
    stages = [copy.copy(bot)]
    for edit in (
        lambda b: b.add_label("pay", ["can I pay by card"], "how to pay, in which currency"),
        lambda b: b.merge_labels(["log_in", "track_order"], into="帐户"),
        lambda b: b.remove_examples(["refund me please", "什么 时候 发货"]),
        lambda b: b.rename_label("pay", "payment"),
        lambda b: b.remove_label("帐户"),
    ):
        edit(bot)
        bot = load(bot.save(tmp_path / "bot"), words)
        stages.append(copy.copy(bot))
    assert load(tmp_path / "bot", words).history() == bot.history()
    assert [change.number for change in bot.history()] == [2, 3, 4, 5, 6]
    for stage in stages[-2::-1]:
        bot.undo()
        bot = load(bot.save(tmp_path / "bot"), words)
        assert_same(bot, stage)


def test_a_loaded_description_is_learned_from(
    words: TextEncoder, fitted: Fitted, tmp_path: Path
) -> None:
    descriptions = {"log_in": "passwords and accounts", "pay": "cards and money"}
    bot = FewShotClassifier("proto", words).fit(TEXTS, LABELS, descriptions=descriptions)
    loaded = load(bot.save(tmp_path / "bot"), words)
    loaded.add_examples(["let me in"], ["log_in"])
    bot.add_examples(["let me in"], ["log_in"])
    assert_same(bot, loaded)


def test_a_bot_without_its_texts_cannot_be_edited(
    words: TextEncoder, fitted: Fitted, tmp_path: Path
) -> None:
    bot = fitted()
    bot.remove_examples(["where is my parcel"])
    folder = bot.save(tmp_path / "bot", store_examples=False)
    assert not list(folder.glob("history*"))
    assert b"where is my parcel" not in b"".join(p.read_bytes() for p in folder.iterdir())
    with pytest.raises(DataError, match="without its training examples"):
        load(folder, words).remove_label("log_in")


def test_unlabelled_texts_are_not_saved_so_it_cannot_be_edited(
    words: TextEncoder, tmp_path: Path
) -> None:
    bot = FewShotClassifier("linear", words).fit(TEXTS, LABELS, unlabelled=["parcel", "refund"])
    loaded = load(bot.save(tmp_path / "bot"), words)
    with pytest.raises(DataError, match="learned from more than the examples"):
        loaded.remove_label("log_in")
    bot.remove_label("log_in")  # in this process they are still there


def test_a_removed_text_can_be_forgotten(
    words: TextEncoder, fitted: Fitted, tmp_path: Path
) -> None:
    bot = fitted()
    bot.remove_examples(["where is my parcel"])

    def stored(folder: Path) -> bool:
        return any(b"where is my parcel" in path.read_bytes() for path in folder.iterdir())

    folder = bot.save(tmp_path / "bot")
    assert stored(folder)
    bot.forget_history()
    assert not stored(bot.save(folder))
    loaded = load(folder, words)
    assert [change.summary for change in loaded.history()] == ["removed 1 text of 'track_order'"]
    with pytest.raises(DataError, match="Version 2 cannot be undone"):
        loaded.undo()


def test_only_the_last_edits_can_be_undone(fitted: Fitted) -> None:
    bot = fitted()
    for number in range(UNDOABLE + 2):
        bot.add_examples([f"order number {number}"], ["track_order"])
    for _ in range(UNDOABLE):
        bot.undo()
    with pytest.raises(DataError, match="Version 3 cannot be undone"):
        bot.undo()
    assert len(bot.examples_) == len(TEXTS) + 2


def test_the_edit_of_another_process_is_not_lost(
    words: TextEncoder, fitted: Fitted, tmp_path: Path
) -> None:
    folder = fitted().save(tmp_path / "bot")
    first, second = load(folder, words), load(folder, words)
    first.add_examples(["my money please"], ["get_refund"])
    first.save(folder)
    second.remove_label("log_in")
    with pytest.raises(ArtifactError, match="saved again by somebody else"):
        second.save(folder)
    assert load(folder, words).model_version_ == first.model_version_
    second.save(tmp_path / "copy")
    first.add_examples(["my money at once"], ["get_refund"])  # one's own save is no obstacle
    first.save(folder)
    assert len(load(folder, words).history()) == 2
    fitted("knn").save(folder)  # what was fitted anew replaces anything, as ever


def test_copies_and_pickles_keep_the_history(words: TextEncoder, fitted: Fitted) -> None:
    bot = fitted()
    bot.rename_label("log_in", "sign_in")
    before = copy.deepcopy(bot)
    bot.remove_label("sign_in")
    assert "sign_in" in before.classes_
    before.undo()
    assert "log_in" in before.classes_
    assert [change.action for change in bot.history()] == ["rename_label", "remove_label"]


def test_an_exported_bot_has_no_history(
    english: TextEncoder, texts: list[str], labels: list[str], tmp_path: Path
) -> None:
    bot = FewShotClassifier("proto", english).fit(texts, labels)
    bot.remove_examples([texts[0]])
    folder = export_bot(bot, tmp_path / "bot").folder
    assert not any(texts[0].encode() in p.read_bytes() for p in folder.glob("*.json*"))
    again = pickle.loads(pickle.dumps(bot))
    again.undo()
    assert texts[0] in {example.text for example in again.examples_}
