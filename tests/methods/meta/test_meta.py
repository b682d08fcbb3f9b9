"""Meta-trained methods from source data to answers: folders, artefacts, episodes, bad input."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from fsl_nlp import Dataset, FewShotClassifier
from fsl_nlp.cli.episodes import result_as_table
from fsl_nlp.encoders import shared as loading
from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import ArtifactError, DataError, OptionError
from fsl_nlp.evaluation import MethodSpec, Result, compare, evaluate
from fsl_nlp.meta.folder import load_prepared
from fsl_nlp.meta.settings import TaskSize
from fsl_nlp.meta.trainer import MetaTrainer
from fsl_nlp.methods import build_method
from fsl_nlp.methods.meta.method import MetaMethod
from fsl_nlp.types import Example

QUICK = {"meta_steps": 6, "check_every": 3, "check_tasks": 20, "meta_tasks": 4, "rank": 4}
SHAPE = TaskSize((3, 3), (1, 1), 3)
PLAIN = {"label_names": False, "descriptions": False}


def corpus(classes: int, name: str, each: int = 8, *, seed: int = 0, chinese: bool = False):
    """Sentences of made-up intents: two of an intent's four words, among words without meaning."""
    rng = np.random.default_rng(seed)
    examples = []
    for c in range(classes):
        for _ in range(each):
            own = [f"{name}{c}word{i}" for i in rng.permutation(4)[:2]]
            filler = [f"filler{i}" for i in rng.integers(0, 12, 3)]
            words = rng.permutation([*own, *filler]).tolist()
            text = ("请问 " if chinese else "please ") + " ".join(words)
            examples.append(Example(text, f"{name} {c}"))
    return Dataset.from_examples(examples, name=name)


@pytest.fixture(scope="module")
def source() -> Dataset:
    return corpus(16, "shop")


@pytest.fixture(scope="module")
def target() -> Dataset:
    return corpus(8, "银行", seed=1, chinese=True)


@pytest.fixture(scope="module")
def trained(words, source, tmp_path_factory) -> Path:
    """A folder that tests only read."""
    folder = tmp_path_factory.mktemp("meta") / "anil"
    method = build_method("anil", words, options=QUICK)
    assert isinstance(method, MetaMethod)
    method.meta_train([source], SHAPE, folder=folder)
    return folder


@pytest.fixture
def known(words, monkeypatch) -> Callable[..., MethodSpec]:
    """Specs whose encoder is the bag of words."""
    monkeypatch.setattr(loading, "load_encoder", lambda *_, **__: words)
    monkeypatch.setattr("fsl_nlp.encoders.load_encoder", lambda *_, **__: words)

    def spec(name: str, folder: Path | None = None, **options: Any) -> MethodSpec:
        prepared = {"prepared": str(folder)} if folder else {}
        return MethodSpec(name, "words", {**PLAIN, **prepared, **options})

    return spec


def test_a_classifier_learns_from_a_folder_and_needs_it_no_more(
    words, trained, target, tmp_path, recwarn
):
    folder = shutil.copytree(trained, tmp_path / "copy")
    bot = FewShotClassifier("anil", words, prepared=str(folder))
    bot.fit(target.texts, target.known_targets)
    assert bot.score(target.texts, target.known_targets) > 0.8
    bot.save(tmp_path / "bot")
    shutil.rmtree(folder)
    again = FewShotClassifier.load(tmp_path / "bot", encoder=words)
    assert np.allclose(
        again.predict_proba(target.texts), bot.predict_proba(target.texts), atol=1e-6
    )
    assert again.classify("请问 银行3word1 银行3word2").label == "银行 3"
    assert "was meta-trained on 3-way 1-shot tasks, and this one is 8-way 8-shot" in str(
        recwarn.list[0].message
    )


