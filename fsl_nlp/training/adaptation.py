"""Which parameters of an encoder train."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from fsl_nlp.errors import ModelError, OptionError
from fsl_nlp.heads.options import (
    LARGEST_RANK,
    option,
    require_above,
    require_between,
    require_count,
)
from fsl_nlp.training.copies import private_copy, thaw
from fsl_nlp.training.layers import adapter_targets, layer_stack

Parameters = dict[str, nn.Parameter]


@dataclass(frozen=True)
class Adaptation(ABC):
    """A way of choosing parameters. Each text runs through the frozen layers once."""

    freeze_layers: int = option(0, "lowest layers of the encoder that stay as they are")

    def __post_init__(self) -> None:
        require_count("freeze_layers", self.freeze_layers, 0)

    def apply(self, module: nn.Module, model: str) -> tuple[nn.Module, Parameters]:
        """A private copy of the module, and its parameters that train. `model` is for messages."""
        tuned = private_copy(module)
        names = self.trainable(tuned, model)
        frozen = self._frozen(tuned, model)
        parameters = thaw(tuned, [name for name in names if name not in frozen])
        if not parameters:
            raise ModelError(f"{model} has no parameter that this method can train.")
        return tuned, parameters

    @abstractmethod
    def trainable(self, module: nn.Module, model: str) -> list[str]:
        """Add adapters to the module, if there are any, and give the names of what trains."""

    def _frozen(self, module: nn.Module, model: str) -> set[str]:
        """The names of the parameters up to the highest frozen layer, embeddings included."""
        stack = layer_stack(module)
        if self.freeze_layers > len(stack):
            raise OptionError(
                f"freeze_layers={self.freeze_layers}: {model} has {len(stack)} layers."
            )
        if not self.freeze_layers:
            return set()
        names = [name for name, _ in module.named_parameters()]
        highest = f"{stack[self.freeze_layers - 1][0]}."
        last = max(i for i, name in enumerate(names) if name.startswith(highest))
        return set(names[: last + 1])


@dataclass(frozen=True)
class FullTuning(Adaptation):
    """All parameters; those of word and position embeddings only with `embeddings`."""

    embeddings: bool = option(False, "with full tuning, word and position embeddings train too")

    def trainable(self, module: nn.Module, model: str) -> list[str]:
        """All parameters, or those outside the embeddings."""
        parts = [part for part in module.modules() if isinstance(part, nn.Embedding)]
        embedded = {id(p) for part in parts for p in part.parameters()}
        return [n for n, p in module.named_parameters() if self.embeddings or id(p) not in embedded]


@dataclass(frozen=True)
class BiasTuning(Adaptation):
    """Biases and layer norms (BitFit, Ben Zaken et al. 2022, arXiv 2106.10199)."""

    def trainable(self, module: nn.Module, model: str) -> list[str]:
        """All vectors; the matrices do not train."""
        return [name for name, p in module.named_parameters() if p.ndim == 1]


@dataclass(frozen=True)
class LoraTuning(Adaptation):
    """Low-rank additions to linear maps (Hu et al. 2021, arXiv 2106.09685), by peft."""

    rank: int = option(8, "rank of the low-rank matrices (LoRA)")
    alpha: float = option(16, "LoRA scales what it adds by alpha / rank")
    dropout: float = option(0.0, "dropout before the LoRA matrices")
    rslora: bool = option(False, "scale by alpha / sqrt(rank) (rsLoRA, arXiv 2312.03732)")
    dora: bool = option(False, "learn length and direction apart (DoRA, arXiv 2402.09353)")
    targets: str = option(
        "attention", "linear maps that get LoRA: attention, all, or names with commas"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count("rank", self.rank, most=LARGEST_RANK)
        require_above("alpha", self.alpha, 0)
        require_between("dropout", self.dropout, 0, 0.9)

    def trainable(self, module: nn.Module, model: str) -> list[str]:
        """The parameters of the adapters, which are added to the module."""
        from peft import LoraConfig, inject_adapter_in_model

        before = {id(p) for p in module.parameters()}
        config = LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            use_rslora=self.rslora,
            use_dora=self.dora,
            target_modules=adapter_targets(module, self.targets, model),
        )
        inject_adapter_in_model(config, module)
        # peft makes adapters on the device of the linear layer, and in its precision.
        return [name for name, p in module.named_parameters() if id(p) not in before]


def trained_tensors(
    module: nn.Module, base: nn.Module, names: Iterable[str]
) -> dict[str, torch.Tensor]:
    """The named parameters that differ from those of the base."""
    tuned, original = dict(module.named_parameters()), dict(base.named_parameters())
    return {
        name: tuned[name].detach()
        for name in names
        if name not in original or not torch.equal(tuned[name], original[name])
    }


def merge_adapters(module: nn.Module) -> nn.Module:
    """A copy in fp32 with the adapters merged into the weights."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    merged = copy.deepcopy(module).to(torch.float32)
    for name, part in list(merged.named_modules()):
        if isinstance(part, BaseTunerLayer):
            part.merge()
            parent, _, key = name.rpartition(".")
            setattr(merged.get_submodule(parent), key, part.get_base_layer())
    return merged
