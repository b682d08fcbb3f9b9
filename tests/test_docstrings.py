"""Every public name has a docstring with an example that runs."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import fsl_nlp

DOCS = Path(__file__).parent.parent / "docs"

# Names without an example, with the reason.
WITHOUT_EXAMPLE = {
    "fsl_nlp.encoders.ModelCard": "a record of the catalogue, which plug-ins fill in",
    "fsl_nlp.export.export_encoder": "needs a tuned classifier, which trains for minutes",
    "fsl_nlp.heads.learned.LearnedHead": "an abstract class",
    "fsl_nlp.heads.base.Head": "an abstract class",
    "fsl_nlp.methods.base.Method": "an abstract class",
    "fsl_nlp.methods.base.Classifier": "an abstract class",
    "fsl_nlp.benchmarks.base.Benchmark": "an abstract class",
}


def listed_names() -> list[str]:
    """The names of the pages about public names, and those of `fsl_nlp` itself."""
    table = (DOCS / "extend" / "public-api.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`(fsl_nlp\.[\w.]+)`", table.partition("## Names on the command")[0]))
    for page in (DOCS / "reference" / "python").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        names |= set(re.findall(r"^\.\. auto(?:class|function):: (fsl_nlp[\w.]+)", text, re.M))
    names |= {f"fsl_nlp.{name}" for name in fsl_nlp.__all__}
    return sorted(names)


def load(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def is_documented_object(value: Any) -> bool:
    """Whether a name stands for a class or a function; errors are raised and not called."""
    if inspect.isclass(value):
        return not issubclass(value, Exception)
    return inspect.isfunction(value)


NAMES = [name for name in listed_names() if is_documented_object(load(name))]


def docstrings(value: Any) -> str:
    """The docstring of a function; of a class also those of its public methods."""
    parts = [inspect.getdoc(value) or ""]
    if inspect.isclass(value):
        members = [item for name, item in vars(value).items() if not name.startswith("_")]
        parts += [inspect.getdoc(member) or "" for member in members if callable(member)]
        parts += [item.__doc__ or "" for item in members if isinstance(item, classmethod)]
    return "\n".join(parts)


def test_the_pages_list_names() -> None:
    assert {"fsl_nlp.FewShotClassifier", "fsl_nlp.evaluation.evaluate"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_has_an_example(name: str) -> None:
    value = load(name)
    assert value.__doc__
    if name not in WITHOUT_EXAMPLE:
        assert ">>> " in docstrings(value), f"{name} has no example"


def test_the_exceptions_are_needed() -> None:
    assert set(WITHOUT_EXAMPLE) <= set(NAMES)
    assert [n for n in WITHOUT_EXAMPLE if ">>> " in docstrings(load(n))] == []
