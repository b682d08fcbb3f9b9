"""Private copies of a module that share every tensor which does not train."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def private_copy(module: nn.Module) -> nn.Module:
    """Modules of its own, tensors shared with the original: costs no memory worth naming.

    Nothing done to the copy's structure reaches the original. Before a tensor may change, `thaw`
    gives the copy its own.
    """
    shared = [*module.parameters(), *module.buffers()]
    return copy.deepcopy(module, {id(tensor): tensor for tensor in shared})


def thaw(module: nn.Module, names: Collection[str]) -> dict[str, nn.Parameter]:
    """Give the (copied) module its own fp32 version of the parameters named, ready to train."""
    chosen = {id(p): name for name, p in module.named_parameters() if name in names}
    own: dict[str, nn.Parameter] = {}
    for part in module.modules():
        for key, parameter in part._parameters.items():
            if parameter is not None and (name := chosen.get(id(parameter))):
                # A tensor that two parts share stays shared.
                if name not in own:
                    own[name] = nn.Parameter(parameter.detach().to(torch.float32, copy=True))
                part._parameters[key] = own[name]
    return own


def put_tensors(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give the (copied) module these values, in place of the parameters it shares."""
    own = thaw(module, tensors.keys())
    with torch.no_grad():
        for name, tensor in tensors.items():
            own[name].copy_(tensor)
    module.requires_grad_(False)


def to_array(tensor: Tensor) -> NDArray[Any]:
    """numpy has no bf16: its bits, as whole numbers."""
    bits = tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor
    return bits.cpu().numpy()


def to_tensor(array: NDArray[Any]) -> Tensor:
    tensor = torch.from_numpy(np.array(array))
    return tensor.view(torch.bfloat16) if tensor.dtype == torch.int16 else tensor
