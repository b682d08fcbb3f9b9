"""The directions of imports, and other rules of the house that no reader checks at a glance."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
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
BOTTOM = {"blas", "errors", "folders", "forks", "intervals", "json_text", "lazy", "locks", "output"}
BOTTOM |= {"plugins", "processor", "progress", "reading", "scripts", "seeding", "spelling"}
BOTTOM |= {"sums", "torch_state", "types", "vectors"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "intervals": set(),
    "json_text": set(),
    "lazy": set(),
    "locks": set(),
    "output": set(),
    "processor": set(),
    "progress": {"output"},
    "reading": {"errors", "json_text"},
    "scripts": set(),
    "seeding": set(),
    "torch_state": set(),
    "vectors": set(),
    "folders": {"errors"},
    "forks": set(),
    "blas": {"forks"},
    "sums": {"folders", "json_text"},
    "types": {"errors"},
    "clauses": {"scripts", "types"},
    "explaining": {"types"},
    "spelling": {"errors", "types"},
    "plugins": {"errors", "forks", "lazy"},
    "checks": {"errors", "spelling", "types"},
    "decision": {"errors", "intervals", "types", "vectors"},
    "data": BOTTOM,
    "inputs": BOTTOM | {"data.labels"},
    "labelling": BOTTOM | {"checks", "decision", "inputs"},
    "answering": BOTTOM | {"checks", "clauses", "decision", "explaining", "inputs", "labelling"},
    "artifact": BOTTOM | {"decision"},
    "runtime": BOTTOM | {"answering", "artifact", "checks", "decision", "inputs"},
    "sampling": BOTTOM,
    "episodes": BOTTOM | {"sampling"},
    "splits": BOTTOM | {"data"},
    "encoders": BOTTOM | {"checks", "data.generic", "inputs", "runtime"},
    "heads": {"blas", "errors", "forks", "lazy", "plugins", "types"},
    "training": BOTTOM | {"encoders", "heads", "inputs", "runtime"},
    "prompts": BOTTOM | {"data.labels", "encoders", "inputs", "runtime", "training"},
    "meta": BOTTOM | {"artifact", "encoders", "heads", "inputs", "runtime", "training"},
    "semisupervised": BOTTOM | {"decision", "heads"},
    "methods": BOTTOM
    | {"artifact", "checks", "data.generic", "decision", "encoders", "heads", "inputs"}
    | {"meta", "prompts", "runtime", "semisupervised", "splits", "training"},
    "linting": BOTTOM | {"checks", "data", "decision", "encoders", "inputs"},
    "pretraining": BOTTOM | {"data", "encoders", "heads", "prompts", "runtime", "training"},
    "evaluation": BOTTOM
    | {"data", "decision", "encoders", "episodes", "heads", "inputs", "meta", "methods"}
    | {"runtime", "sampling", "splits", "training"},
    "benchmarks": BOTTOM
    | {"data", "decision", "encoders", "episodes", "evaluation", "heads", "inputs", "methods"}
    | {"splits"},
    "scorers": BOTTOM | {"artifact", "encoders", "methods", "runtime"},
    "restoring": BOTTOM | {"artifact", "encoders", "inputs", "methods", "scorers"},
    "export": BOTTOM | {"artifact", "encoders", "methods", "runtime", "scorers", "training"},
    "transfer": BOTTOM | {"artifact", "methods"},
    "editing": BOTTOM
    | {"answering", "artifact", "checks", "data.labels", "decision", "inputs", "methods"},
    "fitting": BOTTOM | {"decision", "editing", "encoders", "methods", "training.checkpoint"},
    "classifier": BOTTOM
    | {"answering", "artifact", "checks", "decision", "editing", "encoders", "fitting"}
    | {"methods", "restoring", "transfer"},
    "loading": BOTTOM | {"answering", "classifier", "runtime"},
    "serving": BOTTOM
    | {"answering", "artifact", "checks", "classifier", "data", "decision", "editing"}
    | {"encoders", "explaining", "export", "inputs", "linting", "loading", "runtime"},
}
MAY_IMPORT["cli"] = set(MAY_IMPORT)

# An object that is named in a text, to be imported when it is first used: "fsl_nlp.x.y:Name".
NAMED_OBJECT = re.compile(r"(fsl_nlp(?:\.\w+)+):\w+")


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Every module that the file imports when it runs, inside functions and in texts too."""
    for node in _running(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if match := NAMED_OBJECT.fullmatch(node.value):
                yield match[1]
        else:
            yield from _imported(node)


def _imported(node: ast.AST) -> Iterator[str]:
    """What an import statement names: modules, and objects of modules."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "write imports in full"
        assert node.module
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def _running(path: Path) -> list[ast.AST]:
    """The nodes of a file that run; those under `if TYPE_CHECKING` do not."""
    nodes: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    for node in nodes:  # grows while it is read
        nodes += (child for child in ast.iter_child_nodes(node) if not _is_for_types(child))
    return nodes


def _is_for_types(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def home_of_names() -> dict[str, str]:
    """Where the names of `fsl_nlp` itself are at home: fsl_nlp.load_dataset -> data."""
    return {name: getattr(fsl_nlp, name).__module__.split(".")[1] for name in fsl_nlp.__all__}


def own_imports(path: Path) -> set[str]:
    """What a file imports of fsl_nlp, as data.labels.readable or types.Example."""
    names = {name.removeprefix("fsl_nlp.") for name in imports(path) if name.startswith("fsl_nlp.")}
    homes = home_of_names()
    return {homes.get(name, name) for name in names} - {"__version__"}


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
    wrong = {name for name in own_imports(file) if not may_import("prompts", name)}
    assert wrong == {"data", "heads", "heads.proto"}
    assert {name for name in own_imports(file) if not may_import("heads", name)} == {
        "data",
        "data.labels",
    }


def test_the_checker_sees_a_wrong_import_in_a_text(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text('load_object("fsl_nlp.methods.frozen:FrozenMethod")\n"see fsl_nlp.data:x"\n')
    assert own_imports(file) == {"methods.frozen"}
    assert not may_import("encoders", "methods.frozen")


def module_name(path: Path) -> str:
    """fsl_nlp/data/labels.py -> fsl_nlp.data.labels"""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_files(path: Path, modules: Mapping[str, Path]) -> set[Path]:
    """The files of fsl_nlp whose code the import statements of a file need.

    Names in texts are left out: a registry names what is built on it, and loads it on demand.
    Names that a package loads on demand (`lazy_attributes`) stand for the modules that have them.
    """
    files = set()
    for node in _running(path):
        if isinstance(node, ast.Import):
            files |= {modules[alias.name] for alias in node.names if alias.name in modules}
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            files |= {home_of(node.module, alias.name, modules) for alias in node.names}
    return files - {path}


def home_of(module: str, name: str, modules: Mapping[str, Path]) -> Path:
    """The file that has a name which a module offers."""
    if home := lazy_homes(modules[module]).get(name):
        return home_of(f"{module}.{home}", name, modules)
    return modules.get(f"{module}.{name}", modules[module])


@cache
def lazy_homes(path: Path) -> dict[str, str]:
    """The names that a package loads on demand, and the submodules that have them."""
    for node in _running(path):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "lazy_attributes":
            return dict(ast.literal_eval(node.args[1]))
    return {}


def circle_of(files: Collection[Path]) -> list[str]:
    """Files that import each other in a circle, the first one again at the end; [] if none do."""
    modules = {module_name(path): path for path in files}
    graph = {path: imported_files(path, modules) for path in files}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [module_name(path) for path in error.args[1]]
    return []


def test_files_do_not_import_each_other_in_a_circle() -> None:
    assert circle_of(FILES) == []


def test_the_checker_sees_a_circle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path / "fsl_nlp")
    files = {
        "fsl_nlp/__init__.py": 'lazy_attributes(__name__, {"first": "one"})\n',
        "fsl_nlp/one.py": "def first():\n    from fsl_nlp import two\n",
        "fsl_nlp/two.py": "from fsl_nlp.three import third\n",
        "fsl_nlp/three.py": "from fsl_nlp import first\n",
    }
    (tmp_path / "fsl_nlp").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    paths = [tmp_path / name for name in files]
    assert set(circle_of(paths)) == {"fsl_nlp.one", "fsl_nlp.two", "fsl_nlp.three"}
    assert circle_of(paths[:3]) == []


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