def test_the_version_names_what_was_learned(words, trained, source, target, tmp_path):
    other = tmp_path / "other"
    build_method("anil", words, seed=1, options=QUICK).meta_train([source], SHAPE, folder=other)
    shutil.copytree(trained, tmp_path / "there")
    few = target.examples[::8]

    def version() -> str:
        bot = FewShotClassifier("anil", words, prepared=str(tmp_path / "there"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bot.fit([e.text for e in few], [e.label for e in few])
        return bot.model_version_

    first = version()
    assert version() == first
    shutil.rmtree(tmp_path / "there")
    shutil.copytree(other, tmp_path / "there")
    assert version() != first


@pytest.mark.parametrize("name", ["anil", "maml"])
def test_batches_and_single_tasks_agree(known, words, source, target, tmp_path, name):
    build_method(name, words, options=QUICK).meta_train([source], SHAPE, folder=tmp_path)
    table = EpisodeTable.sample(target, way=3, shot=1, query=2, episodes=30, seed=0)
    spec = known(name, tmp_path)
    batched = evaluate(spec, target, table)
    single = evaluate(spec, target, table, one_by_one=True)
    assert batched.episode_accuracy == single.episode_accuracy
    assert batched.settings["prepared"] == load_prepared(tmp_path).sum
    assert compare(batched, evaluate(known("proto"), target, table)).second == "proto"
    json.dumps(batched.to_dict())


def test_prepare_works_in_the_evaluator(known, source, target):
    table = EpisodeTable.sample(target, way=3, shot=1, query=2, episodes=40, seed=0)
    result = evaluate(known("protomaml", **QUICK), target, table, source=source)
    assert result.accuracy.value > 0.5


def test_more_steps_at_test_are_an_option(known, trained, target):
    table = EpisodeTable.sample(target, way=3, shot=1, query=2, episodes=40, seed=0)
    none = evaluate(known("anil", trained, test_steps=0), target, table)
    assert none.accuracy.value == pytest.approx(1 / 3, abs=0.01)  # all classes start alike
    assert evaluate(known("anil", trained, test_steps=9), target, table).accuracy.value > 0.5


def test_the_classes_that_were_learned_from_are_no_test(known, trained, source):
    table = EpisodeTable.sample(source, way=3, shot=1, query=2, episodes=5, seed=0)
    with pytest.raises(DataError, match=r"Leakage: shop and shop share 16 classes \(shop 0, "):
        evaluate(known("anil", trained), source, table)


def test_larger_tasks_work_with_a_note(known, trained, target):
    table = EpisodeTable.sample(target, way=6, shot=2, query=2, episodes=20, seed=0)
    with pytest.warns(UserWarning, match="3-way 1-shot tasks, and this one is 6-way 2-shot"):
        result = evaluate(known("anil", trained), target, table)
    assert result.accuracy.value > 0.4


def test_a_folder_of_another_encoder_is_refused(other_words, trained, target):
    bot = FewShotClassifier("anil", other_words, prepared=str(trained))
    with pytest.raises(ArtifactError, match="was meta-trained with another encoder") as error:
        bot.fit(target.texts, target.known_targets)
    assert "trained with 'words', fingerprint" in str(error.value)


def test_a_folder_of_another_method_is_refused(words, trained, target):
    bot = FewShotClassifier("maml", words, prepared=str(trained))
    with pytest.raises(OptionError, match="holds a meta-trained 'anil', not 'maml'"):
        bot.fit(target.texts, target.known_targets)


def test_what_was_learned_with_cannot_be_changed_afterwards(words, trained, target):
    bot = FewShotClassifier("anil", words, prepared=str(trained), rank=9)
    with pytest.raises(OptionError, match="rank cannot be changed after meta-training"):
        bot.fit(target.texts, target.known_targets)


def test_a_method_that_was_not_trained_says_what_to_do(words, target):
    with pytest.raises(OptionError, match="Run `fsl-nlp meta-train SOURCE --out FOLDER`"):
        FewShotClassifier("anil", words).fit(target.texts, target.known_targets)


def test_folders_that_hold_nothing_or_half(words, trained, source, tmp_path, watched):
    with pytest.raises(ArtifactError, match="There is no meta-trained method in"):
        load_prepared(tmp_path)
    method = build_method("anil", words, options=QUICK)
    with watched(MetaTrainer, killed_at=5):
        method.meta_train([source], SHAPE, folder=tmp_path)
    with pytest.raises(ArtifactError, match="interrupted at step 3"):
        load_prepared(tmp_path)
    method.meta_train([source], SHAPE, folder=tmp_path)
    assert load_prepared(tmp_path).sum == load_prepared(trained).sum
    assert sorted(path.name[:10] for path in tmp_path.iterdir()) == ["meta.json", "parameters"]
    for path in tmp_path.glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    (tmp_path / "meta.json").touch()
    with pytest.raises(
        ArtifactError, match=r"is cut off or altered: its sum is not the one in meta\.json"
    ):
        load_prepared(tmp_path)


def test_the_summary_compares_with_the_plain_start(trained):
    summary = load_prepared(trained).training["summary"]
    assert [row["name"] for row in summary["rows"]] == [
        "trained",
        "its start",
        "plain class means",
    ]
    assert all("paired" in verdict for verdict in summary["verdicts"])


def test_several_corpora_in_two_languages(words, source, tmp_path):
    both = [source, corpus(8, "售后", seed=3, chinese=True)]
    method = build_method("mtl", words, options={**QUICK, "corpora": "difficulty", "rank": None})
    method = method.meta_train(both, TaskSize((2, 3), (1, 2), 3), folder=tmp_path)
    assert [s.name for s in method.sources] == ["shop", "售后"]
    assert load_prepared(tmp_path).shape == {"way": [2, 3], "shot": [1, 2], "query": 3}


def test_a_class_of_two_corpora_counts_once(words, source):
    twin = replace(corpus(20, "shop", seed=5), name="twin")
    with pytest.warns(UserWarning, match="16 classes of twin are left out"):
        method = build_method("anil", words, options=QUICK).meta_train([source, twin], SHAPE)
    assert [len(s.labels) for s in method.sources] == [16, 4]


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: corpus(3, "few"), SHAPE, "few has 3 usable classes"),
        (lambda: corpus(9, "short"), TaskSize((3, 3), (5, 5), 5), "A usable class has 10 examples"),
    ],
)
def test_sources_that_hold_too_little(words, make, shape, message):
    with pytest.raises(DataError, match=message):
        build_method("anil", words, options=QUICK).meta_train([make()], shape)


