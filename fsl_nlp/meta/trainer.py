"""Meta-training: steps of Adam on the outer loss, with checks on held-out classes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fsl_nlp.errors import ModelError
from fsl_nlp.heads.base import Head
from fsl_nlp.heads.operations import unit
from fsl_nlp.intervals import half_width_of_difference
from fsl_nlp.meta.head import MetaHead
from fsl_nlp.meta.learner import Learner
from fsl_nlp.meta.outer import Batch, meta_loss
from fsl_nlp.meta.ranks import Ranks
from fsl_nlp.meta.settings import MetaSettings, TaskSize
from fsl_nlp.meta.task_heads import Tensors
from fsl_nlp.meta.tasks import Source, TaskSampler
from fsl_nlp.progress import track
from fsl_nlp.training.checkpoint import optimiser_tensors, put_optimiser

_RATES = 10.0  # learned rates are trained at a higher rate, multiplied by this
_PRETRAIN_STEPS = 100
_PRETRAIN_ROWS = 256
_PRETRAIN_RATE = 3e-4
_WARM_ROWS = 4000  # rows of the source for the warm start
_READ_ROWS = 256


@dataclass(frozen=True)
class Check:
    """Accuracy on tasks of held-out classes after a step, with its 95% half-width."""

    step: int
    accuracy: float
    half_width: float


@dataclass
class Training:
    """The state of training, which is saved and restored."""

    meta: Tensors
    best: Tensors
    optimiser: torch.optim.Adam
    step: int = 0
    diverged: int = 0  # tasks that diverged at the full rate
    best_step: int = 0
    started: bool = False  # whether the work before the first step is done
    seconds: float = 0.0  # of all steps and checks
    best_seconds: float = 0.0  # until the best step
    checks: list[Check] = field(default_factory=list)

    @property
    def best_accuracy(self) -> float:
        """The highest accuracy of all checks; -1 without any."""
        return max((check.accuracy for check in self.checks), default=-1.0)


@dataclass
class MetaTrainer:
    """Trains a head on tasks. `on_check` is called after each check, to report and to save."""

    head: MetaHead
    task_size: TaskSize
    settings: MetaSettings
    seed: int = 0
    on_check: Callable[[Training, TaskSampler], object] | None = None
    _since: float = field(default=0.0, init=False)  # when `seconds` was last updated

    def start(self, sources: list[Source]) -> tuple[Training, TaskSampler]:
        """The state before the first step, and the sampler of tasks."""
        rows = sources[0].rows
        settings = self.settings
        sampler = TaskSampler.build(
            sources, self.task_size, settings.corpora, self.seed, settings.held_out
        )
        learner, inner = self.head.loop.learner, self.head.inner
        meta = learner.initial(rows.shape[1], self.seed)
        first = max(1, inner.inner_steps)
        for name, shape in learner.shapes(meta, rows.shape[1]).items():
            if self.head.algorithm.rates == "step":
                meta[f"rate.{name}"] = torch.ones(first)
            elif self.head.algorithm.rates == "parameter":
                meta[f"rate.{name}"] = torch.ones(1, *shape)
        meta = {name: tensor.to(rows) for name, tensor in meta.items()}
        learned_from, classes = _learning_rows(sampler)
        meta |= learner.source_statistics(meta, learned_from, classes)
        sampler.preprocess(lambda rows: learner.preprocess(meta, rows))
        learned_from, _ = _learning_rows(sampler)
        sample = torch.randperm(len(classes), generator=sampler.generator)[:_WARM_ROWS]
        sample_rows = learned_from[sample.to(rows.device)]
        meta |= learner.warm_start(_features(learner, meta, sample_rows))
        return self._training(meta), sampler

    def _training(self, meta: Tensors) -> Training:
        best = {name: tensor.detach().clone() for name, tensor in meta.items()}
        meta = {name: tensor.detach().clone() for name, tensor in meta.items()}
        groups: list[dict[str, object]] = []
        for learned_rates, rate in ((False, 1.0), (True, _RATES)):
            names = [n for n in trainable(meta) if n.startswith("rate.") == learned_rates]
            if names:
                params = [meta[name].requires_grad_() for name in names]
                groups.append({"params": params, "share": rate})
        return Training(meta, best, torch.optim.Adam(groups, lr=self.settings.meta_rate))

    def run(self, training: Training, sampler: TaskSampler, check: list[Batch]) -> Training:
        """Train from the given state to the last step, or until patience runs out."""
        settings, ranks = self.settings, Ranks.current()
        self._since = time.perf_counter()
        if not training.started:
            training.checks.clear()
            training.started = not self.head.algorithm.pretrain
            self._check(training, sampler, check)
            if not training.started:
                self._pretrain(training, sampler)
                training.started = True
                self._check(training, sampler, check)
        with track(settings.meta_steps, "Meta-training") as progress:
            progress(training.step)
            while training.step < settings.meta_steps and not self._out_of_patience(training):
                self._step(training, sampler, ranks)
                training.step += 1
                if training.step % settings.check_every == 0 or (
                    training.step == settings.meta_steps
                ):
                    self._check(training, sampler, check)
                progress(1)
        return training

    def final_parameters(self, training: Training, sampler: TaskSampler) -> Tensors:
        """The best parameters. If no inner steps are taken, the whitening is computed again for the
        trained body; otherwise the head was trained with the first whitening."""
        learner = self.head.loop.learner
        sampler.preprocess(lambda rows: learner.recentre(training.best, rows))
        if self.head.algorithm.adapts != "none":
            return training.best
        return training.best | learner.source_statistics(
            training.best, *_learning_rows(sampler), updated=True
        )

    def _out_of_patience(self, training: Training) -> bool:
        behind = training.step - training.best_step
        return behind >= self.settings.patience * self.settings.check_every

    def _step(self, training: Training, sampler: TaskSampler, ranks: Ranks) -> None:
        settings, algorithm = self.settings, self.head.algorithm
        progress = training.step / settings.meta_steps
        first_order = algorithm.first_order or progress < algorithm.order_annealing
        loop = replace(self.head.loop, first_order=first_order)
        training.optimiser.zero_grad(set_to_none=True)
        head = replace(self.head, parameters=training.meta)
        hard = algorithm.hard_classes and training.step % 2 == 1
        for corpus, classes, batch in sampler.draw(settings.meta_tasks, hard=hard):
            batch = self._with_noise(batch, sampler.generator)
            own_tasks = ranks.task_indices(len(batch))
            hits = torch.zeros(batch.query.shape, device=batch.query.device)
            way, shot = batch.support.shape[1:]
            size = head.tasks_at_once(way, shot + self.task_size.query, batch.rows)
            for indices in torch.split(own_tasks, size):
                part = batch.select(indices)
                outcome = meta_loss(loop, algorithm, training.meta, part, progress)
                share = len(part) / settings.meta_tasks
                torch.autograd.backward(outcome.loss * share)
                hits[indices] = outcome.hits.to(hits)
                training.diverged += outcome.diverged
            corpus.record(classes, ranks.summed(hits))
        self._update(training, ranks, 0.5 * (1 + math.cos(math.pi * progress)))

    def _with_noise(self, batch: Batch, generator: torch.Generator) -> Batch:
        learner = self.head.loop.learner
        size = learner.head.noise_size(learner.body.dimensions(batch.rows.shape[1]))
        if not size:
            return batch
        noise = torch.randn(*batch.support.shape[:2], size, generator=generator)
        return replace(batch, noise=noise.to(batch.rows))

    def _update(self, training: Training, ranks: Ranks, share: float) -> None:
        learned = [training.meta[name] for name in trainable(training.meta)]
        for tensor in learned:
            gradient = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
            tensor.grad = ranks.summed(gradient)
        norm = torch.nn.utils.clip_grad_norm_(learned, self.settings.clip)
        if not torch.isfinite(norm):
            raise ModelError(
                f"Meta-training failed at step {training.step}: the gradient is not a number. Set "
                "a lower inner_rate, body_rate or meta_rate, or fewer inner_steps."
            )
        for group in training.optimiser.param_groups:
            group["lr"] = self.settings.meta_rate * group["share"] * share
        training.optimiser.step()

    def _check(self, training: Training, sampler: TaskSampler, check: list[Batch]) -> None:
        """Evaluate, and keep the best parameters; without held-out classes, the last ones."""
        current = {name: tensor.detach() for name, tensor in training.meta.items()}
        better = True
        if check:
            values = accuracies(replace(self.head, parameters=current), check)
            accuracy, half_width = mean_and_width(values)
            better = accuracy > training.best_accuracy
            training.checks.append(Check(training.step, accuracy, half_width))
        training.seconds += time.perf_counter() - self._since
        self._since = time.perf_counter()
        if better:
            training.best = {name: tensor.clone() for name, tensor in current.items()}
            training.best_step, training.best_seconds = training.step, training.seconds
        if self.on_check:
            self.on_check(training, sampler)

    def _pretrain(self, training: Training, sampler: TaskSampler) -> None:
        """Train the body as a cosine classifier of all classes (Chen et al., section 3)."""
        rows, classes = _learning_rows(sampler)
        learner, meta = self.head.loop.learner, training.meta
        features = _features(learner, meta, rows)
        count = int(classes.max()) + 1
        sums = features.new_zeros(count, features.shape[1]).index_add(0, classes, features)
        weight = unit(sums).requires_grad_()
        learned = [t for n, t in meta.items() if n.startswith("body.") or n == "log_scale"]
        optimiser = torch.optim.Adam([*learned, weight], lr=_PRETRAIN_RATE)
        for _ in range(_PRETRAIN_STEPS):
            chosen = torch.randint(len(rows), (_PRETRAIN_ROWS,), generator=sampler.generator)
            chosen = chosen.to(rows.device)
            cosines = learner.features(meta, {}, rows[chosen]) @ unit(weight).mT
            loss = F.cross_entropy(meta["log_scale"].exp() * cosines, classes[chosen])
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimiser.step()


def accuracies(head: Head, batches: Sequence[Batch]) -> Tensor:
    """The accuracy of each task. Heads that are not meta-trained get the plain rows."""
    values = []
    with torch.no_grad():
        for batch in batches:
            if isinstance(head, MetaHead):
                inputs = head.inputs(batch.rows)
            else:
                assert batch.plain is not None
                inputs = head.transform(batch.plain)
            state = head.fit(inputs[batch.support], batch.weights)
            scores = head.score(state, inputs[batch.query])
            values.append((scores.argmax(-1) == batch.targets).float().mean(1).cpu())
    return torch.cat(values)


def trainable(meta: Tensors) -> list[str]:
    """The names of the tensors that train."""
    return [name for name in meta if not name.startswith("fixed.")]


def mean_and_width(values: Tensor) -> tuple[float, float]:
    """The mean of accuracies or differences, and the half-width of its 95% interval."""
    return float(values.mean()), half_width_of_difference(values.tolist())


@torch.no_grad()
def _features(learner: Learner, meta: Tensors, rows: Tensor) -> Tensor:
    parts = torch.split(rows, _READ_ROWS)
    return torch.cat([learner.features(meta, {}, learner.body.trim(part)) for part in parts])


def _learning_rows(sampler: TaskSampler) -> tuple[Tensor, Tensor]:
    """Rows [n, R] of all training classes, and their classes [n], numbered over all corpora."""
    rows, classes, offset = [], [], 0
    for corpus in sampler.corpora:
        vectors, index = corpus.episodes.vectors_of(corpus.learning)
        rows.append(vectors)
        classes.append(index + offset)
        offset += len(corpus.learning)
    return torch.cat(rows), torch.cat(classes)


def training_state(training: Training, sampler: TaskSampler) -> tuple[Tensors, dict[str, object]]:
    """The state of training, as tensors and as values for JSON."""
    tensors = {f"meta.{n}": t for n, t in training.meta.items()}
    tensors |= {f"best.{n}": t for n, t in training.best.items()}
    learned = {name: training.meta[name] for name in trainable(training.meta)}
    tensors |= optimiser_tensors(training.optimiser, learned, "adam")
    tensors["generator"] = sampler.generator.get_state()
    for i, corpus in enumerate(sampler.corpora):
        tensors[f"errors.{i}"] = corpus.class_errors
    return tensors, {
        "step": training.step,
        "slowed": training.diverged,
        "best_step": training.best_step,
        "begun": training.started,
        "seconds": training.seconds,
        "best_seconds": training.best_seconds,
        "checks": [asdict(check) for check in training.checks],
        "errors": [corpus.error for corpus in sampler.corpora],
    }


def restore_training(
    training: Training, sampler: TaskSampler, tensors: Tensors, values: dict[str, Any]
) -> None:
    """Restore the state that `training_state` gave."""
    with torch.no_grad():
        for name, tensor in training.meta.items():
            tensor.copy_(tensors[f"meta.{name}"])
    training.best = {n: tensors[f"best.{n}"].to(t) for n, t in training.meta.items()}
    learned = {name: training.meta[name] for name in trainable(training.meta)}
    put_optimiser(training.optimiser, learned, tensors, "adam")
    sampler.generator.set_state(tensors["generator"])
    for i, corpus in enumerate(sampler.corpora):
        corpus.class_errors = tensors[f"errors.{i}"]
        corpus.error = values["errors"][i]
    training.step, training.diverged = values["step"], values["slowed"]
    training.best_step, training.started = values["best_step"], values["begun"]
    training.seconds, training.best_seconds = values["seconds"], values["best_seconds"]
    training.checks = [Check(**_with_nan(check)) for check in values["checks"]]


def _with_nan(check: dict[str, Any]) -> dict[str, Any]:
    """The fields of a check; JSON has null for the interval of a single task."""
    return {**check, "half_width": math.nan if (w := check["half_width"]) is None else w}
