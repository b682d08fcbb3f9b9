"""What two promises make together: forks and batches, parts and length, saving and float64."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fsl_nlp import Dataset, Example, FewShotClassifier, TextEncoder
from fsl_nlp.data import write_dataset
from fsl_nlp.errors import ArtifactError, DataError, OptionError

TEXTS, LABELS = ["red", "a red one", "blue", "a blue one"], ["warm", "warm", "cold", "cold"]


@pytest.fixture
def bot(words: TextEncoder) -> FewShotClassifier:
    return FewShotClassifier("proto", words).fit(TEXTS, LABELS)


def test_a_long_message_is_not_divided(bot: FewShotClassifier) -> None:
    text = "a red one, can I " + "x, " * 30_000
    started = time.process_time()
    (answer,) = bot.classify(text, multiple=True)
    assert answer.label == bot.classify(text).label
    assert time.process_time() - started < 60  # minutes, if it were divided


def test_nothing_is_saved_over_an_exported_bot(bot: FewShotClassifier, tmp_path: Path) -> None:
    (tmp_path / "bot" / "encoder-0").mkdir(parents=True)
    with pytest.raises(ArtifactError, match="holds an exported bot"):
        bot.save(tmp_path / "bot")


def test_weights_of_a_score_are_checked(bot: FewShotClassifier) -> None:
    assert bot.score(["red", "blue"], ["warm", "warm"], sample_weight=[3, 1]) == 0.75
    for wrong in ([0, 0], [1], [-1, 2]):
        with pytest.raises(DataError, match="sample_weight"):
            bot.score(["red", "blue"], ["warm", "warm"], sample_weight=wrong)


def test_two_spellings_of_a_label_in_class_weight(words: TextEncoder) -> None:
    twice = {"warm": 2, "warm ": 9}
    with pytest.raises(DataError, match="class_weight names the label 'warm' twice"):
        FewShotClassifier("linear", words, class_weight=twice).fit(TEXTS, LABELS)


def test_a_weight_is_not_dropped_in_silence(tmp_path: Path) -> None:
    data = Dataset.from_examples([Example("a", "x", weight=2), Example("b", "y")])
    with pytest.raises((DataError, OptionError), match="it has a weight"):
        write_dataset(data, tmp_path / "out.jsonl")
