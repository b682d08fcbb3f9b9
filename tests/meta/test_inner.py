"""The inner loop against answers known on paper, against itself spelt out, and when it diverges."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from fsl_nlp.errors import OptionError
from fsl_nlp.meta import inner as inner_module
from fsl_nlp.meta.algorithms import ALGORITHMS, Algorithm
from fsl_nlp.meta.inner import InnerLoop, InnerSettings, SequentialLoop
from fsl_nlp.meta.linear_steps import linear_steps
from fsl_nlp.meta.outer import Batch, meta_loss, step_weights
from fsl_nlp.meta.task_heads import Tensors

from .conftest import as_learned, gradients

every_algorithm = pytest.mark.parametrize("name", ALGORITHMS)
both_loops = pytest.mark.parametrize("kind", [InnerLoop, SequentialLoop])

RATE, STEPS = 0.1, 4
# Of each task: how curved its support loss a/2 (w - c)^2 is, and where that is least.
CURVES = torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64)
CENTRES = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
START = torch.tensor(0.7, dtype=torch.float64)
GOAL = torch.tensor([0.9, -1.0, 0.1], dtype=torch.float64)  # of the query loss 1/2 (w - g)^2


@dataclass(frozen=True)
class Scalar:
    """A learner of one number; its inputs are the curve and the centre of a task."""

    adapts: str = "head"
    body_adapts = False

    def start(self, meta: Tensors, features: Tensor, shares: Tensor) -> Tensors:
        return {"head.w": meta["head.w"]}

    def scores(self, meta: Tensors, fast: Tensors, features: Tensor) -> Tensor:
        curve, centre = features[:, 0], features[:, 1]
        return 0.5 * curve * (fast["head.w"] - centre) ** 2


def quadratic(kind: type[InnerLoop], meta: Tensors, first_order: bool = False) -> list[Tensors]:
    settings = InnerSettings(STEPS, RATE)
    loop = kind(Scalar(), settings, first_order, loss=lambda scores, *_: scores.mean())
    support = torch.stack([CURVES, CENTRES], -1)[:, None, None]  # [3, 1, 1, 2]
    return loop.adapt(meta, support, torch.ones(3, 1, 1, dtype=torch.float64)).path


@both_loops
def test_every_step_of_a_quadratic_is_as_on_paper(kind):
    path = quadratic(kind, {"head.w": START})
    for t, fast in enumerate(path):
        expected = CENTRES + (1 - RATE * CURVES) ** t * (START - CENTRES)
        assert torch.allclose(fast["head.w"], expected, atol=1e-12)


@both_loops
@pytest.mark.parametrize("first_order", [False, True])
def test_the_meta_gradient_of_a_quadratic_is_as_on_paper(kind, first_order):
    """d/dw0 of the query loss is (w_T - g) (1 - rate a)^T; without second order, w_T - g."""
    start = START.clone().requires_grad_()
    end = quadratic(kind, {"head.w": start}, first_order)[-1]["head.w"]
    (gradient,) = torch.autograd.grad(0.5 * ((end - GOAL) ** 2).mean(), start)
    shrink = (1 - RATE * CURVES) ** STEPS
    end = CENTRES + shrink * (START - CENTRES)
    expected = ((end - GOAL) * (1 if first_order else shrink)).mean()
    assert abs(gradient - expected) < 1e-12


@both_loops
def test_the_gradient_of_learned_rates_is_as_on_paper(kind):
    """Each step has its rate: w_T = c + (w0 - c) prod_t (1 - rate_t a)."""
    factors = torch.tensor([1.0, 0.5, 2.0, 1.5], dtype=torch.float64).requires_grad_()
    end = quadratic(kind, {"head.w": START, "rate.head.w": factors})[-1]["head.w"]
    (gradient,) = torch.autograd.grad(0.5 * ((end - GOAL) ** 2).mean(), factors)
    shrinks = 1 - RATE * factors.detach()[:, None] * CURVES  # [T, 3]
    product = shrinks.prod(0)
    end = CENTRES + product * (START - CENTRES)
    slope = -RATE * CURVES * product / shrinks * (START - CENTRES)  # [T, 3]
    assert torch.allclose(gradient, ((end - GOAL) * slope).mean(1), atol=1e-12)


@both_loops
def test_steps_beyond_the_trained_ones_take_the_last_rate(kind):
    factors = torch.tensor([1.0, 0.5], dtype=torch.float64)
    end = quadratic(kind, {"head.w": START, "rate.head.w": factors})[-1]["head.w"]
    shrink = (1 - RATE * CURVES) * (1 - 0.5 * RATE * CURVES) ** 3
    assert torch.allclose(end, CENTRES + shrink * (START - CENTRES), atol=1e-12)


@every_algorithm
def test_the_meta_gradient_is_the_slope_of_the_loss(make_head, make_meta, batch, name):
    """Along a random direction, against central differences; first-order ones must miss it."""
    head = make_head(name, inner_steps=3)
    algorithm = replace(head.algorithm, outer="query")
    meta = make_meta(head)
    generator = torch.Generator().manual_seed(0)
    directions = {
        n: torch.randn(t.shape, generator=generator, dtype=t.dtype)
        for n, t in meta.items()
        if not n.startswith("fixed.")
    }

    def loss(step: float) -> Tensor:
        moved = {n: t + step * directions.get(n, torch.zeros(())) for n, t in meta.items()}
        return meta_loss(head.loop, algorithm, moved, batch, progress=0.2).loss

    slope = (loss(2e-6) - loss(-2e-6)) / 4e-6
    learned = as_learned(meta)
    computed = gradients(
        meta_loss(head.loop, algorithm, learned, batch, progress=0.2).loss, learned
    )
    along = sum((computed[n] * direction).sum() for n, direction in directions.items())
    if head.algorithm.first_order:
        assert abs(along - slope) > 1e-4
    else:
        assert abs(along - slope) < 1e-6 * max(1, abs(slope))


@every_algorithm
def test_many_tasks_at_once_are_one_after_another(make_head, make_meta, batch, name):
    head = make_head(name, inner_steps=3, inner_rate=0.06, body_rate=0.006)
    meta = {n: t.float() for n, t in make_meta(head).items()}
    batch = Batch.of(batch.rows.float(), batch.support, batch.query, batch.weights)
    loop = head.loop
    results = []
    for one in (loop, SequentialLoop(loop.learner, loop.settings, loop.first_order)):
        learned = as_learned(meta)
        outcome = meta_loss(one, head.algorithm, learned, batch, progress=0.2)
        results.append((outcome, gradients(outcome.loss, learned)))
    (many, of_many), (single, of_single) = results
    assert torch.allclose(many.loss, single.loss, atol=1e-5)
    assert torch.equal(many.hits, single.hits)
    for n, gradient in of_many.items():
        assert torch.allclose(gradient, of_single[n], atol=1e-5), n
    assert any(gradient.abs().max() > 1e-4 for gradient in of_many.values())


@pytest.mark.parametrize("task_head", ["zeros", "prototypes", "cosine"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"first_order": True},
        {"rates": "step"},
        {"rates": "step", "first_order": True},
        {"multi_step": True},
    ],
    ids=str,
)
def test_steps_of_a_linear_head_are_those_of_torchs_gradients(
    make_head, make_meta, batch, monkeypatch, task_head, changes
):
    """In float64, to the last digits: what is written out by hand has no slack to hide in."""
    head = make_head("anil", inner_steps=4, inner_rate=0.2)
    head = replace(head, algorithm=replace(head.algorithm, task_head=task_head, **changes))
    meta, loop = make_meta(head), head.loop
    one_at_a_time = SequentialLoop(loop.learner, loop.settings, loop.first_order)
    by_hand = []
    monkeypatch.setattr(
        inner_module,
        "linear_steps",
        lambda *a, **k: (by_hand.append("steps"), linear_steps(*a, **k))[1],
    )
    results = []
    for one in (loop, one_at_a_time):
        learned = as_learned(meta)
        loss = meta_loss(one, head.algorithm, learned, batch, progress=0.2).loss
        support = one.task_inputs(meta, batch.rows)[batch.support]
        results.append((loss, gradients(loss, learned), one.adapt(meta, support, batch.weights)))
        by_hand.append("next")
    assert by_hand.index("next") >= 2  # at each call of the first loop, and never of the other
    assert by_hand[-2:] == ["next", "next"]
    (first, of_first, one), (second, of_second, sequential) = results
    assert torch.allclose(first, second, atol=1e-12)
    assert all(torch.allclose(g, of_second[n], atol=1e-12) for n, g in of_first.items())
    assert torch.allclose(one.losses, sequential.losses, atol=1e-12)
    for at, there in zip(one.path, sequential.path, strict=True):
        assert all(torch.allclose(at[n], there[n], atol=1e-12) for n in at)


@pytest.mark.parametrize("name", ["maml", "anil", "protomaml", "meta-sgd", "leo"])
def test_recomputing_changes_nothing_but_memory(make_head, make_meta, batch, name):
    results = []
    for recompute in (False, True):
        head = make_head(name, inner_steps=3, recompute=recompute)
        learned = as_learned(make_meta(head))
        loss = meta_loss(head.loop, head.algorithm, learned, batch).loss
        torch.autograd.backward(loss)
        results.append({n: t.grad for n, t in learned.items() if t.grad is not None})
    assert results[0].keys() == results[1].keys()
    assert all(torch.allclose(results[0][n], results[1][n], atol=1e-12) for n in results[0])


@every_algorithm
def test_padding_has_no_say(make_head, make_meta, batch, name):
    head = make_head(name)
    meta = make_meta(head)
    inputs = head.loop.task_inputs(meta, batch.rows)
    support = inputs[batch.support]
    rubbish = torch.where(batch.weights[..., None] > 0, support, torch.full_like(support, 0.3))
    first, second = (head.loop.adapt(meta, s, batch.weights).fast for s in (support, rubbish))
    assert all(torch.allclose(first[n], second[n], atol=1e-12) for n in first)


def test_reptile_moves_towards_what_was_adapted(make_head, make_meta, batch):
    head = make_head("reptile")
    learned = as_learned(make_meta(head))
    computed = gradients(meta_loss(head.loop, head.algorithm, learned, batch).loss, learned)
    queries = batch.query.view(4, 3, 2)
    support = batch.rows[torch.cat([batch.support, queries], 2)]
    weights = torch.cat([batch.weights, torch.ones(4, 3, 2)], 2).double()
    fast = head.loop.adapt(learned, support, weights).fast
    for n in ("body.centre", "body.down", "body.up"):
        assert torch.allclose(computed[n], (learned[n] - fast[n]).mean(0).detach(), atol=1e-10)


def test_the_loss_of_early_steps_fades():
    assert step_weights(3, 0.0) == pytest.approx([1 / 3] * 3)
    assert step_weights(3, 0.6) == [0, 0, 1]
    assert sum(step_weights(5, 0.3)) == pytest.approx(1)


def test_a_task_that_diverges_is_slowed_and_the_others_are_not(make_head, make_meta, batch):
    head = make_head("maml", inner_rate=0.004)
    meta = make_meta(head)
    alone = head.loop.adapt(meta, batch.rows[batch.support], batch.weights)
    assert not alone.diverged.any()
    wild = replace(head.inner, inner_rate=60.0, body_rate=30.0)
    loop = replace(head.loop, settings=wild)
    adapted = loop.adapt(meta, batch.rows[batch.support], batch.weights)
    assert adapted.diverged.any()
    assert all(tensor.isfinite().all() for tensor in adapted.fast.values())
    one_bad = quadratic_with_a_wild_task()
    assert one_bad.diverged.tolist() == [False, True, False]
    steady = CENTRES + (1 - RATE * CURVES) ** STEPS * (START - CENTRES)
    assert torch.allclose(one_bad.fast["head.w"][[0, 2]], steady[[0, 2]])
    # A quarter of the rate was enough: 1 - rate a / 4 is -0.25.
    expected = CENTRES[1] + (-0.25) ** STEPS * (START - CENTRES[1])
    assert torch.allclose(one_bad.fast["head.w"][1], expected)


def quadratic_with_a_wild_task():
    loop = InnerLoop(Scalar(), InnerSettings(STEPS, RATE), loss=lambda scores, *_: scores.mean())
    curves = CURVES.clone()
    curves[1] = 50.0
    support = torch.stack([curves, CENTRES], -1)[:, None, None]
    return loop.adapt({"head.w": START}, support, torch.ones(3, 1, 1, dtype=torch.float64))


def test_a_task_that_diverges_at_every_rate_stays_at_its_start():
    loop = InnerLoop(Scalar(), InnerSettings(STEPS, 1e9), loss=lambda scores, *_: scores.mean())
    support = torch.stack([CURVES, CENTRES], -1)[:, None, None]
    adapted = loop.adapt({"head.w": START}, support, torch.ones(3, 1, 1, dtype=torch.float64))
    assert adapted.diverged.all()
    assert torch.equal(adapted.fast["head.w"], START.expand(3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Algorithm(adapts="tail"), "adapts='tail': choose one of 'head', 'body'"),
        (lambda: Algorithm(order_annealing=2), "order_annealing=2: must be from 0 to 1."),
        (lambda: InnerSettings(inner_steps=-1), "inner_steps=-1: must be a whole number"),
        (lambda: InnerSettings(inner_rate=0), "inner_rate=0: must be greater than 0"),
    ],
)
def test_settings_that_do_not_exist(make, message):
    with pytest.raises(OptionError, match=message):
        make()


def test_codes_of_leo_are_drawn_in_training_alone(make_head, make_meta, batch):
    """The divergence it pays for is that of torch's own Gaussians; nothing is drawn for a fit."""
    head = make_head("leo")
    meta = make_meta(head)
    learner = head.loop.learner
    generator = torch.Generator().manual_seed(4)
    noise = torch.randn(4, 3, learner.head.noise_size(10), generator=generator, dtype=torch.float64)
    inputs = head.loop.task_inputs(meta, batch.rows)[batch.support]
    drawn = head.loop.adapt(meta, inputs, batch.weights, noise=noise)
    plain = head.loop.adapt(meta, inputs, batch.weights)
    again = head.loop.adapt(meta, inputs, batch.weights, noise=0 * noise)
    code, mean = (adapted.path[0]["head.code"] for adapted in (drawn, plain))
    assert torch.equal(again.fast["head.code"], plain.fast["head.code"])
    assert not plain.penalty.any()
    widths = (code - mean) / noise
    assert (widths > 0).all()
    size = widths.shape[-1]
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, widths),
        torch.distributions.Normal(torch.zeros(()).double(), size**-0.5),
    )
    assert torch.allclose(drawn.penalty, 0.001 * expected.sum(-1).mean(-1))


