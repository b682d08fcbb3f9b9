"""`embedded:mlm` without a hub: embedded:multilingual and one small file as a model folder.

The small file holds what `fsl-nlp adapt` learned, in half precision: low-rank additions to the
linear maps of the layers (Hu et al. 2021, arXiv 2106.09685), the state of the mask, the head, and
a bias for each word. `fsl_nlp.pretraining.embedded` writes it, and a card that says from what it
was learned and how well. The folder is an ordinary masked model, written once, into the cache.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fsl_nlp.encoders.model_folder import is_whole, preparing, seal
from fsl_nlp.encoders.multilingual import ensure_multilingual
from fsl_nlp.errors import ModelError
from fsl_nlp.folders import file_sha256, make_cache_folder, new_folder

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = Path(__file__).with_name("embedded_mlm.safetensors")
CARD = Path(__file__).with_name("embedded_mlm.json")

FORMAT = 1  # raised whenever the written folder changes
# The scale of a low-rank addition: `adapt` has alpha = 2 * rank.
_SCALE = 2.0
_DOWN, _UP = ".lora_A.default.weight", ".lora_B.default.weight"
_WORDS = "bert.embeddings.word_embeddings.weight"
_NOT_COPIED = ("config.json", "fsl_nlp.json", "*.safetensors", "*.bin", ".*")


def ensure_mlm(
    cache: Path,
    say: Callable[[str], None] | None = None,
    *,
    base: Path | None = None,
    weights: Path = WEIGHTS,
    card: Path = CARD,
) -> Path:
    """The model's folder inside `cache`, written first if it is not there.

    `base` is the folder of the encoder that the small file was learned on; None is that of
    embedded:multilingual.
    """
    sha256 = json.loads(card.read_text(encoding="utf-8"))["sha256"]
    if file_sha256(weights) != sha256:
        raise ModelError(
            f"{weights} is altered: its sum is not that of its card. Reinstall fsl-nlp."
        )
    target = cache / "models" / f"multilingual-mlm-{sha256[:12]}"
    origin = {"format": FORMAT, "weights_sha256": sha256}
    if is_whole(target, origin):
        return target
    base = base or ensure_multilingual(cache, say)
    if say is not None:
        say(preparing("embedded:mlm", target))
    try:
        make_cache_folder(target.parent)
        with new_folder(target, lambda folder: is_whole(folder, origin)) as building:
            _write_folder(base, weights, building)
            seal(building, origin)
    except OSError as error:
        raise ModelError(
            f"embedded:mlm cannot be written to {target}: {error.strerror}. "
            "Set FSL_NLP_CACHE to a folder that can hold it."
        ) from error
    return target


def _write_folder(base: Path, weights: Path, folder: Path) -> None:
    from safetensors.torch import load_file, save_file
    from transformers import AutoTokenizer

    mask = AutoTokenizer.from_pretrained(base).mask_token_id
    learned = {name: tensor.float() for name, tensor in load_file(weights).items()}
    tensors = _merged(load_file(base / "model.safetensors"), learned, mask)
    shutil.copytree(base, folder, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    # transformers refuses weights without this note.
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    config = {**config, "architectures": ["BertForMaskedLM"], "tie_word_embeddings": True}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _merged(base: dict[str, Tensor], learned: dict[str, Tensor], mask: int) -> dict[str, Tensor]:
    """The tensors of `BertForMaskedLM`: those of the encoder with what was learned.

    Learned names begin with "base." in the encoder and with "head." above it.
    """
    merged = {f"bert.{name.removeprefix('bert.')}": tensor for name, tensor in base.items()}
    for name, tensor in learned.items():
        if name.endswith(_DOWN):
            module = name.removeprefix("base.").removesuffix(_DOWN)
            up = learned[f"base.{module}{_UP}"]
            merged[f"bert.{module}.weight"] += (up @ tensor) * _SCALE
        elif name.startswith("head."):
            merged[name.removeprefix("head.")] = tensor
    merged[_WORDS][mask] = learned["base.embeddings.word_embeddings.soft"][0]
    merged["cls.predictions.bias"] = learned["bias.weight"][:, 0].contiguous()
    return merged
