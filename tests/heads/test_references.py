"""Each head against its formula, written out for one task with plain loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import expit, softmax

Array = NDArray[np.float64]
# The examples of each class [K_n, D], the queries [Q, D], the parameters, the options.
Reference = Callable[[list[Array], Array, dict[str, Array], Any], Array]


def unit(x: Array) -> Array:
    return x / np.linalg.norm(x)


def units(rows: Array) -> Array:
    return np.stack([unit(row) for row in rows])


def matching(classes, queries, p, *, scale=5.0, full_context=False, reads=2, hidden=8):
    examples = units(np.concatenate(classes))
    owner = [n for n, rows in enumerate(classes) for _ in rows]
    scores = np.zeros((len(queries), len(classes)))
    for i, query in enumerate(units(queries)):
        if full_context:
            query = unit(attention_lstm(query, examples, p, scale, reads, hidden))
        attention = softmax([scale * query @ s for s in examples])
        for share, n in zip(attention, owner, strict=True):
            scores[i, n] += share
    return np.log(scores)


def attention_lstm(query, examples, p, scale, reads, hidden):
    state, cell = np.zeros_like(query), np.zeros(hidden)
    for _ in range(reads):
        attention = softmax([scale * state @ s for s in examples])
        read = sum(a * s for a, s in zip(attention, examples, strict=True))
        gates = query @ p["from_query"] + state @ p["from_state"] + read @ p["from_read"]
        take, keep, show, new = np.split(gates + p["bias"], 4)
        cell = expit(keep) * cell + expit(take) * np.tanh(new)
        state = query + (expit(show) * np.tanh(cell)) @ p["output"]
    return state


def knn(classes, queries, p, *, k=5):
    scores = np.zeros((len(queries), len(classes)))
    for i, query in enumerate(units(queries)):
        near = [
            (((query - s) ** 2).sum(), n) for n, rows in enumerate(classes) for s in units(rows)
        ]
        for distance, n in sorted(near)[:k]:
            scores[i, n] += 1 / (distance + 0.01)
    return np.log(scores / scores.sum(1, keepdims=True) + 0.05)


def ridge(classes, queries, p, *, regularisation=1.0, scale=10.0):
    examples = units(np.concatenate(classes))
    targets = np.zeros((len(examples), len(classes)))
    targets[
        np.arange(len(examples)), np.repeat(np.arange(len(classes)), list(map(len, classes)))
    ] = 1
    # By the D x D form of the solution, which the head does not use here.
    left = examples.T @ examples + regularisation * np.eye(examples.shape[1])
    return scale * units(queries) @ np.linalg.solve(left, examples.T @ targets)


def gaussian(classes, queries, p, *, covariance="shared", shrinkage=0.8):
    classes = [units(rows) for rows in classes]
    everything = np.concatenate(classes)
    D, M = everything.shape[1], len(everything)
    level = ((everything - everything.mean(0)) ** 2).mean() * np.eye(D)
    covariances = [np.cov(rows.T, bias=True) for rows in classes]
    pooled = sum(len(rows) * c for rows, c in zip(classes, covariances, strict=True)) / M
    if covariance == "diagonal":
        pooled = np.diag(np.diag(pooled))
    scores = np.zeros((len(queries), len(classes)))
    for n, rows in enumerate(classes):
        spread = pooled
        if covariance == "class":
            share = len(rows) / (len(rows) + 1)
            spread = share * covariances[n] + (1 - share) * pooled
        sigma = (1 - shrinkage) * spread + shrinkage * level
        for i, query in enumerate(units(queries)):
            d = query - rows.mean(0)
            scores[i, n] = -(d @ np.linalg.solve(sigma, d) + np.linalg.slogdet(sigma)[1]) / 2
    return scores


def excess(classes):
    """By how much chance has each class's mean too far away: the pooled variance over K_n."""
    spread = sum(((rows - rows.mean(0)) ** 2).sum() for rows in classes)
    variance = spread / max(sum(map(len, classes)) - len(classes), 1)
    return np.array([variance / len(rows) for rows in classes])