@both_loops
def test_the_gradient_of_leo_goes_through_what_was_drawn(make_head, make_meta, batch, kind):
    head = make_head("leo")
    meta = make_meta(head)
    generator = torch.Generator().manual_seed(4)
    noise = torch.randn(4, 3, 10, generator=generator, dtype=torch.float64)
    noisy = replace(batch, noise=noise)
    loop = kind(head.loop.learner, head.inner)

    def loss(of: Tensors, tasks: Batch) -> Tensor:
        return meta_loss(loop, head.algorithm, of, tasks).loss

    learned = as_learned(meta)
    gradient = gradients(loss(learned, noisy), learned)["head.log_spread"]
    step = torch.zeros_like(gradient).index_fill(0, torch.tensor([2]), 1e-5)
    up, down = ({**meta, "head.log_spread": meta["head.log_spread"] + s} for s in (step, -step))
    assert gradient[2].item() == pytest.approx(
        ((loss(up, noisy) - loss(down, noisy)) / 2e-5).item(), rel=1e-4
    )
    assert not gradients(loss(learned, batch), learned)["head.log_spread"].any()
    parts = [loss(meta, noisy.select(torch.tensor(tasks))) for tasks in ([0, 1], [2, 3])]
    assert torch.allclose(sum(parts) / 2, loss(meta, noisy))
