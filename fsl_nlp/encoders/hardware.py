"""Which processor to compute on, and in which precision."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fsl_nlp.errors import OptionError

if TYPE_CHECKING:
    import torch

PRECISIONS = ("auto", "fp32", "bf16", "int8")
BACKENDS = ("auto", "torch", "onnx")


def pick_device(name: str = "auto") -> torch.device:
    """The device of this name, which must exist; `auto` is the GPU if there is one.

    >>> pick_device("cpu")
    device(type='cpu')
    """
    import torch

    if name == "auto":
        return torch.device(_gpu_of_this_process() if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(_gpu_of_this_process() if name == "cuda" else name)
    except (RuntimeError, TypeError):
        device = torch.device("meta")
    if device.type == "meta":  # has shapes, but no numbers
        raise OptionError(
            f"device={name!r}: choose one of 'auto', 'cpu', 'cuda' ('cuda:1' is the second GPU)."
        )
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, ImportError) as error:
        # The first sentence alone: torch may go on to list its build options.
        reason = str(error).splitlines()[0].partition(". ")[0].rstrip(".")
        raise OptionError(
            f"device={name!r} cannot be used here ({reason}). Use 'auto' or 'cpu'."
        ) from None
    return device


def _gpu_of_this_process() -> str:
    """The GPU of this process, if a launcher has started several on one machine."""
    import torch

    rank = os.environ.get("LOCAL_RANK")
    if rank is None or not torch.cuda.device_count():
        return "cuda"
    return f"cuda:{int(rank) % torch.cuda.device_count()}"


def pick_precision(name: str, device: torch.device, backend: str = "torch") -> str:
    """The precision; `auto` is bf16 if processor and backend support it, or fp32."""
    if name not in PRECISIONS:
        raise OptionError(f"precision={name!r}: choose one of {', '.join(PRECISIONS)}.")
    if name == "auto":
        return "bf16" if has_bf16(device) and backend != "onnx" else "fp32"
    return name


def pick_backend(name: str, device: torch.device, precision: str) -> str:
    """What runs the model: "torch", "onnx", or "auto", the faster one for the number of tokens.

    The environment variable FSL_NLP_BACKEND says what "auto" means. ONNX Runtime runs on the CPU
    only, in "fp32" or "int8".
    """
    if name not in BACKENDS:
        raise OptionError(f"backend={name!r}: choose one of {', '.join(BACKENDS)}.")
    on_cpu = device.type == "cpu"
    if name == "auto" and on_cpu:
        name = os.environ.get("FSL_NLP_BACKEND") or "auto"
        if name not in BACKENDS:
            raise OptionError(f"FSL_NLP_BACKEND={name!r}: choose one of {', '.join(BACKENDS)}.")
    if precision == "int8" and (name == "torch" or not on_cpu):
        raise OptionError(
            "precision='int8' is for ONNX Runtime on the CPU: backend='onnx', device='cpu'."
        )
    if name == "onnx" and not on_cpu:
        raise OptionError(f"backend='onnx' runs on the CPU, not on {device}.")
    if name == "onnx" and precision == "bf16":
        raise OptionError("backend='onnx' runs in 'fp32' or 'int8'; 'bf16' is for torch.")
    if not on_cpu:
        return "torch"
    return "onnx" if precision == "int8" else name


def free_memory(device: torch.device) -> int:
    """The free memory of the device, in bytes."""
    import torch

    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return int(psutil.virtual_memory().available)


def has_bf16(device: torch.device) -> bool:
    """Whether the hardware computes in bf16, without emulation."""
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # Older versions of torch lack this function.
        capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


def in_precision(module: torch.nn.Module, precision: str) -> torch.nn.Module:
    """The module with its matrices in the precision: autocast would cast them in every batch."""
    import torch

    if precision == "bf16":
        for part in module.modules():
            if isinstance(part, torch.nn.Linear):
                part.to(torch.bfloat16)
    return module
