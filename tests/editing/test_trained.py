"""Edits of methods that train for long: the head alone, or names alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fsl_nlp import FewShotClassifier, TextEncoder
from fsl_nlp.errors import OptionError

from ..conftest import save_model, tiny_bert
from .conftest import LABELS, QUESTIONS, SHOP, TEXTS

WORDS = sorted({word for texts in SHOP.values() for text in texts for word in text.split()})


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TextEncoder:
    folder = tmp_path_factory.mktemp("tiny")
    return TextEncoder(str(save_model(folder, tiny_bert(WORDS), WORDS)), backend="torch")


def state(bot: FewShotClassifier) -> tuple[object, ...]:
    return bot.model_version_, bot.classes_.tolist(), bot.examples_


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_head_of_a_tuned_encoder_learns(method: str, tiny: TextEncoder, tmp_path: Path) -> None:
    bot = FewShotClassifier(method, tiny, epochs=1).fit(TEXTS, LABELS)
    trained = bot.classifier_
    steps: list[tuple[tuple[object, ...], np.ndarray]] = []

    def step(edit: Callable[[], object]) -> None:
        steps.append((state(bot), bot.predict_proba(QUESTIONS)))
        edit()

    step(lambda: bot.rename_label("log_in", "sign_in"))
    np.testing.assert_array_equal(bot.predict_proba(QUESTIONS), steps[0][1])
    assert bot.classes_.tolist().index("sign_in") == steps[0][0][1].index("log_in")
    step(lambda: bot.add_examples(["sign in to my account"], ["sign_in"]))
    assert "only the head" in bot.add_label("pay", ["can I pay by card"]).note
    bot.undo()
    step(lambda: bot.rename_label("sign_in", "登录"))
    step(lambda: bot.remove_label("登录"))
    for name, tensor in trained.reader.module.state_dict().items():
        assert bot.classifier_.reader.module.state_dict()[name] is tensor or (
            bot.classifier_.reader.module.state_dict()[name].equal(tensor)
        )

    bot = FewShotClassifier.load(bot.save(tmp_path / "bot"), encoder=tiny)
    for before, probabilities in reversed(steps):
        bot.undo()
        assert state(bot) == before
        np.testing.assert_allclose(bot.predict_proba(QUESTIONS), probabilities, atol=1e-4)
    assert bot.history() == []


def test_the_saved_training_is_not_stored_twice(tiny: TextEncoder, tmp_path: Path) -> None:
    bot = FewShotClassifier("full", tiny, epochs=1).fit(TEXTS, LABELS)

    def size() -> int:
        folder = bot.save(tmp_path / "bot")
        return sum(path.stat().st_size for path in folder.glob("tensors-*"))

    before = size()
    bot.add_examples(["my parcel is locked"], ["track_order"])
    assert size() < 1.3 * before


def test_ways_to_the_same_examples_have_names_of_their_own(tiny: TextEncoder) -> None:
    bot = FewShotClassifier("lora", tiny, epochs=1).fit(TEXTS, LABELS)
    first = bot.model_version_
    bot.add_examples(["my parcel is locked"], ["track_order"])
    bot.remove_examples(["my parcel is locked"])
    assert bot.model_version_ != first  # the trained head is another one
    bot.undo()
    bot.undo()
    assert bot.model_version_ == first


def test_a_prompt_is_renamed_only(tiny: TextEncoder, tmp_path: Path) -> None:
    from transformers import AutoModelForMaskedLM

    folder = save_model(tmp_path / "mlm", tiny_bert(WORDS), WORDS, kind=AutoModelForMaskedLM)
    words = {label: texts[0].split()[-1] for label, texts in SHOP.items()}
    bot = FewShotClassifier(
        "prompt",
        TextEncoder(str(folder)),
        words=words,
        template="{text} [MASK]",
        epochs=1,
        reject=None,
    ).fit(TEXTS, LABELS)
    with pytest.raises(OptionError, match="an edit can only rename its labels"):
        bot.add_examples(["let me in"], ["log_in"])
    before = bot.predict_proba(QUESTIONS)
    bot.rename_label("log_in", "sign_in")
    loaded = FewShotClassifier.load(bot.save(tmp_path / "bot"))
    np.testing.assert_allclose(loaded.predict_proba(QUESTIONS), before, atol=1e-5)
    assert "sign_in" in loaded.classes_
    loaded.undo()
    assert "log_in" in loaded.classes_
