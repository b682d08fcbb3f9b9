"""`fsl-nlp methods`, the errors that help to find a name, and completion in a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from fsl_nlp.methods import METHODS, describe

Cli = Callable[..., Any]


def test_all_methods_are_listed_by_family(run: Cli) -> None:
    shown = run("methods")
    assert shown.status == 0
    for name in ("auto", *METHODS):
        assert f"  {name} " in shown.out
    families = [line.strip() for line in shown.out.splitlines()]
    places = [families.index(f) for f in ("combined", "frozen", "tuned", "prompted", "meta")]
    assert places == sorted(places)
    rows = run("methods", "--json").json["methods"]
    assert {row["name"] for row in rows} == {"auto", *METHODS}
    assert all(row["summary"] and row["inputs"] and row["cost"] for row in rows)


def test_one_method_with_its_options(run: Cli) -> None:
    shown = run("methods", "pet").out
    for option in describe("pet").options:
        assert f"{option.name} " in shown
    assert "arXiv 2001.07676" in shown
    assert "fsl-nlp fit train.csv --method pet --encoder embedded:mlm --out my-bot" in shown
    found = run("methods", "pet", "--json").json
    seeds = next(option for option in found["options"] if option["name"] == "seeds")
    assert seeds == {
        "name": "seeds",
        "type": "whole number",
        "default": 1,
        "meaning": "models trained for each pattern",
        "choices": [],
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("methods", "pett"), "Did you mean pet?"),
        (("fit", "support_en", "--out", "x", "--method", "lorra"), "Did you mean lora"),
        (
            ("fit", "support_en", "--out", "x", "--method", "full", "--option", "epoch=3"),
            "method 'full' has no option 'epoch'. Did you mean epochs? It has: batch_size",
        ),
        (
            ("fit", "support_en", "--out", "x", "--method", "full", "--option", "epochs=abc"),
            "epochs='abc': must be a whole number. The default is 10.",
        ),
        (
            ("fit", "support_en", "--out", "x", "--encoder", "embeded:multilingual"),
            "There is no model 'embeded:multilingual'. Did you mean embedded:multilingual",
        ),
        (("evaluate", "x", "support_en:tset"), 'no split "tset". Did you mean test?'),
        (("data", "check", "bankng77"), "Did you mean banking77?"),
        (
            ("meta-train", "support_en", "--out", "x", "--method", "protomal"),
            "Did you mean protomaml",
        ),
        (("adapt", "x", "y", "--out", "z", "--option", "rnak=3"), "Did you mean rank?"),
        (("episodes", "support_en", "--method", "prto"), "Did you mean proto"),
    ],
)
def test_a_mistyped_name_gets_the_nearest(words: tuple[str, ...], message: str, run: Cli) -> None:
    result = run(*words)
    assert result.status == 1
    assert message in result.err


# completion, as a shell asks for it


def complete(*words: str) -> tuple[list[str], str]:
    """What bash is offered for the last word, and the modules that were loaded."""
    code = (
        "import sys\n"
        "from fsl_nlp.cli import main\n"
        "sys.argv = ['fsl-nlp']\n"
        "try:\n    main()\n"
        "finally:\n    print(*sys.modules, file=sys.stderr)\n"
    )
    environment = {
        **os.environ,
        "_FSL_NLP_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(("fsl-nlp", *words)),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60
    )
    return done.stdout.split(), done.stderr


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("methods", "prot"), ["proto", "protomaml"]),
        (("fit", "x", "--method", "contr"), ["contrastive"]),
        (("curve", "x", "--method", "knn,rid"), ["knn,ridge"]),
        (("episodes", "x", "--encoder", "embedded:m"), ["embedded:multilingual", "embedded:mlm"]),
        (("fit", "banking77:tr"), ["banking77:train", "banking77:train_5", "banking77:train_10"]),
        (("data", "get", "fewr"), ["fewrel"]),
        (("benchmark", "fewc"), ["fewclue"]),
    ],
)
def test_names_are_completed_without_torch(words: tuple[str, ...], offered: list[str]) -> None:
    found, modules = complete(*words)
    assert set(offered) <= set(found)
    assert all(word.startswith(words[-1]) for word in found)
    assert not {"torch", "transformers", "sklearn"} & set(modules.split())
