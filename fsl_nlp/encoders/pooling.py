"""Pool token states into one vector for each text, as the model's configuration says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# Takes the path of a JSON file in the model's folder; gives its content, or None without one.
ReadJson = Callable[[str], Any]

LONGEST = 512  # tokens; the limit of a model that states none


@dataclass(frozen=True)
class Pooling:
    """How a model makes the vector of a sentence.

    `custom` models do more than pool and normalise: a dense layer, several poolings, or a prompt
    that is left out of the mean. sentence-transformers runs those.
    """

    mode: str = "mean"
    normalize: bool = True
    prefix: str = ""
    max_length: int = LONGEST
    custom: bool = False


def read_pooling(read: ReadJson, *, positions: int, default_prefix: str) -> Pooling:
    """The pooling of a sentence-transformers folder; mean pooling for any other model."""
    modules = read("modules.json") or []
    kinds = {_kind(module["type"]): module["path"] for module in modules}
    pooling = read(f"{kinds['Pooling']}/config.json") or {} if "Pooling" in kinds else {}
    mode = str(pooling.get("pooling_mode") or _old_style_mode(pooling))
    config = read("config_sentence_transformers.json") or {}
    transformer = read("sentence_bert_config.json") or {}
    prefix = (config.get("prompts") or {}).get(config.get("default_prompt_name")) or default_prefix
    limits = [positions, transformer.get("max_seq_length")]
    return Pooling(
        mode=mode,
        normalize="Normalize" in kinds or not modules,
        prefix=prefix,
        max_length=min([n for n in limits if n] or [LONGEST]),
        custom=bool(modules and kinds.keys() - {"Normalize"} != {"Transformer", "Pooling"})
        or mode not in POOLINGS
        or bool(transformer.get("do_lower_case"))
        or (bool(prefix) and not pooling.get("include_prompt", True)),
    )


def _kind(type_name: str) -> str:
    """`Pooling` for `sentence_transformers.models.Pooling`; other classes keep their full name."""
    ours = type_name.startswith("sentence_transformers.")
    return type_name.rsplit(".", 1)[-1] if ours else type_name


def _old_style_mode(config: dict[str, Any]) -> str:
    """The mode as flags, used before sentence-transformers 6: `pooling_mode_mean_tokens: true`."""
    chosen = [
        key.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token")
        for key, value in config.items()
        if key.startswith("pooling_mode_") and value is True
    ]
    return "+".join(chosen) or "mean"


def _mean(states: Tensor, mask: Tensor) -> Tensor:
    return (states * mask).sum(1) / mask.sum(1).clamp(min=1)


def _mean_sqrt_len(states: Tensor, mask: Tensor) -> Tensor:
    return (states * mask).sum(1) / mask.sum(1).clamp(min=1).sqrt()


def _weighted_mean(states: Tensor, mask: Tensor) -> Tensor:
    return _mean(states, mask * mask.cumsum(1))


def _cls(states: Tensor, mask: Tensor) -> Tensor:
    return states[:, 0]


def _last(states: Tensor, mask: Tensor) -> Tensor:
    last = (mask[:, :, 0].sum(1).long() - 1).clamp(min=0)
    # `take_along_dim` has no ONNX operator.
    return states.gather(1, last[:, None, None].expand(-1, 1, states.shape[2]))[:, 0]


def _max(states: Tensor, mask: Tensor) -> Tensor:
    return states.masked_fill(mask == 0, float("-inf")).amax(1)


# States [B, T, D] and mask [B, T, 1] to [B, D], by sentence-transformers' names.
POOLINGS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean": _mean,
    "mean_sqrt_len": _mean_sqrt_len,
    "mean_sqrt_len_tokens": _mean_sqrt_len,
    "weightedmean": _weighted_mean,
    "cls": _cls,
    "lasttoken": _last,
    "max": _max,
}


def pool(states: Tensor, mask: Tensor, pooling: Pooling) -> Tensor:
    """Token states [B, T, D] and their mask [B, T] to vectors [B, D], in fp32."""
    import torch.nn.functional as F

    states = states.float()
    vectors = POOLINGS[pooling.mode](states, mask.unsqueeze(-1).to(states.dtype))
    return F.normalize(vectors, dim=-1) if pooling.normalize else vectors


def padded(ids: list[list[int]], pad: int, device: torch.device) -> dict[str, Tensor]:
    """Rows of token ids as tensors [B, T], with the mask that `pool` takes."""
    import torch

    # Some tokenizers give an empty text no token at all.
    ids = [row or [pad] for row in ids]
    longest = max(map(len, ids))
    tokens = torch.tensor([row + [pad] * (longest - len(row)) for row in ids])
    lengths = torch.tensor([len(row) for row in ids])
    mask = (torch.arange(longest) < lengths[:, None]).long()
    return {"input_ids": tokens.to(device), "attention_mask": mask.to(device)}
