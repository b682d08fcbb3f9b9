"""Training heads on source classes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.heads import head_class

SMALL = {
    "matching": {"full_context": True, "hidden": 8},
    "induction": {"width": 32, "slices": 4},
}
LEARNED = ("matching", "projection", "siamese", "relation", "tadam", "induction")
learned = pytest.mark.parametrize("name", LEARNED)
SIGNAL, NOISE = 6, 18


def untrained(name: str):
    return head_class(name)(**SMALL.get(name, {}))


@pytest.fixture
def source() -> tuple[Tensor, Tensor]:
    """40 classes of 20 vectors [800, 24] that differ in 6 dimensions; 18 are loud noise."""
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(40, 1, SIGNAL, generator=generator).expand(-1, 20, -1)
    signal = means + 0.4 * torch.randn(40, 20, SIGNAL, generator=generator)
    noise = 1.2 * torch.randn(40, 20, NOISE, generator=generator)
    return torch.cat([signal, noise], -1).flatten(0, 1), torch.arange(40).repeat_interleave(20)


def accuracy(head, vectors: Tensor, shot: int = 5) -> float:
    """Over tasks that each have five of the classes, 20 vectors a class."""
    tasks = vectors.view(-1, 5, 20, vectors.shape[-1])
    support, query = tasks[:, :, :shot], tasks[:, :, shot:].flatten(1, 2)
    scores = head.score(head.fit(support, torch.ones(support.shape[:3])), query)
    target = torch.arange(5).repeat_interleave(20 - shot)
    return (scores.argmax(-1) == target).float().mean().item()


@learned
@pytest.mark.slow
def test_training_helps_on_classes_it_did_not_see(source, name):
    vectors, classes = source
    head, unseen = untrained(name), vectors[400:]
    before = replace(head, parameters=head.initial(SIGNAL + NOISE, seed=0))
    after = head.prepare(vectors[:400], classes[:400], steps=150, learning_rate=1e-2)
    assert accuracy(after, unseen) > accuracy(before, unseen) + 0.03


@learned
def test_the_same_seed_gives_the_same_parameters(source, name):
    def train(seed: int):
        return untrained(name).prepare(*source, steps=10, seed=seed).parameters

    first, again, other = train(0), train(0), train(1)
    assert all(torch.equal(first[k], again[k]) for k in first)
    by_chance = name != "projection"
    assert any(not torch.equal(first[k], other[k]) for k in first) == by_chance


@learned
def test_parameters_restore_the_head(source, name):
    vectors, classes = source
    trained = untrained(name).prepare(vectors, classes, steps=5)
    copied = {k: torch.from_numpy(v.numpy().copy()) for k, v in trained.parameters.items()}
    restored = replace(untrained(name), parameters=copied)
    assert accuracy(restored, vectors) == accuracy(trained, vectors)
    assert not any(v.requires_grad for v in trained.parameters.values())


@learned
def test_a_head_is_not_changed_by_training(source, name):
    head = untrained(name)
    assert not head.ready
    assert head.prepare(*source, steps=1).ready
    assert not head.ready


@learned
def test_an_untrained_head_says_what_to_do(name):
    with pytest.raises(OptionError, match=r"Call prepare\(vectors, classes\) on source classes"):
        untrained(name).fit(torch.randn(1, 2, 3, 4), torch.ones(1, 2, 3))


@learned
def test_gradients_reach_every_parameter_that_is_trained(make_head, make_episodes, name):
    head = make_head(name, **SMALL.get(name, {}))
    parameters = {k: v.requires_grad_() for k, v in head.parameters.items()}
    support, weights, query, target = make_episodes(ragged=True)
    support.requires_grad_()
    scores = head.score(head.fit(support, weights), query)
    torch.nn.functional.cross_entropy(scores.flatten(0, 1), target.repeat(4)).backward()
    fixed = {"mean", "whitening"}
    for key, value in parameters.items():
        if key not in fixed:
            assert value.grad is not None, key
            assert value.grad.isfinite().all(), key
            assert value.grad.any(), key
    assert support.grad.isfinite().all()
    assert support.grad[weights == 0].abs().max() < 1e-20


def test_what_needs_no_training_is_ready():
    assert head_class("proto")().ready
    assert head_class("matching")().ready
    assert head_class("simpleshot")().ready
    matching = head_class("matching")()
    assert matching.prepare(torch.randn(80, 4), torch.arange(80) % 4) is matching


def test_training_that_does_not_help_is_not_kept():
    """Classes without a difference: nothing learned can be better than the start."""
    vectors = torch.randn(200, 6, generator=torch.Generator().manual_seed(0))
    vectors = torch.cat([vectors[:100], vectors[:100]])
    head = head_class("tadam")()
    trained = head.prepare(vectors, torch.arange(200) % 5, steps=20, learning_rate=1e-9)
    start = head.initial(6, seed=0)
    assert all(torch.allclose(trained.parameters[k], start[k], atol=1e-6) for k in start)


def test_a_projection_whitens_what_varies_within_classes(source):
    """With the least shrinkage, every source class is round, as seen over all classes."""
    vectors, classes = source
    unit = torch.nn.functional.normalize(vectors, dim=-1)
    head = head_class("projection")(shrinkage=0.01).prepare(vectors, classes)
    white = (unit - head.parameters["mean"]) @ head.parameters["whitening"]
    within = (white.view(40, 20, -1) - white.view(40, 20, -1).mean(1, keepdim=True)).flatten(0, 1)
    variances = torch.linalg.eigvalsh(within.T @ within)
    assert variances.max() < 1.1 * variances.min()
    raw = (unit.view(40, 20, -1) - unit.view(40, 20, -1).mean(1, keepdim=True)).flatten(0, 1)
    before = torch.linalg.eigvalsh(raw.T @ raw)
    assert before.max() > 5 * before.min()
    whole = head_class("projection")(shrinkage=1).prepare(vectors, classes).parameters["whitening"]
    torch.testing.assert_close(whole, torch.eye(len(whole)), atol=1e-5, rtol=0)


def test_classes_have_equal_weight_in_a_projection(source):
    """A source class of many examples has no more say in the metric than one of few."""
    vectors, classes = source
    often = torch.cat([vectors, vectors[:20].repeat(50, 1)])
    again = torch.cat([classes, torch.zeros(1000, dtype=torch.long)])
    first = head_class("projection")().prepare(vectors, classes).parameters
    second = head_class("projection")().prepare(often, again).parameters
    torch.testing.assert_close(first, second, atol=1e-4, rtol=1e-3)


def test_classes_need_not_be_numbered_without_gaps(source):
    vectors, classes = source
    first = untrained("tadam").prepare(vectors, classes, steps=3).parameters
    second = untrained("tadam").prepare(vectors, 7 * classes + 2, steps=3).parameters
    assert all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize(
    ("classes", "options", "message"),
    [
        ([0, 1, 2] * 20, {}, "Training needs at least 4 source classes, but there are 3."),
        (
            [*range(5)] * 11 + [9] * 5,
            {},
            "Source class 9 has 5 vectors; shot=5 and query=5 need 10. Leave this class out, or "
            "lower shot or query.",
        ),
        ([0] * 61, {}, "vectors (60, 4) and classes (61,) do not fit: give vectors [n, D] and"),
    ],
)
def test_source_data_that_cannot_be_used(classes, options, message):
    with pytest.raises(DataError) as error:
        untrained("tadam").prepare(torch.randn(60, 4), torch.tensor(classes), **options)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("option", ["way", "shot", "query", "steps", "tasks_per_step"])
def test_a_wrong_length_of_training(source, option):
    with pytest.raises(OptionError, match=f"{option}=0: must be a whole number"):
        untrained("tadam").prepare(*source, **{option: 0})


def test_shot_and_way_follow_the_task(source):
    """Fewer classes than asked for make smaller tasks; classes may be of any size."""
    vectors, classes = source
    few = classes < 6
    uneven = few & ~((classes == 0) & (torch.arange(800) % 2 == 0))
    head = untrained("tadam").prepare(vectors[uneven], classes[uneven], way=20, shot=1, steps=3)
    assert head.ready
