"""Writes the small file of `embedded:mlm`: what `adapt` learned on embedded:multilingual.

`fsl_nlp.encoders.embedded_mlm` makes a model folder of it.

    python -m fsl_nlp.pretraining.embedded RUN ...    # finished `adapt` folders into the package

Each run after the first must start from the result of the one before it.
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
from fsl_nlp.output import to_json
from fsl_nlp.pretraining.learner import CHECKPOINT

BASE = "embedded:multilingual"
_BIAS = "bias.weight"


def pack(
    runs: Sequence[Path], weights: Path = WEIGHTS, card: Path = CARD, *, base: str = BASE
) -> Path:
    """Write the small file and its card from the folders of finished `adapt` runs, in order."""
    from safetensors.torch import load_file, save

    manifests = [json.loads((run / "adapted.json").read_text(encoding="utf-8")) for run in runs]
    for run, manifest in zip(runs, manifests, strict=True):
        if manifest["settings"]["tune"] != "lora":
            raise ModelError(f"{run} tuned all weights; only LoRA (tune=lora) makes a small file.")
    if [manifest["model"] == base for manifest in manifests] != [True] + [False] * (len(runs) - 1):
        raise ModelError(
            f"The first run must start from {base}, each other from the one before it."
        )
    tensors_of_runs = [load_file(run / f"{CHECKPOINT}.safetensors") for run in runs]
    tensors = {n: t for n, t in tensors_of_runs[-1].items() if not n.startswith("optimiser.")}
    # A sum of LoRA products is the product of the concatenated matrices: all runs have the same
    # scale.
    for name in tensors:
        if ".lora_" in name:
            tensors[name] = torch.cat(
                [run[name] for run in tensors_of_runs], int(".lora_B." in name)
            )
    tensors[_BIAS] = _fill_unseen(tensors[_BIAS])
    write_atomically(weights, save({name: tensor.half() for name, tensor in tensors.items()}))
    manifest = {
        "model": base,
        "recipe": "recipes/pretrain_mlm.yaml",
        "rank": sum(manifest["settings"]["rank"] for manifest in manifests),
        "sha256": file_sha256(weights),
        "masked_accuracy": manifests[-1]["masked_accuracy"],
        "runs": manifests,
    }
    write_atomically(card, to_json(manifest, indent=1) + "\n")
    return weights


def _fill_unseen(bias: Tensor) -> Tensor:
    """Words that never occurred still have bias 0; give them the smallest bias of the others."""
    seen = bias != 0
    return torch.where(seen, bias, bias[seen].min())


if __name__ == "__main__":
    print(pack([Path(run) for run in sys.argv[1:]]) if sys.argv[1:] else __doc__)
