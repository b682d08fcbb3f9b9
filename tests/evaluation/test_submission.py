"""FewRel's hidden test, from a made-up official input file to the zip: field by field."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fsl_nlp import Dataset, TextEncoder
from fsl_nlp.data import read_submission_episodes, write_predictions, zip_predictions
from fsl_nlp.encoders.mentions import encode_mentions
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.evaluation import MethodSpec
from fsl_nlp.evaluation.submission import predict_submission
from fsl_nlp.inputs.mentions import combine
from fsl_nlp.types import Example

VERBS = {
    "P19": ["was", "born", "in"],
    "P50": ["is", "the", "author", "of"],
    "P108": ["works", "for"],
}
HEADS = ["Ann", "Bo", "Cy", "Dee", "李雷", "Flo", "Gus", "Hal"]


def instance(relation: str, number: int) -> dict[str, Any]:
    """A sentence as FewRel writes it: tokens, and the mentions as places of tokens."""
    head, tail = HEADS[number % len(HEADS)], f"Place{number}"
    tokens = [head, *VERBS[relation], tail, "."]
    return {
        "tokens": tokens,
        "h": [head.lower(), f"Q{number}", [[0]]],
        "t": [tail.lower(), f"Q9{number}", [[len(tokens) - 2]]],
    }


def entry(relations: list[str], asked: str, shot: int, first: int) -> dict[str, Any]:
    numbers = iter(range(first, first + 100))
    return {
        "relation": relations,
        "meta_train": [[instance(r, next(numbers)) for _ in range(shot)] for r in relations],
        "meta_test": instance(asked, next(numbers)),
    }


ENTRIES = [
    entry(["P19", "P50", "P108"], "P50", 2, 0),
    entry(["P108", "P19", "P50"], "P50", 2, 10),
    entry(["P50", "P108", "P19"], "P50", 2, 20),
    entry(["P50", "P108", "P19"], "P19", 2, 30),
]
RIGHT = [1, 2, 0, 2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "test_wiki_input-3-2.json"
    path.write_text(json.dumps(ENTRIES), "utf-8")
    return path


def spec(name: str = "proto", **options: Any) -> MethodSpec:
    return MethodSpec(name, "embedded:en", options)


@pytest.mark.usefixtures("english")
def test_from_the_official_input_to_the_zip(file: Path, tmp_path: Path) -> None:
    episodes = read_submission_episodes(file)
    predicted = predict_submission(spec(), episodes)
    assert predicted == RIGHT
    written = write_predictions(tmp_path / "out", episodes, predicted)
    archive = zip_predictions(tmp_path / "out" / "submission.zip", [written])
    assert written.name == "pred-3-2.json"
    with zipfile.ZipFile(archive) as content:
        assert content.namelist() == ["pred-3-2.json"]
        assert content.testzip() is None
        found = json.loads(content.read("pred-3-2.json"))
    assert found == RIGHT
    assert all(type(place) is int for place in found)


def test_predictions_are_those_of_the_nearest_mean_in_each_entry(
    file: Path, english: TextEncoder
) -> None:
    """By the vectors of each entry's own instances, one entry after the other."""
    episodes = read_submission_episodes(file)
    everything = [e for i, e in enumerate(episodes.dataset) if i in set(episodes.support.ravel())]
    centre = encode_mentions(english, everything).mean(0)
    expected = []
    for support, query in zip(episodes.support, episodes.query, strict=True):

        def vectors(places: np.ndarray) -> np.ndarray:
            chosen: list[Example] = [episodes.dataset.examples[i] for i in places]
            rows = combine(encode_mentions(english, chosen), centre)
            return rows / np.linalg.norm(rows, axis=1, keepdims=True)

        means = np.stack([vectors(places).mean(0) for places in support])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        expected.append(int((means @ vectors(query)[0]).argmax()))
    assert predict_submission(spec(), episodes) == expected


def test_a_learned_head_is_trained_on_the_source_first(
    file: Path, english: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    episodes = read_submission_episodes(file)
    with pytest.raises(OptionError, match="'siamese' has to learn from source classes first"):
        predict_submission(spec("siamese"), episodes)
    examples = []
    for verb in ("founded", "plays", "left", "married", "owns"):
        for head in ("Ann", "Bo", "Cyd", "Dee", "Eli"):
            text = f"{head} {verb} Rex"
            tail = (len(text) - 3, len(text))
            examples.append(Example(text, verb, head=(0, len(head)), tail=tail))
    source = Dataset.from_examples(examples)
    predicted = predict_submission(spec("siamese"), episodes, source=source)
    assert len(predicted) == 4
    assert set(predicted) <= {0, 1, 2}


@pytest.mark.usefixtures("english")
def test_a_method_that_is_fitted_task_by_task_is_refused(file: Path) -> None:
    with pytest.raises(OptionError, match="method 'lora' is fitted on one task at a time"):
        predict_submission(spec("lora"), read_submission_episodes(file))


@pytest.mark.parametrize(
    ("predictions", "message"),
    [([0, 1, 2], "3 predictions for 4 episodes"), ([0, 1, 2, 3], "Prediction 3 is 3: it should")],
)
def test_predictions_that_do_not_fit_are_not_written(
    predictions: list[int], message: str, file: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        write_predictions(tmp_path / "out", read_submission_episodes(file), predictions)
    assert not (tmp_path / "out").exists()
