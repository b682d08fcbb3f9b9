"""What importing costs, and that it changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "sklearn", "scipy", "numpy", "datasets", "pandas", "peft"}

SNAPSHOT = """
import json, locale, logging, os, random, signal, sys, threading, warnings
import {first}
def snapshot():
    return dict(
        environment=dict(os.environ),
        filters=list(map(str, warnings.filters)),
        show=str(warnings.showwarning),
        handlers=str(logging.root.handlers) + str(logging.getLogger("fsl_nlp").handlers),
        levels=[logging.root.level, logging.getLogger("fsl_nlp").level],
        hooks=str([sys.excepthook, sys.unraisablehook, sys.meta_path, sys.path_hooks]),
        path=list(sys.path),
        folder=os.getcwd(),
        random=hash(random.getstate()),
        locale=str(locale.setlocale(locale.LC_ALL)),
        signals=[str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM)],
        threads=threading.active_count(),
        streams=[str(s.encoding) + str(s.errors) for s in (sys.stdout, sys.stderr)],
    )
before = snapshot()
import {second}
after = snapshot()
print(json.dumps([key for key in before if before[key] != after[key]]))
"""


def run(*words: str) -> str:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=True, timeout=60
    ).stdout


def modules_after(code: str) -> set[str]:
    return set(
        json.loads(run("-c", f"{code}\nimport json, sys; print(json.dumps([*sys.modules]))"))
    )


def seconds(*words: str, times: int) -> float:
    """Of the processor, the best of several: what the machine does besides can only add to it."""

    def spent() -> float:
        used = os.times()
        return used.children_user + used.children_system

    def once() -> float:
        start = spent()
        run(*words)
        return spent() - start

    return min(once() for _ in range(times))


def test_importing_takes_a_tenth_of_a_second() -> None:
    empty = seconds("-c", "pass", times=8)
    assert seconds("-c", "import fsl_nlp", times=8) - empty <= 0.1


def test_help_takes_half_a_second() -> None:
    assert seconds("-m", "fsl_nlp", "--help", times=6) <= 0.5


@pytest.mark.parametrize(
    "code",
    [
        "import fsl_nlp",
        "from fsl_nlp import Dataset, Example, FslError, Prediction, Task",
        "import fsl_nlp.data, fsl_nlp.encoders, fsl_nlp.heads, fsl_nlp.methods, fsl_nlp.evaluation",
        "import fsl_nlp.cli.app",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    assert modules_after(code) & HEAVY == set()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--help"], "Few-shot text classification"),
        (["--version"], "fsl-nlp 0."),
        (["fit", "--help"], "Train a classifier"),
        (["episodes", "--help"], "Score a method"),
    ],
)
def test_help_loads_nothing_heavy(words: list[str], shown: str) -> None:
    code = f"import sys\nsys.argv[1:] = {words}\nfrom fsl_nlp.cli import main\n"
    loaded = run(
        "-c",
        f"{code}try:\n    main()\nexcept SystemExit:\n    pass\nprint('loaded', *sys.modules)",
    )
    assert shown in loaded
    assert HEAVY & set(loaded.rsplit("loaded ", 1)[1].split()) == set()


def test_every_public_name_is_there() -> None:
    import fsl_nlp
    import fsl_nlp.data
    import fsl_nlp.encoders

    for module in (fsl_nlp, fsl_nlp.data, fsl_nlp.encoders):
        assert module.__all__ == dir(module)
        assert all(getattr(module, name).__doc__ for name in module.__all__)
    with pytest.raises(AttributeError, match="module 'fsl_nlp' has no attribute 'nonsense'"):
        _ = fsl_nlp.nonsense


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("logging, typing", "fsl_nlp"),
        ("typer", "fsl_nlp.cli.app"),
        ("numpy, sklearn.base", "fsl_nlp.classifier, fsl_nlp.artifact, fsl_nlp.decision"),
        (
            "numpy, torch",
            "fsl_nlp.methods.frozen.method, fsl_nlp.heads.linear, fsl_nlp.heads.proto",
        ),
    ],
)
def test_importing_changes_nothing_outside(first: str, second: str) -> None:
    """Beyond what the libraries that come `first` change themselves."""
    assert json.loads(run("-c", SNAPSHOT.format(first=first, second=second))) == []
