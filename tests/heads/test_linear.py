"""Logistic regression against its own objective, minimised by another routine."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from fsl_nlp.errors import OptionError
from fsl_nlp.heads.linear import LinearHead

Batch = tuple[Tensor, Tensor, Tensor]
Array = NDArray[np.float64]


@pytest.fixture
def batch() -> Batch:
    """Support [2, 3, 4, 5] with ragged weights, and queries [2, 6, 5]."""
    random = torch.Generator().manual_seed(1)
    support = torch.randn(2, 3, 4, 5, generator=random)
    weights = torch.ones(2, 3, 4)
    weights[0, 1, 1:] = 0
    weights[1, 2, 3] = 0
    weights[1, 0, 0] = 0.5
    return support, weights, torch.randn(2, 6, 5, generator=random)


def unit(vectors: Array) -> Array:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def reference(C: float, support: Array, weights: Array, query: Array) -> Array:
    """Probabilities of one task, from |W|^2 / 2 + C sum_i w_i (-log softmax(W s_i + b)[y_i]).

    Of two classes the penalty is on the difference of their rows, as the head's docstring has it.
    """
    classes, examples = np.nonzero(weights)
    rows = unit(support[classes, examples])
    # Each class has the same weight in all; the mean weight of an example stays what it was.
    share = weights / weights.sum(1, keepdims=True) * weights.sum() / len(weights)
    share = share[classes, examples]
    count, width = len(support), support.shape[-1]

    def loss(flat: Array) -> float:
        matrix, bias = flat[: count * width].reshape(count, width), flat[count * width :]
        scores = rows @ matrix.T + bias
        nll = logsumexp(scores, axis=1) - scores[np.arange(len(rows)), classes]
        penalised = matrix[1] - matrix[0] if count == 2 else matrix
        return float((penalised**2).sum() / 2 + C * (share * nll).sum())

    best = minimize(loss, np.zeros(count * width + count), options={"gtol": 1e-6}).x
    matrix, bias = best[: count * width].reshape(count, width), best[count * width :]
    return np.asarray(softmax(unit(query) @ matrix.T + bias, axis=1))


def scores_of(head: LinearHead, support: Tensor, weights: Tensor, query: Tensor) -> Tensor:
    return head.score(head.fit(support, weights), query)


def probabilities_of(head: LinearHead, *batch: Tensor) -> Tensor:
    return scores_of(head, *batch).softmax(-1)


@pytest.mark.parametrize("C", [0.3, 10.0])
@pytest.mark.parametrize("classes", [3, 2])
def test_probabilities_minimise_the_objective(C: float, classes: int, batch: Batch) -> None:
    support, weights, query = batch
    support, weights = support[:, :classes], weights[:, :classes]
    actual = probabilities_of(LinearHead(C), support, weights, query)
    for task, row in enumerate(actual):
        arrays = (tensor[task].double().numpy() for tensor in (support, weights, query))
        np.testing.assert_allclose(row.numpy(), reference(C, *arrays), atol=3e-3)


@pytest.fixture
def one_way() -> Batch:
    """3,000 vectors of 20 ragged classes that all point much the same way, and 200 queries."""
    random = torch.Generator().manual_seed(3)
    middles = torch.randn(20, 32, generator=random)
    support = middles[:, None] + 1.5 * torch.randn(20, 200, 32, generator=random)
    weights = (torch.arange(200) < torch.linspace(100, 200, 20)[:, None]).float()
    query = middles.repeat(10, 1) + 1.5 * torch.randn(200, 32, generator=random)
    offset = 30 * torch.randn(32, generator=random)
    return (support + offset)[None], weights[None], (query + offset)[None]


def test_thousands_of_examples_are_fitted_to_full_precision(one_way: Batch) -> None:
    support, weights, query = one_way
    examples = weights[0].nonzero()
    rows = unit(support[0][examples[:, 0], examples[:, 1]].double().numpy())
    share = weights[0] / weights[0].sum(1, keepdim=True) * weights.sum() / 20
    model = LogisticRegression(C=30.0, tol=1e-10, max_iter=10_000)
    model.fit(rows, examples[:, 0].numpy(), sample_weight=share[weights[0] > 0].double().numpy())
    expected = model.predict_proba(unit(query[0].double().numpy()))
    np.testing.assert_allclose(
        probabilities_of(LinearHead(), *one_way)[0].numpy(), expected, atol=1e-3
    )


def test_vectors_that_point_much_the_same_way_take_few_steps(
    one_way: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of e5 do: on their differences the solver takes a fraction of the steps."""
    steps = []

    class Counted(LogisticRegression):
        def fit(self, *args: Any, **more: Any) -> Any:
            fitted = super().fit(*args, **more)
            steps.append(int(self.n_iter_.max()))
            return fitted

    monkeypatch.setattr("sklearn.linear_model.LogisticRegression", Counted)
    LinearHead().fit(*one_way[:2])
    assert len(steps) == 1
    assert steps[0] <= 40  # 15; on the rows as they are, 164


