"""Meta-training steps a second: many tasks at once, one after another, and without cached layers.

    python benchmarks/maml.py                 # the head on cached vectors, the top of an encoder
    python benchmarks/maml.py --part head     # one of the two

Second order, 5 inner steps. "head" adapts a linear head (anil), made-up vectors stand for cached
ones: all tasks at once against the same loop task by task, and against learn2learn's MAML where it
is installed. "encoder" adapts LoRA matrices in the top layers of --encoder (maml): over cached
states of the layers below, against running every layer in every step.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import torch
import torch.nn.functional as F

from fsl_nlp import TextEncoder
from fsl_nlp.meta.algorithms import ALGORITHMS
from fsl_nlp.meta.bodies import BodySettings, vector_body
from fsl_nlp.meta.encoder_body import EncoderBody
from fsl_nlp.meta.head import MetaHead
from fsl_nlp.meta.inner import InnerLoop, InnerSettings, SequentialLoop
from fsl_nlp.meta.outer import Batch, meta_loss
from fsl_nlp.meta.task_heads import Tensors
from fsl_nlp.processor import machine

DIMENSIONS = 384


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--part", choices=["head", "encoder"], help="default: both")
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--way", type=int, default=5)
    parser.add_argument("--shots", default="1,5")
    parser.add_argument("--query", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--encoder", default="embedded:en", help="whose top layers adapt")
    parser.add_argument("--layers", type=int, default=1, help="of the encoder that adapt")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result: dict[str, Any] = {
        "machine": machine(),
        "device": options.device,
        "threads": torch.get_num_threads(),
    }
    for shot in map(int, options.shots.split(",")):
        if options.part != "encoder":
            result[f"head, {shot}-shot"] = head_part(options, shot)
        if options.part != "head":
            result[f"encoder, {shot}-shot"] = encoder_part(options, shot)
    if options.device == "cuda":
        result["peak_device_mb"] = torch.cuda.max_memory_allocated() >> 20
    result["peak_process_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        if not isinstance(value, dict):
            print(f"{name:32} {value}")
            continue
        print(name)
        for key, number in value.items():
            print(f"    {key:32} {number}")


def head_part(options: argparse.Namespace, shot: int) -> dict[str, float]:
    body = vector_body("metric", BodySettings())
    head = MetaHead(ALGORITHMS["anil"], InnerSettings(inner_steps=options.steps), body)
    rows = torch.randn(2000, DIMENSIONS, generator=torch.Generator().manual_seed(0))
    rows = F.normalize(rows, dim=-1).to(options.device)
    meta = {n: t.to(rows) for n, t in head.loop.learner.initial(DIMENSIONS, 0).items()}
    batch = made_up(rows, options, shot)
    loop = head.loop
    sequential = SequentialLoop(loop.learner, loop.settings)
    found = {
        "at once": tasks_a_second(lambda: step(loop, head, meta, batch), options),
        "sequential": tasks_a_second(lambda: step(sequential, head, meta, batch), options),
    }
    if find_spec("learn2learn"):
        found["learn2learn"] = tasks_a_second(with_learn2learn(options, batch), options)
    return with_ratios(found, "at once")


def encoder_part(options: argparse.Namespace, shot: int) -> dict[str, float]:
    encoder = TextEncoder(options.encoder, device=options.device, precision="fp32")
    settings = BodySettings(layers=options.layers, tokens=24)
    cached = EncoderBody.build("lora", settings, encoder)
    # The same tensors adapt, but rows are token ids, and every layer runs in every step.
    whole = replace(cached, frozen=0, below=None)
    texts = [f"question number {i} about my parcel, order {7 * i} and a refund" for i in range(400)]
    found = {}
    for name, body in (("cached layers", cached), ("every layer in every step", whole)):
        head = MetaHead(ALGORITHMS["maml"], InnerSettings(inner_steps=options.steps), body)
        rows = body.trim(torch.from_numpy(body.rows(texts)).to(encoder.device))
        learner = head.loop.learner
        meta = {n: t.to(rows) for n, t in learner.initial(rows.shape[1], 0).items()}
        meta["fixed.mean"] = torch.zeros(encoder.dimensions, device=rows.device)
        meta["fixed.whitening"] = torch.eye(encoder.dimensions, device=rows.device)
        batch = made_up(rows, options, shot)
        work = [(name, head.loop)]
        if body is cached:
            work.append(("cached layers, sequential", SequentialLoop(learner, head.inner)))
        for title, loop in work:
            found[title] = tasks_a_second(
                lambda loop=loop, head=head, meta=meta, batch=batch: step(loop, head, meta, batch),
                options,
            )
    return with_ratios(found, "cached layers")


def made_up(rows: torch.Tensor, options: argparse.Namespace, shot: int) -> Batch:
    generator = torch.Generator().manual_seed(1)
    each = options.way * (shot + options.query)
    places = torch.stack(
        [torch.randperm(len(rows), generator=generator)[:each] for _ in range(options.tasks)]
    )
    supports = options.way * shot
    shape = (options.tasks, options.way, shot)
    support = places[:, :supports].reshape(shape)
    return Batch.of(rows, support, places[:, supports:], torch.ones(shape))


def step(loop: InnerLoop, head: MetaHead, meta: Tensors, batch: Batch) -> None:
    """The outer gradient, as a step of training computes it."""
    learned = {
        n: t.detach().requires_grad_() if not n.startswith("fixed.") else t for n, t in meta.items()
    }
    torch.autograd.backward(meta_loss(loop, head.algorithm, learned, batch).loss)


def with_learn2learn(options: argparse.Namespace, batch: Batch) -> Callable[[], None]:
    """Its MAML on the same linear head over the same vectors."""
    import learn2learn

    model = torch.nn.Linear(DIMENSIONS, options.way).to(batch.rows.device)
    maml = learn2learn.algorithms.MAML(model, lr=InnerSettings().inner_rate)
    targets = torch.arange(options.way, device=batch.rows.device)
    own = targets.repeat_interleave(batch.support.shape[2])

    def run() -> None:
        total = torch.zeros((), device=batch.rows.device)
        for support, query in zip(batch.support, batch.query, strict=True):
            learner = maml.clone()
            for _ in range(options.steps):
                learner.adapt(F.cross_entropy(learner(batch.rows[support.flatten()]), own))
            total = total + F.cross_entropy(learner(batch.rows[query]), batch.targets)
        torch.autograd.backward(total)

    return run


def tasks_a_second(work: Callable[[], None], options: argparse.Namespace) -> float:
    """By the shortest of several rounds: other load only ever adds."""
    work()
    times = []
    for _ in range(options.rounds):
        if options.device == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        if options.device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return round(options.tasks / min(times), 2)


def with_ratios(found: dict[str, float], first: str) -> dict[str, float]:
    """Tasks a second, and how many times the first is faster than each of the others."""
    ratios = {
        f"{first} to {name}": round(found[first] / speed, 2)
        for name, speed in found.items()
        if name != first
    }
    return {**{f"{name}, tasks/s": speed for name, speed in found.items()}, **ratios}


if __name__ == "__main__":
    main()
