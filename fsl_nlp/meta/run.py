"""A meta-training run, from rows to a trained head; a folder lets it continue."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fsl_nlp.errors import DataError, first_line
from fsl_nlp.meta.folder import load_progress, save_progress
from fsl_nlp.meta.head import MetaHead
from fsl_nlp.meta.ranks import Ranks
from fsl_nlp.meta.settings import MetaSettings, TaskSize
from fsl_nlp.meta.summary import summarise
from fsl_nlp.meta.tasks import Source, TaskSampler
from fsl_nlp.meta.trainer import MetaTrainer, Training, restore_training, training_state

NOTHING_HELD_OUT = {"rows": [], "verdicts": ["No classes were held out to evaluate it."]}


@dataclass(frozen=True)
class MetaTrainingResult:
    """A trained head, the last state of training, and the comparison on held-out classes."""

    head: MetaHead
    training: Training
    summary: dict[str, Any]


def meta_train(
    head: MetaHead,
    sources: Sequence[Source],
    task_size: TaskSize,
    settings: MetaSettings,
    *,
    seed: int = 0,
    folder: Path | None = None,
    metadata: Mapping[str, Any] | None = None,
    on_check: Callable[[Training], object] | None = None,
) -> MetaTrainingResult:
    """Meta-train a head on sources.

    With `folder`, an interrupted run continues. `metadata` is stored there besides the settings:
    a run continues only if both are the same.
    """
    run = {
        **(metadata or {}),
        "settings": asdict(settings),
        "shape": asdict(task_size),
        "seed": seed,
        "sources": [_sum(source) for source in sources],
    }
    first = Ranks.current().is_first

    def checked(training: Training, sampler: TaskSampler) -> None:
        if folder is not None and first:
            save_progress(folder, run, *training_state(training, sampler))
        if on_check is not None and first and training.checks:
            on_check(training)

    trainer = MetaTrainer(head, task_size, settings, seed, checked)
    training, sampler = trainer.start(list(sources))
    check = sampler.check_tasks(settings.check_tasks)
    start = {name: tensor.detach().clone() for name, tensor in training.meta.items()}
    progress = load_progress(folder, run) if folder is not None else None
    if progress is not None:
        try:
            restore_training(training, sampler, *progress)
        except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
            raise DataError(
                f"The progress of the training in {folder} is damaged ({first_line(error)}). "
                "Delete progress.json there to begin again."
            ) from error
    trainer.run(training, sampler, check)
    # The same new tasks twice: with the rows before training, and after it.
    random_state = sampler.generator.get_state()
    before = sampler.check_tasks(settings.check_tasks)
    trained = replace(head, parameters=trainer.final_parameters(training, sampler))
    sampler.generator.set_state(random_state)
    after = sampler.check_tasks(settings.check_tasks)
    summary = summarise(trained, start, before, after) if check else NOTHING_HELD_OUT
    return MetaTrainingResult(trained, training, summary)


def _sum(source: Source) -> str:
    digest = hashlib.sha256(source.classes.cpu().numpy().tobytes())
    # Not the rows themselves: their last bits depend on the batches in which they were computed.
    digest.update(f"{source.name}{tuple(source.rows.shape)}".encode())
    return digest.hexdigest()[:16]