def test_examples_that_are_all_equal_give_every_class_its_share() -> None:
    support, weights = torch.ones(1, 4, 3, 5), torch.ones(1, 4, 3)
    probabilities = probabilities_of(LinearHead(), support, weights, torch.randn(1, 6, 5))
    torch.testing.assert_close(probabilities, torch.full((1, 6, 4), 0.25), atol=1e-3, rtol=0)


def test_two_classes_are_told_apart(batch: Batch) -> None:
    support, weights, _ = batch
    support, weights = support[:, :2], weights[:, :2]
    scores = scores_of(LinearHead(1e4), support, weights, support.flatten(1, 2))
    best = scores.argmax(-1).view(2, 2, 4)
    expected = torch.tensor([0, 1])[None, :, None].expand(2, 2, 4)
    assert torch.equal(best[weights > 0], expected[weights > 0])


def test_a_batch_is_its_tasks_one_by_one(batch: Batch) -> None:
    alone = [scores_of(LinearHead(), *(tensor[i : i + 1] for tensor in batch)) for i in range(2)]
    torch.testing.assert_close(scores_of(LinearHead(), *batch), torch.cat(alone))


def test_what_has_no_weight_has_no_say(batch: Batch) -> None:
    support, weights, query = batch
    other = torch.where(weights.unsqueeze(-1) > 0, support, torch.tensor(1e3))
    torch.testing.assert_close(
        scores_of(LinearHead(), other, weights, query), scores_of(LinearHead(), *batch)
    )


def test_all_classes_have_equal_weight_however_many_examples_they_have() -> None:
    """Twice the same example says no more than once."""
    random = torch.Generator().manual_seed(2)
    support = torch.randn(1, 2, 1, 5, generator=random).expand(1, 2, 4, 5)
    query = torch.randn(1, 8, 5, generator=random)
    once, often = torch.zeros(1, 2, 4), torch.zeros(1, 2, 4)
    once[0, :, :2], often[0, 0], often[0, 1, 0] = 1, 1, 1
    actual = scores_of(LinearHead(), support, often, query)
    # Of 4 and 1 examples each class weighs 2.5; of 2 and 2 it weighs 2.
    torch.testing.assert_close(
        actual, scores_of(LinearHead(30 * 2.5 / 2), support, once, query), atol=1e-3, rtol=1e-3
    )


def test_only_directions_count(batch: Batch) -> None:
    support, weights, query = batch
    torch.testing.assert_close(
        scores_of(LinearHead(), 7 * support, weights, 3 * query),
        scores_of(LinearHead(), *batch),
        atol=1e-3,
        rtol=1e-3,
    )


def test_the_learned_state_has_the_task_first(batch: Batch) -> None:
    state = LinearHead().fit(*batch[:2])
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == {
        "weight": (2, 3, 5),
        "bias": (2, 3),
    }


@pytest.mark.parametrize("empty", [0, 1, 2])
def test_a_class_without_an_example_is_never_chosen(empty: int, batch: Batch) -> None:
    support, weights, query = batch
    weights[:, empty] = 0
    probabilities = probabilities_of(LinearHead(), support, weights, query)
    assert probabilities[..., empty].max() == 0
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(2, 6))


def test_a_fit_that_is_not_finished_is_no_concern_of_the_user(batch: Batch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LinearHead(1e6).fit(*batch[:2])


def test_many_classes_of_one_example_are_no_concern_of_the_user() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LinearHead().fit(torch.randn(1, 30, 1, 5), torch.ones(1, 30, 1))


@pytest.mark.parametrize("strength", [0, -1, float("nan")])
def test_only_a_positive_strength_is_taken(strength: float) -> None:
    with pytest.raises(OptionError, match=f"C={strength}: must be"):
        LinearHead(C=strength)
