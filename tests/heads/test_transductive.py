"""Heads that use the queries of a task to tell its queries apart."""

from __future__ import annotations

import pytest
import torch

from fsl_nlp.heads import HEADS, head_class

TRANSDUCTIVE = {"laplacian", "soft-kmeans"}


def test_they_say_so():
    assert {name for name in HEADS if head_class(name).transductive} == TRANSDUCTIVE


@pytest.mark.parametrize("name", sorted(TRANSDUCTIVE))
def test_many_queries_make_up_for_a_poor_example(make_episodes, name):
    support, weights, query, target = make_episodes(
        tasks=50, way=5, shot=1, queries=30, dimensions=16, apart=0.9
    )
    accuracies = []
    for head in (head_class("proto")(), head_class(name)()):
        scores = head.score(head.fit(support, weights), query)
        accuracies.append((scores.argmax(-1) == target).float().mean().item())
    assert accuracies[1] > accuracies[0] + 0.01


def test_laplacian_of_one_query_is_the_nearest_prototype(make_episodes):
    support, weights, query, _ = make_episodes()
    laplacian, proto = head_class("laplacian")(scale=1.0), head_class("proto")()
    alone = laplacian.score(laplacian.fit(support, weights), query[:, :1])
    cosines = proto.score(proto.fit(support, weights), query[:, :1])
    torch.testing.assert_close(alone, 2 * cosines - 2)
