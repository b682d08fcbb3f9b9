"""Meta-training: it helps, it can be interrupted, and every way of sampling tasks works."""

from __future__ import annotations

import os
import runpy
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import fsl_nlp
from fsl_nlp import Dataset, load_dataset
from fsl_nlp.errors import DataError, ModelError, OptionError
from fsl_nlp.meta import trainer as training_module
from fsl_nlp.meta.algorithms import ALGORITHMS
from fsl_nlp.meta.bodies import BodySettings, vector_body
from fsl_nlp.meta.folder import PROGRESS
from fsl_nlp.meta.head import MetaHead
from fsl_nlp.meta.inner import InnerSettings
from fsl_nlp.meta.outer import meta_loss
from fsl_nlp.meta.run import meta_train
from fsl_nlp.meta.settings import MetaSettings, TaskSize
from fsl_nlp.meta.tasks import Source, TaskSampler
from fsl_nlp.meta.trainer import MetaTrainer, accuracies, mean_and_width

every_algorithm = pytest.mark.parametrize("name", ALGORITHMS)
QUICK = MetaSettings(
    meta_steps=40, meta_tasks=8, meta_rate=1e-2, check_every=10, check_tasks=60, patience=4
)
SHAPE = TaskSize((3, 3), (1, 1), 3)


def tensors_of(head):
    return dict(sorted(head.parameters.items()))


def same(first, second) -> bool:
    return all(torch.equal(t, second[n]) for n, t in first.items())


@every_algorithm
@pytest.mark.slow
def test_training_beats_its_start_on_classes_it_did_not_see(make_head, make_source, name):
    """Half of the dimensions are noise within classes, twice as loud as what tells classes apart;
    without whitening, that must be learned."""
    head = make_head(name, inner_steps=3)
    head = replace(head, body=replace(head.body, shrinkage=1.0))
    settings = replace(QUICK, meta_steps=100)
    source, unseen = make_source(classes=40, noise=2), make_source(classes=30, seed=9, noise=2)
    start = MetaTrainer(head, SHAPE, settings).start([source])[0].best
    after = meta_train(head, [source], SHAPE, settings).head
    assert gain(after, replace(head, parameters=start), unseen, SHAPE, tasks=300) > 0


@pytest.fixture(scope="module")
def intents(request) -> Callable[..., tuple[Source, Source]]:
    """Intents of a shipped sample to learn from, and five that are not learned from.

    Their vectors are centred, and four dimensions are drowned in noise, so many times as loud as
    the others are. That must be learned, and learning it helps with any intents: by 0.1 and more.
    """
    language = request.param
    encoder = request.getfixturevalue("english" if language == "en" else "multilingual")
    name = f"support_{language}"
    data = Dataset.from_examples([*load_dataset(name), *load_dataset(f"{name}:test")])
    vectors = torch.from_numpy(encoder.encode(data.texts))
    vectors = torch.nn.functional.normalize(vectors - vectors.mean(0), dim=-1)
    classes = torch.tensor([data.labels.index(label) for label in data.known_targets])
    learned = classes < 10

    def make(loud: float) -> tuple[Source, Source]:
        rows, generator = vectors.clone(), torch.Generator().manual_seed(0)
        noise = torch.randn(len(rows), 4, generator=generator)
        rows[:, :4] += loud * vectors.std(0).mean() * noise
        return (
            Source("learned", rows[learned], classes[learned]),
            Source("unseen", rows[~learned], classes[~learned]),
        )

    return make


@pytest.mark.slow
@pytest.mark.parametrize(
    ("intents", "name", "loud", "steps"),
    [*(("en", name, 10, 60) for name in ALGORITHMS), ("zh", "anil", 15, 200),
     ("zh", "meta-baseline", 15, 200)],
    indirect=["intents"],
)  # fmt: skip
def test_training_beats_its_start_on_unseen_intents_of_the_samples(intents, name, loud, steps):
    learned, unseen = intents(loud)
    algorithm = ALGORITHMS[name]
    body = vector_body(algorithm.body, BodySettings(rank=128, shrinkage=1.0))
    head = MetaHead(algorithm, InnerSettings(inner_steps=3), body)
    # Ten intents are few to hold some out; how that works is tested above.
    shape, settings = TaskSize(), replace(QUICK, meta_steps=steps, meta_tasks=6, held_out=False)
    start = MetaTrainer(head, shape, settings).start([learned])[0].best
    after = meta_train(head, [learned], shape, settings).head
    assert gain(after, replace(head, parameters=start), unseen, shape, tasks=200) > 0


