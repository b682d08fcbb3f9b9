"""Public benchmarks: their tasks, protocol, published results and files to hand in.

`BENCHMARKS` maps a name to the class behind `fsl-nlp benchmark NAME`; a new benchmark is one module
and one line, or an entry point of another package in the group `fsl_nlp.benchmarks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fsl_nlp.errors import OptionError
from fsl_nlp.plugins import Registry

if TYPE_CHECKING:
    from fsl_nlp.benchmarks.base import Benchmark

BENCHMARKS: dict[str, str] = {
    "fewclue": "fsl_nlp.benchmarks.fewclue:FewClue",
    "fewrel": "fsl_nlp.benchmarks.fewrel:FewRel",
    "intents": "fsl_nlp.benchmarks.intents:Intents",
    "oos": "fsl_nlp.benchmarks.oos:OutOfScope",
}


def _unmet_requirement(name: str, loaded: Any) -> str | None:
    from fsl_nlp.benchmarks.base import Benchmark

    if not (isinstance(loaded, type) and issubclass(loaded, Benchmark)):
        return "does not derive from fsl_nlp.benchmarks.base.Benchmark"
    return None if loaded.name == name else f"has another name, {loaded.name!r}"


REGISTRY = Registry(BENCHMARKS, "fsl_nlp.benchmarks", check=_unmet_requirement)


def benchmark_class(name: str) -> type[Benchmark]:
    """The class behind a name of `BENCHMARKS`, or of an installed package.

    >>> benchmark_class("fewrel").tasks[0]
    '5-way-1-shot'
    """
    if name not in REGISTRY:
        raise OptionError(f"There is no benchmark {name!r}.{REGISTRY.suggest(name)}")
    benchmark: type[Benchmark] = REGISTRY.load(name)
    return benchmark
