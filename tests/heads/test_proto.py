"""Prototypes against the formulas of the paper, written as loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from fsl_nlp.errors import OptionError
from fsl_nlp.heads.proto import DISTANCES, ProtoHead

Batch = tuple[Tensor, Tensor, Tensor]


@pytest.fixture
def batch() -> Batch:
    """Support [3, 4, 3, 5] with ragged, unequal weights, and queries [3, 6, 5]."""
    random = torch.Generator().manual_seed(0)
    support = torch.randn(3, 4, 3, 5, generator=random)
    weights = torch.rand(3, 4, 3, generator=random) + 0.1
    weights[0, 1, 1:] = 0
    weights[1, :, 2] = 0
    weights[2, 3, 0] = 0
    return support, weights, torch.randn(3, 6, 5, generator=random)


def reference(
    distance: str,
    support: NDArray[np.float64],
    weights: NDArray[np.float64],
    query: NDArray[np.float64],
) -> NDArray[np.float64]:
    """One task: support [N, K, D], weights [N, K], query [Q, D] -> [Q, N]."""
    scores = np.zeros((len(query), len(support)))
    spread = 0.0  # about the means, of all examples
    for n, (examples, shares) in enumerate(zip(support, weights, strict=True)):
        mean = np.zeros(support.shape[-1])
        for example, share in zip(examples, shares, strict=True):
            unit = example / np.linalg.norm(example) if distance == "cosine" else example
            mean += share / shares.sum() * unit
        for example, share in zip(examples, shares, strict=True):
            spread += share * ((example - mean) ** 2).sum()
        for q, question in enumerate(query):
            if distance == "euclidean":
                scores[q, n] = -(((question - mean) ** 2).sum())
            else:
                lengths = np.linalg.norm(question) * np.linalg.norm(mean)
                scores[q, n] = question @ mean / lengths
    if distance == "euclidean":
        variance = spread / max(weights.sum() - len(support), 1)
        scores += [variance / max(shares.sum(), 1) for shares in weights]
    return scores


def scores_of(head: ProtoHead, support: Tensor, weights: Tensor, query: Tensor) -> Tensor:
    return head.score(head.fit(support, weights), query)


@pytest.mark.parametrize("distance", DISTANCES)
def test_scores_are_the_papers(distance: str, batch: Batch) -> None:
    actual = scores_of(ProtoHead(distance), *batch)  # type: ignore[arg-type]
    for task, row in enumerate(actual):
        expected = reference(distance, *(tensor[task].double().numpy() for tensor in batch))
        np.testing.assert_allclose(row.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_batch_is_its_tasks_one_by_one(distance: str, batch: Batch) -> None:
    head = ProtoHead(distance)  # type: ignore[arg-type]
    alone = [scores_of(head, *(tensor[i : i + 1] for tensor in batch)) for i in range(3)]
    torch.testing.assert_close(scores_of(head, *batch), torch.cat(alone))


@pytest.mark.parametrize("distance", DISTANCES)
def test_what_has_no_weight_has_no_say(distance: str, batch: Batch) -> None:
    head = ProtoHead(distance)  # type: ignore[arg-type]
    support, weights, query = batch
    other = torch.where(weights.unsqueeze(-1) > 0, support, torch.tensor(1e3))
    assert not torch.equal(other, support)
    torch.testing.assert_close(scores_of(head, other, weights, query), scores_of(head, *batch))


def test_the_learned_state_has_the_task_first(batch: Batch) -> None:
    state = ProtoHead().fit(*batch[:2])
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == {
        "prototypes": (3, 4, 5)
    }


def test_cosine_does_not_see_lengths_and_euclidean_does(batch: Batch) -> None:
    support, weights, query = batch
    cosine, euclidean = ProtoHead("cosine"), ProtoHead("euclidean")
    torch.testing.assert_close(
        scores_of(cosine, 3 * support, weights, 5 * query), scores_of(cosine, *batch)
    )
    assert not torch.allclose(
        scores_of(euclidean, 3 * support, weights, query), scores_of(euclidean, *batch)
    )


def test_gradients_reach_the_encoder(batch: Batch) -> None:
    """Fine-tuning with prototypes learns through fit and through score."""
    support, weights, query = batch
    support.requires_grad_()
    query.requires_grad_()
    scores_of(ProtoHead("euclidean"), support, weights, query).sum().backward()
    assert support.grad is not None
    assert query.grad is not None
    assert torch.equal(support.grad.abs().sum(-1) > 0, weights > 0)


@pytest.mark.parametrize("distance", DISTANCES)
def test_an_empty_class_gives_finite_scores(distance: str, batch: Batch) -> None:
    support, weights, query = batch
    weights[0, 2] = 0
    assert scores_of(ProtoHead(distance), support, weights, query).isfinite().all()  # type: ignore[arg-type]


def test_an_unknown_distance_is_refused() -> None:
    with pytest.raises(OptionError, match="distance='manhattan': choose one of 'cosine', 'eu"):
        ProtoHead("manhattan")  # type: ignore[arg-type]
