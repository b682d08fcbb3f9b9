"""Writes the small file of `embedded:mlm`: what `adapt` learned on embedded:multilingual.

`fsl_nlp.encoders.embedded_mlm` makes a model folder of it.

    python -m fsl_nlp.pretraining.embedded RUN ...    # finished `adapt` folders into the package

Of several runs, each began with what the one before it wrote.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from fsl_nlp.encoders.embedded_mlm import CARD, WEIGHTS
from fsl_nlp.errors import ModelError
from fsl_nlp.folders import file_sha256, write_atomically
from fsl_nlp.pretraining.learner import CHECKPOINT

BASE = "embedded:multilingual"
_BIAS = "bias.weight"


def pack(
    runs: Sequence[Path], weights: Path = WEIGHTS, card: Path = CARD, *, base: str = BASE
) -> Path:
    """The small file and its card from folders that `adapt` has finished, one after the other."""
    from safetensors.torch import load_file, save

    told = [json.loads((run / "adapted.json").read_text(encoding="utf-8")) for run in runs]
    for run, about in zip(runs, told, strict=True):
        if about["settings"]["tune"] != "lora":
            raise ModelError(f"{run} tuned all weights; only low-rank additions make a small file.")
    if [about["model"] == base for about in told] != [True] + [False] * (len(runs) - 1):
        raise ModelError(f"The first run begins with {base}, each other with the one before it.")
    learned = [load_file(run / f"{CHECKPOINT}.safetensors") for run in runs]
    last = {n: t for n, t in learned[-1].items() if not n.startswith("optimiser.")}
    # The sum of low-rank additions is one whose maps stand beside each other: every run scales its
    # own by the same.
    for name in last:
        if ".lora_" in name:
            last[name] = torch.cat([run[name] for run in learned], int(".lora_B." in name))
    last[_BIAS] = _fill_unseen(last[_BIAS])
    write_atomically(weights, save({name: tensor.half() for name, tensor in last.items()}))
    about = {
        "model": base,
        "recipe": "recipes/pretrain_mlm.yaml",
        "rank": sum(about["settings"]["rank"] for about in told),
        "sha256": file_sha256(weights),
        "masked_accuracy": told[-1]["masked_accuracy"],
        "runs": told,
    }
    write_atomically(card, json.dumps(about, ensure_ascii=False, indent=1) + "\n")
    return weights


def _fill_unseen(bias: Tensor) -> Tensor:
    """A word that never occurred kept the 0 it began with: it is as likely as the rarest."""
    seen = bias != 0
    return torch.where(seen, bias, bias[seen].min())


if __name__ == "__main__":
    print(pack([Path(run) for run in sys.argv[1:]]) if sys.argv[1:] else __doc__)
