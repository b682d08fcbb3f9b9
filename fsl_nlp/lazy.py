"""Public names that are imported when they are first used, so that importing a package is free."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_attributes(
    package: str, submodules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """A module's `__getattr__`, `__dir__` and `__all__`.

    `submodules` maps each public name to the submodule that defines it.

    >>> getattribute, _, names = lazy_attributes("fsl_nlp", {"Dataset": "types"})
    >>> getattribute("Dataset").__name__, names
    ('Dataset', ['Dataset'])
    """

    def __getattr__(name: str) -> Any:
        if name not in submodules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{submodules[name]}"), name)

    return __getattr__, lambda: sorted(submodules), sorted(submodules)


def load_object(path: str) -> Any:
    """The object that `package.module:name` names.

    >>> load_object("fsl_nlp.types:Dataset").__name__
    'Dataset'
    """
    module, name = path.split(":")
    return getattr(import_module(module), name)
