"""Public benchmarks: their tasks, protocol, published results and files to hand in.

`BENCHMARKS` maps a name to the class behind `fsl-nlp benchmark NAME`; a new benchmark is one module
and one line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsl_nlp.errors import OptionError
from fsl_nlp.lazy import load_object

if TYPE_CHECKING:
    from fsl_nlp.benchmarks.base import Benchmark

BENCHMARKS: dict[str, str] = {
    "fewclue": "fsl_nlp.benchmarks.fewclue:FewClue",
    "fewrel": "fsl_nlp.benchmarks.fewrel:FewRel",
    "intents": "fsl_nlp.benchmarks.intents:Intents",
}


def benchmark_class(name: str) -> type[Benchmark]:
    """The class behind a name of `BENCHMARKS`.

    >>> benchmark_class("fewrel").tasks[0]
    '5-way-1-shot'
    """
    if name not in BENCHMARKS:
        raise OptionError(f"benchmark={name!r}: choose one of {', '.join(BENCHMARKS)}.")
    benchmark: type[Benchmark] = load_object(BENCHMARKS[name])
    return benchmark