def simpleshot(classes, queries, p, *, transformation="centre"):
    centre = p.get("centre", np.mean([rows.mean(0) for rows in classes], 0))

    def change(x):
        if transformation == "centre":
            return unit(x - centre)
        return unit(x) if transformation == "l2" else x

    classes = [np.stack([change(s) for s in rows]) for rows in classes]
    distances = [[((change(q) - rows.mean(0)) ** 2).sum() for rows in classes] for q in queries]
    return excess(classes) - np.array(distances)


def laplacian(classes, queries, p, *, neighbours=3, strength=0.3, scale=10.0, updates=20):
    queries = units(queries)
    prototypes = [unit(units(rows).mean(0)) for rows in classes]
    alone = np.array([[-scale * ((q - c) ** 2).sum() for c in prototypes] for q in queries])
    near = []
    for i, query in enumerate(queries):
        ranked = sorted((-query @ other, j) for j, other in enumerate(queries) if j != i)
        near.append([j for _, j in ranked[:neighbours]])
    scores = alone
    for _ in range(updates):
        probabilities = softmax(scores, axis=1)
        scores = np.array(
            [
                a + strength * sum(probabilities[j] for j in js)
                for a, js in zip(alone, near, strict=True)
            ]
        )
    return scores


def soft_kmeans(classes, queries, p, *, updates=3, scale=20.0):
    queries = units(queries)
    classes = [units(rows) for rows in classes]
    centres = [rows.mean(0) for rows in classes]
    for step in range(updates + 1):
        scores = np.array([[q @ unit(c) for c in centres] for q in queries])
        if step == updates:
            return scores
        probabilities = softmax(scale * scores, axis=1)
        for n, rows in enumerate(classes):
            centres[n] = (rows.sum(0) + probabilities[:, n] @ queries) / (
                len(rows) + probabilities[:, n].sum()
            )
    return None


def siamese(classes, queries, p):
    scores = np.zeros((len(queries), len(classes)))
    for i, query in enumerate(units(queries)):
        for n, rows in enumerate(classes):
            pairs = []
            for s in units(rows):
                distance = sum(np.exp(p["log_weights"]) * np.abs(query - s))
                pairs.append(expit(p["offset"] - distance))
            scores[i, n] = np.log(np.mean(pairs))
    return scores


def relation(classes, queries, p, *, pairing="compare"):
    scores = np.zeros((len(queries), len(classes)))
    for i, q in enumerate(units(queries)):
        for n, rows in enumerate(classes):
            c = unit(units(rows).mean(0))
            seen, layer = [c, q], [p["prototype"], p["query"]]
            if pairing == "compare":
                seen += [np.abs(c - q), len(q) * c * q]
                layer += [p["difference"], p["product"]]
            hidden = np.concatenate(seen) @ np.concatenate(layer) + p["bias"]
            scores[i, n] = np.maximum(hidden, 0) @ p["output"]
    return scores


def tadam(classes, queries, p):
    task = unit(np.mean([units(rows).mean(0) for rows in classes], 0))
    hidden = np.maximum(task @ p["task_in"] + p["task_bias"], 0)
    gamma = p["gamma_factor"] * (task + hidden @ p["task_gamma"])
    beta = p["beta_factor"] * (task + hidden @ p["task_beta"])

    def modulate(x):
        return unit((1 + gamma) * unit(x) + beta)

    classes = [np.stack([modulate(s) for s in rows]) for rows in classes]
    distances = [[((modulate(q) - rows.mean(0)) ** 2).sum() for rows in classes] for q in queries]
    return np.exp(p["log_scale"]) * (excess(classes) - np.array(distances))


def induction(classes, queries, p, *, width, routings=3):
    def encode(x):
        return unit(x) @ p["transform"] + p["bias"]

    def squash(x):
        square = x @ x
        return square / (1 + square) * x / np.sqrt(square)

    scores = np.zeros((len(queries), len(classes)))
    for n, rows in enumerate(classes):
        examples = [squash(encode(s)) for s in rows]
        coupling = np.zeros(len(rows))
        for _ in range(routings):
            c = squash(sum(d * e for d, e in zip(softmax(coupling), examples, strict=True)))
            coupling = coupling + [e @ c for e in examples]
        for i, query in enumerate(queries):
            related = [c @ matrix @ encode(query) for matrix in p["tensor"]]
            scores[i, n] = np.maximum(related + p["offsets"], 0) @ p["output"]
    return scores


