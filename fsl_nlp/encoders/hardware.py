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
    """`auto` is the GPU where there is one; else what was asked for, if it exists."""
    import torch

    if name == "auto":
        return torch.device(_own_gpu() if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(_own_gpu() if name == "cuda" else name)
    except (RuntimeError, TypeError):
        device = torch.device("meta")
    if device.type == "meta":  # which has shapes and no numbers
        raise OptionError(
            f"device={name!r}: choose one of 'auto', 'cpu', 'cuda' ('cuda:1' is the second GPU)."
        )
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, ImportError) as error:
        # The first sentence; torch may go on to list all it was built with.
        reason = str(error).splitlines()[0].partition(". ")[0].rstrip(".")
        raise OptionError(
            f"device={name!r} cannot be used here ({reason}). Use 'auto', 'cpu' or 'cuda'."
        ) from None
    return device


def _own_gpu() -> str:
    """Of several processes that a launcher starts on one machine, each has its own."""
    import torch

    rank = os.environ.get("LOCAL_RANK")
    if rank is None or not torch.cuda.device_count():
        return "cuda"
    return f"cuda:{int(rank) % torch.cuda.device_count()}"


def pick_precision(name: str, device: torch.device, backend: str = "torch") -> str:
    """`auto` is bf16 where the processor and the backend compute in it, else fp32."""
    if name not in PRECISIONS:
        raise OptionError(f"precision={name!r}: choose one of {', '.join(PRECISIONS)}.")
    if name == "auto":
        return "bf16" if has_bf16(device) and backend != "onnx" else "fp32"
    return name


def pick_backend(name: str, device: torch.device, precision: str) -> str:
    """What reads texts: "torch", "onnx", or "auto", which is whichever is faster for their number.

    `auto` may be set for all by the environment variable FSL_NLP_BACKEND. `precision` is what was
    asked for. ONNX Runtime reads on the CPU alone, and bf16 is torch's alone.
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
        raise OptionError(f"backend='onnx' reads on the CPU, not on {device}.")
    if name == "onnx" and precision == "bf16":
        raise OptionError("backend='onnx' reads in 'fp32' or 'int8'; 'bf16' is for torch.")
    if not on_cpu:
        return "torch"
    return "onnx" if precision == "int8" else name


def free_memory(device: torch.device) -> int:
    """Bytes that are free on the device."""
    import torch

    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return int(psutil.virtual_memory().available)


def has_bf16(device: torch.device) -> bool:
    """True where bf16 arithmetic is done by the hardware, not imitated."""
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # Not in every torch that the project allows.
        abilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16"))
    return False


def in_precision(module: torch.nn.Module, precision: str) -> torch.nn.Module:
    """The module, its matrices now in bf16: autocast would cast them anew for every batch."""
    import torch

    if precision == "bf16":
        for part in module.modules():
            if isinstance(part, torch.nn.Linear):
                part.to(torch.bfloat16)
    return module
