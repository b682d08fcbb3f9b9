"""The processors of a machine, in words."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fsl_nlp import processor


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"avx2", "fma"}, "AVX2"),
        ({"avx2", "avx_vnni"}, "AVX2 VNNI"),
        ({"avx2", "avx512f", "avx512_vnni"}, "AVX-512 VNNI"),
        ({"avx2", "avx512f", "avx512_bf16", "amx_bf16"}, "AVX-512 bf16 AMX bf16"),
        ({"asimd", "asimddp", "bf16"}, "NEON bf16 dot product"),
    ],
)
def test_kinds(flags: set[str], words: str) -> None:
    assert processor.describe_processor(flags) == words


def test_a_limit_of_torch_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATEN_CPU_CAPABILITY", raising=False)
    assert "limited" not in processor.describe_processor()
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2")
    assert processor.describe_processor().endswith("(torch limited to avx2)")


def test_an_unknown_processor_is_its_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor.platform, "machine", lambda: "riscv64")
    assert processor.describe_processor(set()) == "riscv64"


def test_it_loads_nothing_heavy() -> None:
    script = "import sys, fsl_nlp.processor as p; p.machine(); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
