"""`embedded:mlm`: embedded:multilingual with what `adapt` taught it, as one small file.

The file holds the low-rank additions, the head and the bias of each word in half precision; the
card beside it says from what they were learned and how well. They become an ordinary model folder
in the cache when they are asked for.

    python -m fsl_nlp.pretraining.embedded RUN ...    # finished `adapt` folders into the package

Of several runs, each began with what the one before it wrote.
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
from fsl_nlp.pretraining.model import start, write_model
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
    """The model's folder inside `cache`, written first if it is not there."""
    about = json.loads(card.read_text(encoding="utf-8"))
    if file_sha256(weights) != about["sha256"]:
        raise ModelError(
            f"{weights} is altered: its sum is not that of its card. Reinstall fsl-nlp."
        )
    target = cache / "models" / f"multilingual-mlm-{about['sha256'][:12]}"
    if _is_complete(target):
        return target
    if say is not None:
        say(f"Preparing embedded:mlm (once, 470 MB in {target})")
    building = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        _expand(base, weights, about, building)
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
    """config.json is the last file that is written before the folder gets its name."""
    return (folder / "config.json").is_file()


def _expand(base: str, weights: Path, about: dict[str, Any], folder: Path) -> None:
    from safetensors.torch import load_file

    encoder = TextEncoder(base, device="cpu", precision="fp32")
    with torch.random.fork_rng([]):
        net, _, _ = start(encoder, TUNE["lora"](about["rank"]), 0)
    put_tensors(net, load_file(weights))
    folder.mkdir(parents=True)
    write_model(net, encoder, folder)


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