def test_small_classes_are_left_out_with_a_note(words, source):
    small = [Example("only one of these", "rare"), *source.examples]
    with pytest.warns(UserWarning, match="1 classes of data are left out. They have fewer than 4"):
        build_method("anil", words, options=QUICK).meta_train([Dataset.from_examples(small)], SHAPE)


def test_tasks_that_diverge_are_counted(words, source, target, tmp_path, caplog):
    wild = {**QUICK, "inner_rate": 500.0}
    method = build_method("anil", words, options=wild)
    # Texts that say nothing of their class: a long step makes the loss on them large.
    same = [Example(target.texts[i % 3], e.label) for i, e in enumerate(source)]
    method = method.meta_train(
        [Dataset.from_examples(same)], TaskSize((3, 3), (4, 4), 3), folder=tmp_path
    )
    assert load_prepared(tmp_path).training["slowed_tasks"] > 0
    with caplog.at_level(logging.WARNING, "fsl_nlp"):
        method.fit(Dataset.from_examples([*same[:4], *same[8:12], *same[16:20]]))
    assert "diverged at inner_rate=500" in caplog.text


def test_tasks_that_diverge_in_episodes_are_counted(known, words, source, target, tmp_path):
    options = {**QUICK, "inner_rate": 500.0}
    same = Dataset.from_examples(
        [Example(target.texts[i % 3], f"same {i // 8}") for i in range(64)], name="same"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        build_method("anil", words, options=options).meta_train([source], SHAPE, folder=tmp_path)
        table = EpisodeTable.sample(same, way=3, shot=4, query=2, episodes=30, seed=0)
        wild = evaluate(known("anil", tmp_path), same, table, memory=2**16)
        few = evaluate(known("anil", tmp_path, test_steps=0), same, table)
    assert 0 < wild.diverged_tasks <= 30
    assert few.diverged_tasks == 0
    assert evaluate(known("proto"), same, table).diverged_tasks is None
    assert wild.to_dict()["diverged_tasks"] == wild.diverged_tasks
    assert Result.load(wild.save(tmp_path / "wild.json")) == wild
    console = Console(width=120)
    with console.capture() as shown:
        console.print(result_as_table(wild, []))
    assert f"{wild.diverged_tasks}; they were adapted at a lower rate" in shown.get()


def relations(classes: int, name: str, seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    examples = []
    for c in range(classes):
        for _ in range(8):
            head, tail = (f"name{i}" for i in rng.integers(0, 30, 2))
            text = f"{head} {name}{c}verb {name}{c}more filler{rng.integers(9)} {tail}x"
            examples.append(
                Example(
                    text,
                    f"{name} {c}",
                    head=(0, len(head)),
                    tail=(len(text) - len(tail) - 1, len(text)),
                )
            )
    return Dataset.from_examples(examples, name=name)


def test_relations_keep_their_mentions_and_mixed_sources_do_not(english, source, target):
    learned, unseen = relations(8, "rel", 0), relations(4, "other", 1)
    method = build_method("anil", english, options={**QUICK, **PLAIN})
    marked = method.meta_train([learned], SHAPE)
    assert marked.mentions
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classifier = marked.fit(unseen)
    assert classifier.embed(unseen.examples[:2]).shape == (2, 4 * 384)
    with pytest.raises(DataError, match="no marked mentions"):
        marked.fit(target)
    with pytest.warns(UserWarning, match="The marked mentions of the sentences are ignored"):
        mixed = method.meta_train([learned, corpus(6, "plain")], SHAPE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert mixed.fit(unseen).embed(unseen.examples[:2]).shape == (2, 384)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"body": "tail"}, "body='tail': choose one of 'metric'"),
        ({"prepared": 3}, "prepared=3: give the folder that meta-train wrote"),
        ({"steps": 3}, "has no option 'steps'. Did you mean test_steps"),
        ({"inner_steps": "many"}, "inner_steps='many': must be a whole number"),
    ],
)
def test_options_that_do_not_exist(words, options, message):
    with pytest.raises(OptionError, match=message):
        build_method("anil", words, options=options)
