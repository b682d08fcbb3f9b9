"""What must be true of every head, whatever its formula."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from fsl_nlp.errors import OptionError
from fsl_nlp.heads import HEADS, head_class
from fsl_nlp.heads.learned import LearnedHead

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {"width": 32} if name == "induction" else {}) for name in HEADS),
    ("proto", {"distance": "euclidean"}),
    ("matching", {"full_context": True, "hidden": 8}),
    ("gaussian", {"covariance": "class"}),
    ("gaussian", {"covariance": "diagonal"}),
    ("simpleshot", {"transformation": "none"}),
    ("relation", {"pairing": "concatenate"}),
]
every_head = pytest.mark.parametrize(
    ("name", "options"), VARIANTS, ids=["-".join([n, *map(str, o.values())]) for n, o in VARIANTS]
)
# Logistic regression stops when it is near enough; the others have nothing to converge.
TOLERANCE = {"linear": 1e-3}


def scores(head, support, weights, query):
    return head.score(head.fit(support, weights), query)


def assert_same(name, actual, expected):
    tolerance = TOLERANCE.get(name, 1e-5)
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


@every_head
def test_a_batch_is_its_tasks_one_at_a_time(make_head, make_episodes, name, options):
    head = make_head(name, **options)
    support, weights, query, _ = make_episodes(ragged=True)
    together = scores(head, support, weights, query)
    alone = [
        scores(head, support[i : i + 1], weights[i : i + 1], query[i : i + 1]) for i in range(4)
    ]
    assert together.shape == (4, 9, 3)
    assert_same(name, together, torch.cat(alone))


@every_head
def test_padding_changes_nothing(make_head, make_episodes, name, options):
    head = make_head(name, **options)
    support, weights, query, _ = make_episodes(shot=3)
    rubbish = torch.full_like(support[:, :, :2], 7.0)
    padded = torch.cat([rubbish, support, rubbish], dim=2)
    none = torch.zeros_like(weights[:, :, :2])
    padded_weights = torch.cat([none, weights, none], dim=2)
    assert_same(
        name, scores(head, padded, padded_weights, query), scores(head, support, weights, query)
    )


@every_head
def test_the_order_of_examples_and_classes_is_nothing(make_head, make_episodes, name, options):
    head = make_head(name, **options)
    support, weights, query, _ = make_episodes(ragged=True)
    expected = scores(head, support, weights, query)
    examples, classes = torch.tensor([2, 0, 3, 1]), torch.tensor([1, 2, 0])
    assert_same(
        name, scores(head, support[:, :, examples], weights[:, :, examples], query), expected
    )
    moved = scores(head, support[:, classes], weights[:, classes], query)
    assert_same(name, moved, expected[..., classes])


@every_head
def test_the_order_of_queries_is_nothing(make_head, make_episodes, name, options):
    head = make_head(name, **options)
    support, weights, query, _ = make_episodes()
    backwards = scores(head, support, weights, query.flip(1))
    assert_same(name, backwards.flip(1), scores(head, support, weights, query))


@every_head
def test_only_transductive_heads_look_at_the_other_queries(make_head, make_episodes, name, options):
    head = make_head(name, **options)
    support, weights, query, _ = make_episodes()
    alone = scores(head, support, weights, query[:, :1])
    together = scores(head, support, weights, query)[:, :1]
    assert torch.allclose(alone, together, atol=1e-4) is not head.transductive


@every_head
@pytest.mark.parametrize("shot", [1, 5])
@pytest.mark.slow
def test_beats_chance(make_episodes, name, options, shot):
    head = head_class(name)(**options)
    # From the two vectors alone the network must first learn what is similar.
    hard = options.get("pairing") == "concatenate"
    if isinstance(head, LearnedHead):
        vectors, _, _, _ = make_episodes(tasks=1, way=30, shot=20, dimensions=32, seed=2)
        classes = torch.arange(30).repeat_interleave(20)
        head = head.prepare(vectors[0].flatten(0, 1), classes, steps=300 if hard else 60)
    support, weights, query, target = make_episodes(
        tasks=60, way=5, shot=shot, dimensions=32, seed=1
    )
    accuracy = (scores(head, support, weights, query).argmax(-1) == target).float().mean()
    assert accuracy > (0.4 if hard else 0.7)


@every_head
def test_more_dimensions_than_a_matrix_could_hold(make_head, make_episodes, name, options):
    head = make_head(name, dimensions=1152, **options)
    support, weights, query, _ = make_episodes(tasks=3, way=5, shot=1, dimensions=1152)
    assert scores(head, support, weights, query).isfinite().all()


@every_head
def test_copies_of_one_example_do_no_harm(make_head, make_episodes, name, options):
    head = make_head(name, **options)
    support, weights, query, _ = make_episodes()
    support[:, 0] = support[:, 0, :1]
    support[:, 1, 0] = support[:, 2, 0]
    query[:, 0] = support[:, 0, 0]
    assert scores(head, support, weights, query).isfinite().all()


@every_head
def test_what_was_learned_is_tensors_of_each_task(make_head, make_episodes, name, options):
    support, weights, _, _ = make_episodes()
    state = make_head(name, **options).fit(support, weights)
    assert {tensor.shape[0] for tensor in state.values()} == {4}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("knn", {"k": 0}, "k=0: must be a whole number, at least 1."),
        ("knn", {"k": True}, "k=True: must be a whole number, at least 1."),
        ("matching", {"scale": 0}, "scale=0: must be greater than 0."),
        ("ridge", {"regularisation": -1}, "regularisation=-1: must be greater than 0."),
        ("ridge", {"scale": "big"}, "scale='big': must be greater than 0."),
        ("linear", {"C": 0}, "C=0: must be greater than 0 (larger fits closer)."),
        (
            "gaussian",
            {"covariance": "full"},
            "covariance='full': choose one of 'shared', 'class', 'diagonal'.",
        ),
        ("gaussian", {"shrinkage": 0}, "shrinkage=0: must be from 0.01 to 1."),
        (
            "simpleshot",
            {"transformation": "l1"},
            "transformation='l1': choose one of 'none', 'l2', 'centre'.",
        ),
        ("laplacian", {"strength": 0}, "strength=0: must be greater than 0."),
        ("soft-kmeans", {"updates": 0}, "updates=0: must be a whole number, at least 1."),
        ("relation", {"pairing": "sum"}, "pairing='sum': choose one of 'concatenate', 'compare'."),
        ("induction", {"slices": 0}, "slices=0: must be a whole number, at least 1."),
        ("projection", {"shrinkage": 0}, "shrinkage=0: must be from 0.01 to 1."),
    ],
)
def test_a_wrong_option_says_what_is_right(name, options, message):
    with pytest.raises(OptionError) as error:
        head_class(name)(**options)
    assert str(error.value) == message