def gain(after, before, unseen: Source, shape: TaskSize, tasks: int) -> float:
    """The lower end of the 95% interval of the paired difference."""
    sampler = TaskSampler.build([unseen], shape, "equal", 5)
    corpus = sampler.corpora[0]
    every = torch.arange(len(corpus.episodes.sizes))
    sampler.preprocess(lambda rows: after.loop.learner.preprocess(after.parameters, rows))
    batch = [sampler.batch(corpus, every, shape.way[1], tasks, hard=False)[1]]
    mean, width = mean_and_width(accuracies(after, batch) - accuracies(before, batch))
    return mean - width


def test_an_interrupted_run_goes_on_as_if_nothing_had_been(
    make_head, make_source, tmp_path, watched
):
    """Adam, the generator, the odds of classes: what is learned is equal to the last bit."""
    sources = [make_source(), make_source(seed=4)]
    settings = replace(QUICK, meta_steps=20, corpora="difficulty")
    head = make_head("mtl")
    whole = meta_train(head, sources, SHAPE, settings)
    with watched(MetaTrainer, killed_at=16):
        meta_train(head, sources, SHAPE, settings, folder=tmp_path)
    with watched(MetaTrainer) as steps:
        resumed = meta_train(head, sources, SHAPE, settings, folder=tmp_path)
    assert len(steps) == 20 - 10  # from the last check before the interruption
    assert same(tensors_of(whole.head), tensors_of(resumed.head))
    assert resumed.training.checks == whole.training.checks
    assert resumed.summary == whole.summary


def test_all_classes_can_be_learned_from(make_head, make_source):
    """Nothing is held out then, and what the last step gives is kept."""
    source, unseen = make_source(classes=40, noise=2), make_source(classes=30, seed=9, noise=2)
    head = make_head("meta-baseline")
    head = replace(head, body=replace(head.body, shrinkage=1.0))
    settings = replace(QUICK, meta_steps=100, held_out=False)
    result = meta_train(head, [source], SHAPE, settings)
    assert (result.training.step, result.training.best_step) == (100, 100)
    assert result.training.checks == []
    assert result.summary["verdicts"] == ["No classes were held out to evaluate it."]
    start = MetaTrainer(head, SHAPE, settings).start([source])[0].best
    assert gain(result.head, replace(head, parameters=start), unseen, SHAPE, tasks=300) > 0
    sampler = TaskSampler.build([source], SHAPE, "equal", 0, hold_out=False)
    assert sorted(sampler.corpora[0].learning.tolist()) == list(range(40))
    assert sampler.check_tasks(60) == []


def test_interrupted_without_held_out_classes(make_head, make_source, tmp_path, watched):
    settings = replace(QUICK, meta_steps=20, held_out=False)
    head = make_head("meta-baseline")  # it learns a classifier of all classes before the first step
    whole = meta_train(head, [make_source()], SHAPE, settings)
    with watched(MetaTrainer, killed_at=16):
        meta_train(head, [make_source()], SHAPE, settings, folder=tmp_path)
    resumed = meta_train(head, [make_source()], SHAPE, settings, folder=tmp_path)
    assert same(tensors_of(whole.head), tensors_of(resumed.head))


@pytest.mark.parametrize("held_out", [True, False])
def test_killed_before_the_first_step(make_head, make_source, tmp_path, monkeypatch, held_out):
    """What comes before it, a classifier of all classes, is then learned after all."""
    settings = replace(QUICK, meta_steps=10, held_out=held_out)
    head = make_head("meta-baseline")
    whole = meta_train(head, [make_source()], SHAPE, settings)

    def killed(*_):
        raise RuntimeError

    monkeypatch.setattr(MetaTrainer, "_pretrain", killed)
    with pytest.raises(RuntimeError):
        meta_train(head, [make_source()], SHAPE, settings, folder=tmp_path)
    monkeypatch.undo()
    resumed = meta_train(head, [make_source()], SHAPE, settings, folder=tmp_path)
    assert same(tensors_of(whole.head), tensors_of(resumed.head))
    assert resumed.training.checks == whole.training.checks


def test_the_time_until_the_best_step_is_known(make_head, make_source):
    training = meta_train(make_head("anil"), [make_source()], SHAPE, QUICK).training
    assert 0 < training.best_seconds <= training.seconds


def test_progress_of_another_run_is_refused(make_head, make_source, tmp_path):
    head, settings = make_head("anil"), replace(QUICK, meta_steps=10)
    meta_train(head, [make_source()], SHAPE, settings, folder=tmp_path)
    assert (tmp_path / PROGRESS).exists()  # until the method is saved
    with pytest.raises(DataError, match="interrupted training of other data or settings"):
        meta_train(head, [make_source()], SHAPE, settings, folder=tmp_path, seed=1)


