"""The directions of imports, and other rules of the house that no reader checks at a glance."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import fsl_nlp

PACKAGE = Path(fsl_nlp.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 350  # lines

every_file = pytest.mark.parametrize(
    "path", FILES, ids=[str(path.relative_to(PACKAGE)) for path in FILES]
)

# What each part may import of the others. A new part gets a line, below all that it imports.
# `TYPE_CHECKING` imports are free: nothing runs.
BOTTOM = {"errors", "folders", "lazy", "processor", "progress", "types", "vectors"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "lazy": set(),
    "processor": set(),
    "progress": set(),
    "vectors": set(),
    "folders": {"errors"},
    "types": {"errors"},
    "checks": {"errors", "types"},
    "decision": {"types"},
    "data": BOTTOM,
    "inputs": BOTTOM | {"data.labels"},
    "answering": BOTTOM | {"checks", "decision", "inputs"},
    "runtime": BOTTOM | {"answering", "checks", "decision", "inputs"},
    "sampling": BOTTOM,
    "episodes": BOTTOM | {"sampling"},
    "splits": BOTTOM | {"data"},
    "encoders": BOTTOM | {"checks", "inputs", "runtime"},
    "heads": {"errors", "lazy", "types"},
    "training": BOTTOM | {"encoders", "heads", "inputs", "runtime"},
    "prompts": BOTTOM | {"data.labels", "encoders", "inputs", "runtime", "training"},
    "meta": BOTTOM | {"encoders", "heads", "inputs", "runtime", "training"},
    "semisupervised": BOTTOM | {"decision", "heads"},
    "methods": BOTTOM
    | {"checks", "decision", "encoders", "heads", "inputs", "meta", "prompts"}
    | {"runtime"}
    | {"semisupervised", "splits", "training"},
    "pretraining": BOTTOM | {"data", "encoders", "heads", "prompts", "runtime", "training"},
    "evaluation": BOTTOM
    | {"data", "decision", "encoders", "episodes", "heads", "meta", "methods"}
    | {"inputs", "runtime", "sampling", "splits", "training"},
    "benchmarks": BOTTOM
    | {"data", "encoders", "episodes", "evaluation", "inputs", "methods", "splits"},
    "artifact": BOTTOM | {"decision", "encoders", "methods", "runtime"},
    "export": BOTTOM | {"artifact", "encoders", "methods", "runtime", "training"},
    "classifier": BOTTOM
    | {"answering", "artifact", "checks", "decision", "encoders", "methods", "training.checkpoint"},
}
MAY_IMPORT["cli"] = set(MAY_IMPORT)


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Every module that the file imports when it runs, inside functions too."""
    for node in _running(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)


def home_of_names() -> dict[str, str]:
    """Where the names of `fsl_nlp` itself are at home: fsl_nlp.load_dataset -> data."""
    return {name: getattr(fsl_nlp, name).__module__.split(".")[1] for name in fsl_nlp.__all__}


def own_imports(path: Path) -> set[str]:
    """What a file imports of fsl_nlp, as data.labels.readable or types.Example."""
    found = {name.removeprefix("fsl_nlp.") for name in imports(path) if name.startswith("fsl_nlp.")}
    homes = home_of_names()
    return {homes.get(name, name) for name in found} - {"__version__"}


def may_import(part: str, name: str) -> bool:
    return any(
        name == allowed or name.startswith(f"{allowed}.") for allowed in MAY_IMPORT[part] | {part}
    )


def test_the_table_has_no_circles() -> None:
    parts = list(MAY_IMPORT)
    for place, part in enumerate(parts):
        assert {name.split(".")[0] for name in MAY_IMPORT[part]} <= set(parts[:place]), part


def test_every_part_has_a_place_in_the_table() -> None:
    parts = {part_of(path) for path in FILES} - {"__init__", "__main__"}
    assert parts == MAY_IMPORT.keys()


@every_file
def test_imports_point_down(path: Path) -> None:
    part = part_of(path)
    if part == "__main__":
        return
    if part == "__init__":
        assert own_imports(path) == {"lazy", "lazy.lazy_attributes"}
        return
    wrong = {name for name in own_imports(path) if not may_import(part, name)}
    assert not wrong, f"{part} may import {sorted(MAY_IMPORT[part])}"


def test_the_checker_sees_a_wrong_import(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from fsl_nlp.cli import main\n"
        "def f():\n    from fsl_nlp import load_dataset\n    import fsl_nlp.data.labels\n"
        "    from fsl_nlp.heads import proto\n"
    )
    assert own_imports(file) == {"data", "data.labels", "heads", "heads.proto"}
    assert [name for name in own_imports(file) if not may_import("prompts", name)] == ["data", "heads"]
    assert {name for name in own_imports(file) if not may_import("heads", name)} == {
        "data",
        "data.labels",
    }


@every_file
def test_nothing_is_pickled(path: Path) -> None:
    picklers = {
        "pickle",
        "cPickle",
        "_pickle",
        "joblib",
        "dill",
        "cloudpickle",
        "shelve",
        "marshal",
    }
    assert not picklers & {name.split(".")[0] for name in imports(path)}
    calls = {
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
    }
    assert not calls & {"torch.load", "torch.save", "eval", "exec", "pandas.read_pickle"}
    assert "allow_pickle=True" not in path.read_text("utf-8")


@every_file
def test_a_module_fits_in_a_head(path: Path) -> None:
    lines = path.read_text("utf-8").count("\n")
    assert lines <= LONGEST


def test_every_module_says_what_it_is_about() -> None:
    commands = PACKAGE / "cli"
    for path in FILES:
        if path.parent == commands or path.name == "__main__.py":
            continue  # a command says it in its help
        assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path
