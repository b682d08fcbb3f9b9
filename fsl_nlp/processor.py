"""The processors of this machine in words: measured times and last digits depend on them."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Collection
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

# The flags in /proc/cpuinfo (and of macOS's sysctl), and their usual names.
_KINDS = {
    "avx512f": "AVX-512",
    "avx2": "AVX2",
    "asimd": "NEON",
    "avx512_bf16": "bf16",
    "amx_bf16": "AMX bf16",
    "bf16": "bf16",
    "avx512_vnni": "VNNI",
    "avx_vnni": "VNNI",
    "asimddp": "dot product",
}


@lru_cache(maxsize=1)
def read_flags() -> frozenset[str]:
    """The instruction sets that the operating system lists; empty if it lists none."""
    if sys.platform == "darwin":
        with suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(
                ["sysctl", "-n", "machdep.cpu.leaf7_features", "hw.optional.AdvSIMD"],
                capture_output=True,
                text=True,
                timeout=5,
                check=False,
            )
            words = set(done.stdout.lower().split())
            return frozenset(words | ({"asimd"} if "1" in words else set()))
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return frozenset(value.split())
    return frozenset()


def describe_processor(instruction_sets: Collection[str] | None = None) -> str:
    """The instruction sets that matter here, by their usual names.

    A limit that ATEN_CPU_CAPABILITY sets for torch is named too.

    >>> describe_processor({"avx2", "avx512f", "avx512_bf16", "avx512_vnni"})
    'AVX-512 bf16 VNNI'
    >>> describe_processor({"avx2", "fma"})
    'AVX2'
    """
    flags = read_flags() if instruction_sets is None else instruction_sets
    names = list(dict.fromkeys(name for flag, name in _KINDS.items() if flag in flags))
    if "AVX-512" in names:
        names.remove("AVX2")
    words = " ".join(names) or platform.machine() or "unknown"
    limited = os.environ.get("ATEN_CPU_CAPABILITY") if instruction_sets is None else None
    return f"{words} (torch limited to {limited})" if limited else words


def int8_gains_little() -> str:
    """A note for processors without instructions for int8 sums; "" for all others."""
    flags = read_flags()
    if not flags or flags & {"avx512_vnni", "avx_vnni", "asimddp"}:
        return ""
    return f"int8 gains little on this processor ({describe_processor()}): it has no VNNI."


def machine() -> str:
    """The processors of this machine, and its GPU if torch was loaded and sees one."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    words = f"CPU, {count} cores {platform.machine()}, {describe_processor()}"
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return f"GPU {torch.cuda.get_device_name()}; {words}"
    return words
