"""CONTRIBUTING's map is the tree."""

from __future__ import annotations

import re

from links import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAP = re.findall(r"^    ([a-z_]+/[\w./]*) +\S", TEXT, re.MULTILINE)
HELPERS = re.findall(r"`(\w+\.py)`\s\(", TEXT)


def test_what_the_map_names_exists() -> None:
    named = [*MAP, *(f"fsl_nlp/{helper}" for helper in HELPERS)]
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_each_part_of_the_package_stands_in_the_map() -> None:
    package = ROOT / "fsl_nlp"
    folders = {f"fsl_nlp/{path.parent.name}/" for path in package.glob("*/__init__.py")}
    modules = {f"fsl_nlp/{path.name}" for path in package.glob("*.py") if path.name[0] != "_"}
    named = {*MAP, *(f"fsl_nlp/{helper}" for helper in HELPERS)}
    assert folders | modules == {name for name in named if name.startswith("fsl_nlp/")}


def test_each_top_folder_stands_in_the_map() -> None:
    top = {"recipes/", "datasets/", "benchmarks/", "docs/", "tests/"}
    assert top == {name for name in MAP if not name.startswith("fsl_nlp/")}
