"""Many small logistic regressions at once, compared with scikit-learn task by task."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from fsl_nlp.heads import linear
from fsl_nlp.heads.linear import LinearHead


def reference(head: LinearHead, support: Tensor, weights: Tensor, query: Tensor) -> np.ndarray:
    """Probabilities of one task by scikit-learn, to full precision."""
    kept = weights > 0
    total = weights.sum(1, keepdim=True)
    balanced = weights / total * total.sum() / len(total)
    rows = torch.nn.functional.normalize(support[kept], dim=-1).double().numpy()
    model = LogisticRegression(C=head.C, tol=1e-9, max_iter=5000)
    model.fit(rows, kept.nonzero()[:, 0].numpy(), sample_weight=balanced[kept].double().numpy())
    return model.predict_proba(torch.nn.functional.normalize(query, dim=-1).double().numpy())


def probabilities(head: LinearHead, support: Tensor, weights: Tensor, query: Tensor) -> Tensor:
    return head.score(head.fit(support, weights), query).softmax(-1)


@pytest.fixture
def no_scikit_learn(monkeypatch):
    """Fitting task by task would fail, because it needs threadpoolctl."""
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)


@pytest.mark.usefixtures("no_scikit_learn")
@pytest.mark.parametrize("C", [0.1, 30.0])
@pytest.mark.parametrize(
    ("way", "shot", "dimensions", "apart"),
    [
        (5, 5, 384, 0.5),
        (5, 1, 384, 0.5),
        (2, 5, 48, 0.5),  # two classes, of which scikit-learn makes one row
        (3, 20, 8, 0.1),  # more examples than dimensions, and hardly a difference
        (4, 5, 48, 0.0),  # no difference at all
        (3, 5, 48, 5.0),  # no overlap
    ],
)
def test_agrees_with_scikit_learn(make_episodes, way, shot, dimensions, apart, C):
    head = LinearHead(C)
    episodes = make_episodes(
        tasks=8, way=way, shot=shot, dimensions=dimensions, apart=apart, ragged=True
    )
    support, weights, query, _ = episodes
    actual = probabilities(head, support, weights, query)
    for task in range(8):
        expected = reference(head, support[task], weights[task], query[task])
        np.testing.assert_allclose(actual[task].numpy(), expected, atol=1e-3)


@pytest.mark.usefixtures("no_scikit_learn")
def test_agrees_where_examples_repeat_or_contradict_each_other(make_episodes):
    support, weights, query, _ = make_episodes(tasks=8, way=3, shot=5, dimensions=48)
    support[:, 0] = support[:, 0, :1]
    support[:, 1, :2] = support[:, 2, :2]
    support[4:] = support[4:, :1, :1] + 1e-3 * support[4:]
    weights[:, 2, 0] = 0.25
    actual = probabilities(LinearHead(), support, weights, query)
    for task in range(8):
        expected = reference(LinearHead(), support[task], weights[task], query[task])
        np.testing.assert_allclose(actual[task].numpy(), expected, atol=1e-3)


@pytest.mark.usefixtures("no_scikit_learn")
def test_tasks_do_not_touch_each_other(make_episodes):
    support, weights, query, _ = make_episodes(tasks=24, way=4, shot=3, ragged=True)
    together = probabilities(LinearHead(), support, weights, query)
    apart = [
        probabilities(LinearHead(), *(x[i : i + 8] for x in (support, weights, query)))
        for i in (0, 8, 16)
    ]
    torch.testing.assert_close(together, torch.cat(apart), atol=1e-5, rtol=1e-5)


@pytest.mark.usefixtures("no_scikit_learn")
def test_a_class_without_an_example_is_never_chosen(make_episodes):
    support, weights, query, _ = make_episodes(tasks=8)
    weights[::2, 1] = 0
    actual = probabilities(LinearHead(), support, weights, query)
    assert actual[::2, :, 1].max() == 0
    two = [0, 2]
    for task in range(0, 8, 2):
        expected = reference(LinearHead(), support[task][two], weights[task][two], query[task])
        np.testing.assert_allclose(actual[task][:, two].numpy(), expected, atol=1e-3)


@pytest.mark.usefixtures("no_scikit_learn")
def test_two_thousand_tasks_take_seconds(make_episodes):
    support, weights, _, _ = make_episodes(tasks=2000, way=5, shot=5, queries=1, dimensions=384)
    started = time.thread_time()  # other work on the machine does not count
    LinearHead().fit(support, weights)
    assert time.thread_time() - started < 5


@pytest.mark.parametrize(("tasks", "shot"), [(1, 1000), (1, 5), (5, 20), (10, 200)])
def test_few_or_large_tasks_stay_with_scikit_learn(make_episodes, monkeypatch, tasks, shot):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(linear, "fit_logistic", refuse)
    support, weights, query, _ = make_episodes(tasks=tasks, shot=shot)
    assert probabilities(LinearHead(), support, weights, query).isfinite().all()


@pytest.mark.usefixtures("no_scikit_learn")
@pytest.mark.parametrize("C", [1e-6, 1e6])
@pytest.mark.parametrize("apart", [0.0, 20.0])
def test_extreme_penalties_stay_finite(make_episodes, C, apart):
    support, weights, query, _ = make_episodes(
        tasks=300, way=5, shot=5, dimensions=384, apart=apart
    )
    assert probabilities(LinearHead(C), support, weights, query).isfinite().all()


@pytest.mark.parametrize("classes", [[0, 1, 2, 3], [3, 1, 0], [2, 0]])
@pytest.mark.parametrize("apart", [0.0, 0.5, 5.0])
def test_a_part_is_refitted_as_it_is_fitted(make_episodes, apart, classes):
    head = LinearHead()
    episodes = make_episodes(tasks=1, way=4, shot=6, dimensions=48, apart=apart, ragged=True)
    support, weights, query, _ = episodes
    state = head.fit(support, weights)
    part, part_weights = support[:, classes], weights[:, classes].clone()
    part_weights[0, 0, 1:] = 0  # one example remains
    refitted = head.refit(part, part_weights, state, classes)
    actual = head.score(refitted, query)[0].softmax(-1).numpy()
    expected = reference(head, part[0], part_weights[0], query[0])
    np.testing.assert_allclose(actual, expected, atol=1e-3)
    assert abs(actual - head.score(state, query)[0][:, classes].softmax(-1).numpy()).max() > 0.01
