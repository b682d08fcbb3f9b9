"""`adapt`: masked language modelling on texts; the result is a model folder.

The state of training is written to the same folder every few minutes. An interrupted run continues
from there, and ends at the very same weights.
"""

from __future__ import annotations

import hashlib
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
from fsl_nlp.folders import make_folder, make_private
from fsl_nlp.output import to_json
from fsl_nlp.pretraining.corpus import Corpus, split_corpus
from fsl_nlp.pretraining.learner import TUNE, AdaptSettings, MaskedTrainer
from fsl_nlp.pretraining.model import trainable_copy, write_model
from fsl_nlp.prompts.masked_model import MaskedNet
from fsl_nlp.prompts.pieces import Pieces
from fsl_nlp.seeding import seeded
from fsl_nlp.torch_state import own_torch_state


@own_torch_state()
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
    """Train a model on texts and write it to the folder `out`. An interrupted run continues.

    `model` is a name of the catalogue, a folder or a hub id; a model without a masked language
    model head gets a new one. `stop_after` ends this call after so many steps; the next call
    continues. The result has the masked accuracy before and after.

        adapt("embedded:mlm", texts, "my-model")
        TextEncoder("my-model")
    """
    settings = settings or AdaptSettings()
    folder = Path(out)
    _check_out(folder)
    encoder = TextEncoder(model, device=device, precision="fp32")
    longest = min(settings.longest, encoder.pooling.max_length)
    training, held_out = split_corpus(texts, Pieces(encoder), longest, settings.held_out)
    with seeded(seed):
        net, parameters, new_head = trainable_copy(
            encoder, TUNE[settings.tune](settings.rank), seed
        )
    trainer = MaskedTrainer(
        encoder, net, parameters, settings, training, seed, _name(encoder, training, seed)
    )
    if new_head:
        trainer.set_bias_to_frequencies()
    before = trainer.resume(folder, settings)
    done = min(settings.steps, before + stop_after) if stop_after else settings.steps
    accuracy_before = None if before else trainer.evaluate(held_out)["accuracy"]
    trainer.train(folder, before, done, report)
    evaluation = trainer.evaluate(held_out)
    result: dict[str, Any] = {
        "model": model,
        "texts": len(training.texts),
        "held_out": len(held_out.texts),
        "pieces": len(trainer.piece_ids),
        "step": done,
        "steps": settings.steps,
        "masked_accuracy": evaluation["accuracy"],
        "masked_loss": evaluation["loss"],
        "masked_accuracy_before": accuracy_before,
        "hidden": int(evaluation["count"]),
        "settings": asdict(settings),
        "seed": seed,
    }
    if done == settings.steps:
        unseen = np.setdiff1d(np.arange(net.vocabulary), trainer.piece_ids.cpu().numpy())
        _publish(net, encoder, folder, torch.from_numpy(unseen) if new_head else None, result)
    return {**result, "out": str(folder)}


def _check_out(folder: Path) -> None:
    if folder.is_file():
        raise OptionError(f"{folder} is a file. The model needs a folder.")
    if folder.is_dir() and (folder / "config.json").exists():
        raise OptionError(f"{folder} has a model already. Use another folder.")


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
    result: dict[str, Any],
) -> None:
    """Write the files of the model; config.json, which marks the folder as complete, comes last."""
    building = folder / ".building"
    shutil.rmtree(building, ignore_errors=True)
    make_folder(folder)
    write_model(net, encoder, building, unseen=unseen)
    (building / "adapted.json").write_text(to_json(result, indent=1) + "\n", encoding="utf-8")
    make_private(building)
    files = sorted(p for p in building.rglob("*") if p.is_file())
    for path in sorted(files, key=lambda p: p.name == "config.json" and p.parent == building):
        target = folder / path.relative_to(building)
        make_folder(target.parent)
        path.replace(target)
    shutil.rmtree(building, ignore_errors=True)
