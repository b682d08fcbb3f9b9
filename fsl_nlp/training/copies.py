"""Private copies of a module. They share the tensors that do not train."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def private_copy(module: nn.Module) -> nn.Module:
    """A copy that shares all tensors with the original, so it takes hardly any memory.

    Changes of its structure do not reach the original. Before a parameter may change, `thaw` it.
    """
    shared = [*module.parameters(), *module.buffers()]
    return copy.deepcopy(module, {id(tensor): tensor for tensor in shared})


def thaw(module: nn.Module, names: Collection[str]) -> dict[str, nn.Parameter]:
    """Replace the named parameters of a private copy by fp32 copies that can train."""
    chosen = {id(p): name for name, p in module.named_parameters() if name in names}
    thawed: dict[str, nn.Parameter] = {}
    for part in module.modules():
        for key, parameter in part._parameters.items():
            if parameter is not None and (name := chosen.get(id(parameter))):
                # Two parts may share a parameter; they still do afterwards.
                if name not in thawed:
                    thawed[name] = nn.Parameter(parameter.detach().to(torch.float32, copy=True))
                part._parameters[key] = thawed[name]
    return thawed


def put_tensors(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Set parameters of a private copy; the original keeps its own."""
    thawed = thaw(module, tensors.keys())
    with torch.no_grad():
        for name, tensor in tensors.items():
            thawed[name].copy_(tensor)
    module.requires_grad_(False)


def to_array(tensor: Tensor) -> NDArray[Any]:
    """A tensor as an array. numpy has no bf16, so that becomes int16 with the same bits."""
    bits = tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor
    return bits.cpu().numpy()


def to_tensor(array: NDArray[Any]) -> Tensor:
    """The tensor of an array that `to_array` gave."""
    tensor = torch.from_numpy(np.array(array))
    return tensor.view(torch.bfloat16) if tensor.dtype == torch.int16 else tensor
