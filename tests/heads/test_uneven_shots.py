"""Squared distances to means of different numbers of examples."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from fsl_nlp.heads.operations import class_means, means_and_excess, squared_distances

HEADS: list[tuple[str, dict[str, Any]]] = [
    ("proto", {"distance": "euclidean"}),
    ("simpleshot", {"transformation": "none"}),
    ("simpleshot", {"transformation": "l2"}),
    ("simpleshot", {"transformation": "centre"}),
    ("tadam", {}),
]
every_distance = pytest.mark.parametrize(
    ("name", "options"), HEADS, ids=["-".join([n, *map(str, o.values())]) for n, o in HEADS]
)


@every_distance
def test_a_class_of_few_examples_is_chosen_too(make_head, make_episodes, name, options):
    support, weights, query, target = make_episodes(
        tasks=300, way=4, shot=16, queries=6, dimensions=32, apart=0.5
    )
    weights[:, 0, 1:] = 0  # one example against 16
    head = make_head(name, dimensions=32, **options)
    state = head.fit(support, weights)
    without = {**state, "excess": torch.zeros_like(state["excess"])}
    fair, unfair = (head.score(s, query).argmax(-1) for s in (state, without))
    # A noisy mean is near by chance as well as far, so a quarter is not met to the point.
    assert (fair == 0).float().mean().item() == pytest.approx(0.25, abs=0.15)
    assert (unfair == 0).float().mean().item() < 0.05
    right, before = ((chosen == target).float().mean().item() for chosen in (fair, unfair))
    assert right > before + 0.01


@every_distance
def test_with_equally_many_examples_probabilities_are_the_papers(
    make_head, make_episodes, name, options
):
    support, weights, query, _ = make_episodes()
    head = make_head(name, **options)
    state = head.fit(support, weights)
    plain = head.score({**state, "excess": torch.zeros_like(state["excess"])}, query)
    torch.testing.assert_close(head.score(state, query).softmax(-1), plain.softmax(-1))


def test_the_excess_is_what_chance_adds() -> None:
    """To the squared distance from the true mean, over many tasks."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(1, 3, 1, 8, generator=generator)
    support = truth + torch.randn(4000, 3, 6, 8, generator=generator)
    weights = torch.ones(4000, 3, 6)
    weights[:, 0, 1:], weights[:, 1, 3:] = 0, 0
    means, excess = means_and_excess(support, weights)
    torch.testing.assert_close(means, class_means(support, weights))
    query = torch.randn(1, 5, 8, generator=generator)
    actual = squared_distances(query.expand(4000, -1, -1), means).mean(0)
    exact = squared_distances(query, truth[:, :, 0])[0]
    # 8 dimensions of variance 1, means of 1, 3 and 6.
    torch.testing.assert_close(
        excess.mean(0), torch.tensor([8.0, 8 / 3, 8 / 6]), rtol=0.05, atol=0.0
    )
    torch.testing.assert_close(actual - excess.mean(0), exact, rtol=0.05, atol=0.2)


def test_one_example_a_class_has_no_variance_to_take_off(make_episodes) -> None:
    support, weights, _, _ = make_episodes(shot=1)
    assert (means_and_excess(support, weights)[1] == 0).all()