def projection(classes, queries, p):
    def change(x):
        return unit((unit(x) - p["mean"]) @ p["whitening"])

    centres = [unit(np.stack([change(s) for s in rows]).mean(0)) for rows in classes]
    return 10 * np.array([[change(q) @ c for c in centres] for q in queries])


CASES: list[tuple[str, Reference, dict[str, Any]]] = [
    ("matching", matching, {}),
    ("matching", matching, {"scale": 1.0}),
    ("matching", matching, {"full_context": True, "hidden": 8}),
    ("matching", matching, {"full_context": True, "hidden": 8, "reads": 4}),
    ("knn", knn, {}),
    ("knn", knn, {"k": 1}),
    ("knn", knn, {"k": 100}),
    ("ridge", ridge, {}),
    ("ridge", ridge, {"regularisation": 0.1, "scale": 3.0}),
    ("gaussian", gaussian, {}),
    ("gaussian", gaussian, {"shrinkage": 0.2}),
    ("gaussian", gaussian, {"covariance": "class", "shrinkage": 0.3}),
    ("gaussian", gaussian, {"covariance": "diagonal", "shrinkage": 0.3}),
    ("simpleshot", simpleshot, {}),
    ("simpleshot", simpleshot, {"transformation": "l2"}),
    ("simpleshot", simpleshot, {"transformation": "none"}),
    ("laplacian", laplacian, {}),
    ("laplacian", laplacian, {"neighbours": 100, "strength": 1.0, "updates": 3}),
    ("soft-kmeans", soft_kmeans, {}),
    ("soft-kmeans", soft_kmeans, {"updates": 1, "scale": 5.0}),
    ("siamese", siamese, {}),
    ("relation", relation, {}),
    ("relation", relation, {"pairing": "concatenate"}),
    ("tadam", tadam, {}),
    ("induction", induction, {"width": 16}),
    ("induction", induction, {"width": 16, "routings": 1}),
    ("projection", projection, {}),
]
# The head leaves out the terms of the Gaussian exponent that are equal for all classes.
UP_TO_A_CONSTANT = {"gaussian"}


@pytest.mark.parametrize(
    ("name", "reference", "options"),
    CASES,
    ids=["-".join([name, *map(str, options.values())]) for name, _, options in CASES],
)
# 60 dimensions are more than the examples of a task, 6 are fewer.
@pytest.mark.parametrize("dimensions", [6, 60])
def test_the_formula(make_head, make_episodes, name, reference, options, dimensions):
    head = make_head(name, dimensions=dimensions, **options)
    support, weights, query, _ = make_episodes(tasks=3, dimensions=dimensions, ragged=True)
    scores = head.score(head.fit(support, weights), query).double().numpy()
    parameters = {
        k: v.double().numpy() for k, v in (getattr(head, "parameters", None) or {}).items()
    }
    for task in range(3):
        classes = [
            rows[kept > 0].double().numpy()
            for rows, kept in zip(support[task], weights[task], strict=True)
        ]
        expected = reference(classes, query[task].double().numpy(), parameters, **options)
        actual = scores[task]
        if name in UP_TO_A_CONSTANT:
            actual = actual - actual[:, :1]
            expected = expected - expected[:, :1]
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=3e-5)


def test_the_centre_of_the_source_vectors(make_head, make_episodes):
    support, weights, query, _ = make_episodes(tasks=1)
    source = torch.randn(40, 12, generator=torch.Generator().manual_seed(3)) + 1
    head = make_head("simpleshot").prepare(source, torch.arange(40) % 4)
    actual = head.score(head.fit(support, weights), query)[0].double().numpy()
    expected = simpleshot(
        list(support[0].double().numpy()),
        query[0].double().numpy(),
        {"centre": source.double().numpy().mean(0)},
    )
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
