"""What users name: `proto`, `linear`, ...

`METHODS` maps a name to the class that is built for it; a new method is one module and one line.
Every head of `fsl_nlp.heads` is a method too: a frozen encoder with that head on top.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

from fsl_nlp.errors import OptionError, did_you_mean
from fsl_nlp.heads import HEADS
from fsl_nlp.lazy import lazy_attributes, load_object
from fsl_nlp.meta.algorithms import ALGORITHMS

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.methods.base import Method
    from fsl_nlp.methods.info import MethodInfo as MethodInfo
    from fsl_nlp.methods.info import OptionInfo as OptionInfo
    from fsl_nlp.methods.info import describe as describe
    from fsl_nlp.methods.info import describe_all as describe_all

_LAZY = ("MethodInfo", "OptionInfo", "describe", "describe_all")
__getattr__ = lazy_attributes(__name__, dict.fromkeys(_LAZY, "info"))[0]

TUNED = ("lora", "full", "bitfit", "head", "contrastive")

PROMPTED = ("zero-shot", "prompt", "p-tuning")

METHODS: dict[str, str] = {
    **dict.fromkeys(HEADS, "fsl_nlp.methods.frozen.method:FrozenMethod"),
    **dict.fromkeys(TUNED, "fsl_nlp.methods.tuned.method:TunedMethod"),
    **dict.fromkeys(PROMPTED, "fsl_nlp.methods.prompted.method:PromptMethod"),
    "pet": "fsl_nlp.methods.prompted.pet:PetMethod",
    "efl": "fsl_nlp.methods.prompted.efl:EflMethod",
    "together": "fsl_nlp.methods.combined.together:TogetherMethod",
    **dict.fromkeys(ALGORITHMS, "fsl_nlp.methods.meta.method:MetaMethod"),
}


def method_class(name: str) -> type[Method]:
    """The class behind a name of `METHODS`."""
    if name == "auto":
        raise OptionError(
            "method='auto' chooses by the examples, for FewShotClassifier and `fsl-nlp fit`. "
            f"Here choose one of {', '.join(map(repr, METHODS))}."
        )
    if name not in METHODS:
        raise OptionError(
            f"method={name!r}: choose one of 'auto', {', '.join(map(repr, METHODS))}."
            f"{did_you_mean(name, ['auto', *METHODS])} `fsl-nlp methods` says what each is for."
        )
    found: type[Method] = load_object(METHODS[name])
    return found


def build_method(
    name: str, encoder: TextEncoder, *, seed: int = 0, options: Mapping[str, Any] | None = None
) -> Method:
    """A method ready to fit; an option it does not have is an error that lists those it has."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise OptionError(f"seed={seed!r}: must be a whole number, 0 or greater.")
    return method_class(name).build(name, encoder, seed, dict(options or {}))


# Methods that errors name first, the cheapest first.
_SUGGESTED = ("linear", "proto", "lora", "prompt")


def methods_that_take(kinds: Sequence[str]) -> list[str]:
    """Names of methods for examples of these kinds (`fsl_nlp.inputs.kinds`), best known first.

    >>> methods_that_take(["pair"])[:2]
    ['linear', 'proto']
    """
    names = [*_SUGGESTED, *(name for name in METHODS if name not in _SUGGESTED)]
    classes = {name: method_class(name) for name in names}
    able = [n for n in names if set(kinds) <= set(classes[n].takes(n))]
    return [n for n in able if len(kinds) == 1 or classes[n].combines_kinds][:4]
