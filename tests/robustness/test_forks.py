"""A forked process answers and ends: gunicorn --preload, Celery, multiprocessing's fork."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import save_model, tiny_bert
from .conftest import Rounds

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
WORDS = [f"word{i}" for i in range(40)]


def script(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python in a new process, with as many threads as there are by default."""
    kept = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    return subprocess.run(
        [sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=600,
        env={**kept, "TOKENIZERS_PARALLELISM": "true", **environment},
        check=False,
    )


def test_forked_processes_answer_and_end(tmp_path: Path, rounds: Rounds) -> None:
    config = tiny_bert(WORDS, hidden_size=64, intermediate_size=128, num_attention_heads=4)
    save_model(tmp_path / "model", config, WORDS)
    forks = rounds(2, 40)
    ended = script(
        "-m", "tests.robustness.fork_script", tmp_path, forks, FSL_NLP_CACHE=str(tmp_path / "cache")
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.split("\n")[:-1]
    assert len(lines) == forks
    assert {line.split()[1] for line in lines} == {"0"}, lines


def test_an_import_chooses_nothing_for_the_whole_process() -> None:
    """A bar of tqdm would choose how processes start; onnxruntime would send events."""
    code = """
import multiprocessing, os
os.environ.pop("ORT_DISABLE_TELEMETRY", None)
import fsl_nlp
from fsl_nlp.progress import track
with track(3, "texts"):
    pass
assert multiprocessing.get_start_method(allow_none=True) is None
assert "ORT_DISABLE_TELEMETRY" not in os.environ
from fsl_nlp.runtime.session import import_onnxruntime
import_onnxruntime()
assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
"""
    ended = script("-c", code)
    assert ended.returncode == 0, ended.stderr