def test_progress_that_is_cut_off_begins_again(make_head, make_source, tmp_path):
    head, settings = make_head("anil"), replace(QUICK, meta_steps=10)
    first = meta_train(head, [make_source()], SHAPE, settings, folder=tmp_path)
    tensors = tmp_path / "progress.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-9])
    again = meta_train(head, [make_source()], SHAPE, settings, folder=tmp_path)
    assert same(tensors_of(first.head), tensors_of(again.head))


def test_the_same_seed_gives_the_same_parameters(make_head, make_source):
    settings = replace(QUICK, meta_steps=5, check_every=5)

    def train(seed: int):
        return tensors_of(
            meta_train(make_head("maml"), [make_source()], SHAPE, settings, seed=seed).head
        )

    first, again, other_seed = train(0), train(0), train(1)
    assert same(first, again)
    assert not same(first, other_seed)


def test_chunks_of_a_step_change_nothing(make_head, make_source, monkeypatch):
    settings = replace(QUICK, meta_steps=3, check_every=3)
    whole = meta_train(make_head("maml"), [make_source()], SHAPE, settings)
    monkeypatch.setattr(MetaHead, "tasks_at_once", lambda *_: 3)
    parts = meta_train(make_head("maml"), [make_source()], SHAPE, settings)
    for name, tensor in whole.training.meta.items():
        assert torch.allclose(tensor, parts.training.meta[name], atol=1e-5), name


def test_less_memory_means_fewer_tasks_at_once(make_head, make_meta):
    head = make_head("maml")
    head = replace(head, parameters=make_meta(head))
    rows = torch.zeros(7, 10)
    sizes = [head.tasks_at_once(5, 6, rows, memory) for memory in (1, 10**6, 10**8)]
    assert sizes[0] == 1 < sizes[1] < sizes[2]


def test_way_and_shot_are_drawn_from_their_spans(make_source):
    sampler = TaskSampler.build([make_source()], TaskSize((2, 4), (1, 3), 2), "equal", 0)
    ways, shots = set(), set()
    for _ in range(60):
        ((_, classes, batch),) = sampler.draw(4, hard=False)
        ways.add(classes.shape[1])
        shots.update(batch.weights.sum(2).flatten().int().tolist())
        assert all(len(set(row)) == len(row) for row in classes.tolist())
        assert batch.query.shape == (4, 2 * classes.shape[1])
    assert (ways, shots) == ({2, 3, 4}, {1, 2, 3})


def test_held_out_classes_are_never_learned_from(make_source):
    sampler = TaskSampler.build([make_source()], SHAPE, "equal", 0)
    corpus = sampler.corpora[0]
    held_out = set(corpus.held_out.tolist())
    learned = {c for _ in range(50) for c in sampler.draw(8, hard=True)[0][1].flatten().tolist()}
    assert learned == set(range(16)) - held_out
    (batch,) = sampler.check_tasks(100)
    rows = make_source().rows[torch.isin(make_source().classes, corpus.held_out)]
    held_out_rows = {tuple(row) for row in rows.tolist()}
    assert {tuple(row) for row in batch.rows.tolist()} <= held_out_rows


@pytest.mark.parametrize(
    ("weighting", "share"), [("equal", 0.5), ("size", 0.8), ("difficulty", 0.1)]
)
def test_corpora_are_drawn_as_asked(make_source, weighting, share):
    sampler = TaskSampler.build(
        [make_source(classes=32), make_source(classes=8, seed=1)], SHAPE, weighting, 0
    )
    sampler.corpora[0].error, sampler.corpora[1].error = 0.06, 0.54
    counts = [0, 0]
    for _ in range(100):
        for corpus, classes, _batch in sampler.draw(10, hard=False):
            counts[sampler.corpora.index(corpus)] += len(classes)
    assert counts[0] / sum(counts) == pytest.approx(share, abs=0.05)


def test_hard_classes_come_more_often(make_source):
    sampler = TaskSampler.build([make_source()], SHAPE, "equal", 0)
    corpus = sampler.corpora[0]
    hard = int(corpus.learning[0])
    classes, hits = corpus.learning[:4].repeat(200, 1), torch.ones(200, 4)
    for _ in range(30):
        corpus.record(classes, torch.where(classes == hard, 0.0, hits))
    assert corpus.class_errors[hard] > 0.9 > 0.1 > corpus.class_errors[int(corpus.learning[1])]

    def share(*, hard_ones: bool) -> float:
        drawn = sampler.draw(4000, hard=hard_ones)[0][1]
        return float((drawn == hard).any(1).float().mean())

    assert share(hard_ones=True) > 1.1 * share(hard_ones=False)


