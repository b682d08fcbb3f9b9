"""`embedded:mlm`: embedded:multilingual after `adapt`, as one small file.

The file has the LoRA matrices, the head and the bias of each word, in half precision. The card next
to it describes the training. At the first use they become an ordinary model folder in the cache.

    python -m fsl_nlp.pretraining.embedded RUN ...    # finished `adapt` folders into the package

Each run after the first must start from the result of the one before it.
"""

from __future__ import annotations

import json
import shutil
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fsl_nlp.encoders import TextEncoder
from fsl_nlp.errors import ModelError
from fsl_nlp.folders import file_sha256, publish_folder, write_atomically
from fsl_nlp.pretraining.learner import CHECKPOINT, TUNE
from fsl_nlp.pretraining.model import trainable_copy, write_model
from fsl_nlp.training.copies import put_tensors

BASE = "embedded:multilingual"
WEIGHTS = Path(__file__).with_name("embedded_mlm.safetensors")
CARD = Path(__file__).with_name("embedded_mlm.json")
_BIAS = "bias.weight"


def ensure_mlm(
    cache: Path,
    say: Callable[[str], None] | None = None,
    *,
    base: str = BASE,
    weights: Path = WEIGHTS,
    card: Path = CARD,
) -> Path:
    """The folder of the model inside `cache`; it is written if it is missing."""
    manifest = json.loads(card.read_text(encoding="utf-8"))
    if file_sha256(weights) != manifest["sha256"]:
        raise ModelError(
            f"{weights} is altered: its checksum differs from its card. Reinstall fsl-nlp."
        )
    target = cache / "models" / f"multilingual-mlm-{manifest['sha256'][:12]}"
    if _is_complete(target):
        return target
    if say is not None:
        say(f"Preparing embedded:mlm (once, 470 MB in {target})")
    building = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        _expand(base, weights, manifest, building)
        publish_folder(building, target, _is_complete)
    except OSError as error:
        raise ModelError(
            f"embedded:mlm cannot be written to {target}: {error.strerror}. "
            "Set FSL_NLP_CACHE to a folder that can hold it."
        ) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return target


def _is_complete(folder: Path) -> bool:
    """Whether the folder has config.json, the last file that is written."""
    return (folder / "config.json").is_file()


def _expand(base: str, weights: Path, manifest: dict[str, Any], folder: Path) -> None:
    from safetensors.torch import load_file

    encoder = TextEncoder(base, device="cpu", precision="fp32")
    with torch.random.fork_rng([]):
        net, _, _ = trainable_copy(encoder, TUNE["lora"](manifest["rank"]), 0)
    put_tensors(net, load_file(weights))
    folder.mkdir(parents=True)
    write_model(net, encoder, folder)


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
    write_atomically(card, json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
    return weights


def _fill_unseen(bias: Tensor) -> Tensor:
    """Words that never occurred still have bias 0; give them the smallest bias of the others."""
    seen = bias != 0
    return torch.where(seen, bias, bias[seen].min())


if __name__ == "__main__":
    print(pack([Path(run) for run in sys.argv[1:]]) if sys.argv[1:] else __doc__)
