"""One meta-training from rows to a trained head: begun, or gone on with from a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fsl_nlp.meta.folder import load_progress, save_progress
from fsl_nlp.meta.head import MetaHead
from fsl_nlp.meta.ranks import Ranks
from fsl_nlp.meta.settings import MetaSettings, Shape
from fsl_nlp.meta.summary import summarise
from fsl_nlp.meta.tasks import Source, TaskSampler
from fsl_nlp.meta.trainer import MetaTrainer, Training, go_on, to_save

NOTHING_HELD_OUT = {"rows": [], "verdicts": ["No classes were held out to judge it on."]}


@dataclass(frozen=True)
class Trained:
    head: MetaHead
    training: Training
    summary: dict[str, Any]


def meta_train(
    head: MetaHead,
    sources: Sequence[Source],
    shape: Shape,
    settings: MetaSettings,
    *,
    seed: int = 0,
    folder: Path | None = None,
    about: Mapping[str, Any] | None = None,
    on_check: Callable[[Training], object] | None = None,
) -> Trained:
    """`about` says what the run is besides these settings, for a folder to know it again."""
    run = {
        **(about or {}),
        "settings": asdict(settings),
        "shape": asdict(shape),
        "seed": seed,
        "sources": [_sum(source) for source in sources],
    }
    first = Ranks.current().first

    def checked(training: Training, sampler: TaskSampler) -> None:
        if folder is not None and first:
            save_progress(folder, run, *to_save(training, sampler))
        if on_check is not None and first and training.checks:
            on_check(training)

    trainer = MetaTrainer(head, shape, settings, seed, checked)
    training, sampler = trainer.begin(list(sources))
    check = sampler.check(settings.check_tasks)
    start = {name: tensor.detach().clone() for name, tensor in training.meta.items()}
    found = load_progress(folder, run) if folder is not None else None
    if found is not None:
        go_on(training, sampler, *found)
    trainer.run(training, sampler, check)
    # The same fresh tasks twice, as the body was and as it has become.
    here = sampler.generator.get_state()
    before = sampler.check(settings.check_tasks)
    trained = replace(head, parameters=trainer.result(training, sampler))
    sampler.generator.set_state(here)
    after = sampler.check(settings.check_tasks)
    summary = summarise(trained, start, before, after) if check else NOTHING_HELD_OUT
    return Trained(trained, training, summary)


def _sum(source: Source) -> str:
    digest = hashlib.sha256(source.classes.cpu().numpy().tobytes())
    # Rows differ in their last bits with the batches they were computed in.
    digest.update(f"{source.name}{tuple(source.rows.shape)}".encode())
    return digest.hexdigest()[:16]
