"""`adapt`: a model learns to fill in the texts it is given; what it writes is a model folder.

Every few minutes all that trains is written beside the result, so that a run that was stopped goes
on from there, to the very same weights.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fsl_nlp.encoders import TextEncoder
from fsl_nlp.errors import OptionError
from fsl_nlp.pretraining.corpus import Corpus, split_corpus
from fsl_nlp.pretraining.learner import TUNE, AdaptSettings, Learner
from fsl_nlp.pretraining.model import start, write_model
from fsl_nlp.prompts.masked_model import MaskedNet
from fsl_nlp.prompts.pieces import Pieces
from fsl_nlp.training.trainer import seeded


def adapt(
    model: str,
    texts: Sequence[str],
    out: str | Path,
    settings: AdaptSettings | None = None,
    *,
    seed: int = 0,
    device: str = "auto",
    stop_after: int | None = None,
    report: Callable[[dict[str, float]], object] | None = None,
) -> dict[str, Any]:
    """Train on the texts and write the model to `out`; started again, a stopped run goes on.

    `model` is as in the catalogue, a folder or a hub id; one without a head that fills in masks
    gets one. `stop_after` ends this call after so many steps, to go on another time.
    """
    settings = settings or AdaptSettings()
    folder = Path(out)
    _check_out(folder)
    encoder = TextEncoder(model, device=device, precision="fp32")
    longest = min(settings.longest, encoder.pooling.max_length)
    learned, judged = split_corpus(texts, Pieces(encoder), longest, settings.held_out)
    with seeded(seed, encoder.device):
        net, parameters, fresh = start(encoder, TUNE[settings.tune](settings.rank), seed)
    work = Learner(encoder, net, parameters, settings, learned, seed, _name(encoder, learned, seed))
    if fresh:
        work.begin_with_frequencies()
    before = work.resume(folder, settings)
    done = min(settings.steps, before + stop_after) if stop_after else settings.steps
    accuracy_before = None if before else work.judge(judged)["accuracy"]
    work.train(folder, before, done, report)
    found = work.judge(judged)
    result: dict[str, Any] = {
        "model": model,
        "texts": len(learned.texts),
        "held_out": len(judged.texts),
        "pieces": len(work.rows),
        "step": done,
        "steps": settings.steps,
        "masked_accuracy": found["accuracy"],
        "masked_loss": found["loss"],
        "masked_accuracy_before": accuracy_before,
        "hidden": int(found["count"]),
        "settings": asdict(settings),
        "seed": seed,
    }
    if done == settings.steps:
        unseen = np.setdiff1d(np.arange(net.vocabulary), work.rows.cpu().numpy())
        _publish(net, encoder, folder, torch.from_numpy(unseen) if fresh else None, result)
    return {**result, "out": str(folder)}


def _check_out(folder: Path) -> None:
    if folder.is_file():
        raise OptionError(f"{folder} is a file. Give a folder to write the model to.")
    if folder.is_dir() and (folder / "config.json").exists():
        raise OptionError(f"{folder} holds a model already. Give another folder.")


def _name(encoder: TextEncoder, corpus: Corpus, seed: int) -> str:
    digest = hashlib.sha256(f"{encoder.fingerprint} {seed} {corpus.longest}".encode())
    for text in corpus.texts:
        digest.update(np.array(text, np.int64).tobytes())
    return digest.hexdigest()


def _publish(
    net: MaskedNet,
    encoder: TextEncoder,
    folder: Path,
    unseen: Tensor | None,
    about: dict[str, Any],
) -> None:
    """The model's files; config.json, which makes the folder a model, comes last."""
    building = folder / ".building"
    shutil.rmtree(building, ignore_errors=True)
    write_model(net, encoder, building, unseen=unseen)
    (building / "adapted.json").write_text(
        json.dumps(about, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    files = sorted(p for p in building.rglob("*") if p.is_file())
    for path in sorted(files, key=lambda p: p.name == "config.json" and p.parent == building):
        target = folder / path.relative_to(building)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
    shutil.rmtree(building, ignore_errors=True)