def test_first_order_comes_before_second(make_head, make_source, monkeypatch):
    orders = []
    monkeypatch.setattr(
        training_module,
        "meta_loss",
        lambda loop, *arguments: (orders.append(loop.first_order), meta_loss(loop, *arguments))[1],
    )
    settings = replace(QUICK, meta_steps=10)
    meta_train(make_head("maml++"), [make_source()], SHAPE, settings)
    assert orders == [True] * 3 + [False] * 7


def test_learned_rates_move_and_others_have_none(make_head, make_source):
    settings = replace(QUICK, meta_steps=3, check_every=3)

    def train(name):
        return meta_train(make_head(name), [make_source()], SHAPE, settings).training.meta

    of_steps = train("maml++")
    assert of_steps["rate.body.up"].shape == (5,)
    of_parameters = train("meta-sgd")
    assert of_parameters["rate.head.weight"].shape == (1, 10)
    for meta in (of_steps, of_parameters):
        assert (meta["rate.head.weight"] != 1).any()
    assert not [name for name in train("maml") if name.startswith("rate.")]


def test_training_that_fails_says_so(make_head, make_source, monkeypatch):
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda *_: torch.tensor(float("nan")))
    with pytest.raises(ModelError, match=r"failed at step 0: the gradient is not a number\. Set a"):
        meta_train(make_head("anil"), [make_source()], SHAPE, QUICK)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TaskSize(way=(5, 3)), "the first number must not be above the second"),
        (lambda: TaskSize(way=(1, 1)), "way=1: must be a whole number, at least 2"),
        (lambda: MetaSettings(corpora="random"), "corpora='random': choose one of 'equal'"),
        (lambda: MetaSettings(meta_tasks=0), "meta_tasks=0: must be a whole number"),
    ],
)
def test_settings_that_cannot_be(make, message):
    with pytest.raises(OptionError, match=message):
        make()


TWO = """
import sys, torch
from dataclasses import replace
sys.path.insert(0, sys.argv[-2])
from fsl_nlp.meta.algorithms import ALGORITHMS
from fsl_nlp.meta.bodies import BodySettings, vector_body
from fsl_nlp.meta.head import MetaHead
from fsl_nlp.meta.inner import InnerSettings
from fsl_nlp.meta.ranks import Ranks
from fsl_nlp.meta.run import meta_train
from fsl_nlp.meta.settings import MetaSettings, TaskSize
from fsl_nlp.meta.tasks import Source
from safetensors.torch import save_file
torch.set_num_threads(1)
rows = torch.randn(160, 8, generator=torch.Generator().manual_seed(0))
source = Source("s", rows, torch.arange(160) % 16)
algorithm = ALGORITHMS["mtl"]
head = MetaHead(algorithm, InnerSettings(), vector_body(algorithm.body, BodySettings()))
settings = MetaSettings(meta_steps=6, meta_tasks=5, check_every=3, check_tasks=20)
found = meta_train(head, [source], TaskSize((3, 3), (1, 1), 3), settings)
ranks = Ranks.current()
save_file(found.training.meta, f"{sys.argv[-1]}/{ranks.count}-{ranks.rank}.safetensors")
"""


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path, monkeypatch):
    """Each works on its own tasks of a step; the gradients are added up."""
    from safetensors.torch import load_file

    script = tmp_path / "two.py"
    script.write_text(TWO)
    root = str(Path(fsl_nlp.__file__).parents[1])
    words = [sys.executable, str(script), root, str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words[1:])
    runpy.run_path(str(script))  # one process alone
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # As `accelerate launch` sets them.
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    environments = [{**address, "RANK": rank, "LOCAL_RANK": rank} for rank in "01"]
    running = [
        subprocess.Popen(words, env={**os.environ, "OMP_NUM_THREADS": "1", **environment})
        for environment in environments
    ]
    assert [process.wait(timeout=100) for process in running] == [0, 0]
    alone, first, second = (
        load_file(tmp_path / f"{name}.safetensors") for name in ("1-0", "2-0", "2-1")
    )
    assert same(first, second)
    assert (alone["body.scale"] != 1).any()
    assert all(torch.allclose(alone[n], first[n], atol=1e-5) for n in alone)


def test_the_old_name_of_task_size_still_works():
    with pytest.warns(DeprecationWarning, match="Shape is now TaskSize"):
        from fsl_nlp.meta.settings import Shape
    assert Shape is TaskSize
