"""What users name: `proto`, `linear`, ...

`METHODS` maps a name to the class that is built for it; a new method is one module and one line.
Every head of `fsl_nlp.heads` is a method too: a frozen encoder with that head on top. Another
package adds a method by an entry point in the group `fsl_nlp.methods`; a head or a meta-algorithm
that it adds is a method as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

from fsl_nlp.errors import OptionError
from fsl_nlp.heads import HEADS
from fsl_nlp.lazy import lazy_attributes, load_object
from fsl_nlp.meta.algorithms import ALGORITHMS
from fsl_nlp.plugins import Registry

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.methods.base import Method
    from fsl_nlp.methods.info import MethodInfo as MethodInfo
    from fsl_nlp.methods.info import OptionInfo as OptionInfo
    from fsl_nlp.methods.info import describe as describe
    from fsl_nlp.methods.info import describe_all as describe_all

__getattr__ = lazy_attributes(
    __name__,
    {"MethodInfo": "info", "OptionInfo": "info", "describe": "info", "describe_all": "info"},
)[0]

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


# The class that builds a plugin, by its group; None where the plugin is a method itself.
_BUILT_BY = {
    "fsl_nlp.methods": None,
    "fsl_nlp.heads": METHODS["proto"],
    "fsl_nlp.meta_algorithms": METHODS["maml"],
}

REGISTRY = Registry(METHODS, *_BUILT_BY, reserved=("auto",))


def method_names() -> list[str]:
    """The names of all methods, those of installed packages last.

    >>> "proto" in method_names()
    True
    """
    return REGISTRY.names()


def method_class(name: str) -> type[Method]:
    """The class behind a name of `method_names`.

    >>> method_class("proto").__name__
    'FrozenMethod'
    """
    if name == "auto":
        raise OptionError(
            "method='auto' chooses by the examples, for FewShotClassifier and `fsl-nlp fit`. "
            f"Here choose one of {', '.join(map(repr, method_names()))}."
        )
    if name not in REGISTRY:
        raise OptionError(
            f"There is no method {name!r}.{REGISTRY.suggest(name, 'auto')} "
            "`fsl-nlp methods` lists all."
        )
    plugin = REGISTRY.plugin(name)
    built_by = _BUILT_BY[plugin.entry_point.group] if plugin else None
    kind: type[Method] = load_object(built_by) if built_by else REGISTRY.load(name)
    if plugin and not built_by:
        base = load_object("fsl_nlp.methods.base:Method")
        if not (isinstance(kind, type) and issubclass(kind, base)):
            raise plugin.refuse("does not derive from fsl_nlp.methods.base.Method")
    return kind


def build_method(
    name: str, encoder: TextEncoder, *, seed: int = 0, options: Mapping[str, Any] | None = None
) -> Method:
    """A method, ready to fit. The error for an unknown option lists the options of the method.

    >>> from fsl_nlp.encoders import load_encoder
    >>> build_method("knn", load_encoder("embedded:en"), options={"k": 3}).head
    KnnHead(k=3)
    """
    check_seed(seed)
    return method_class(name).build(name, encoder, seed, dict(options or {}))


def check_seed(seed: object) -> None:
    """Refuse a seed that is not a whole number from 0 to 2**32 - 1, as scikit-learn's must be."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < 2**32:
        raise OptionError(f"seed={seed!r:.24}: must be a whole number from 0 to {2**32 - 1}.")


# Methods that errors name first, the cheapest first.
_SUGGESTED = ("linear", "proto", "lora", "prompt")
_NAMED = 4  # methods in an error


def methods_that_take(kinds: Sequence[str]) -> list[str]:
    """Names of methods for examples of these kinds (`fsl_nlp.inputs.kinds`), common ones first.

    >>> methods_that_take(["pair"])[:2]
    ['linear', 'proto']
    """
    classes = {name: method_class(name) for name in _common_first()}
    matching = [n for n, kind in classes.items() if set(kinds) <= set(kind.takes(n))]
    return [n for n in matching if len(kinds) == 1 or classes[n].combines_kinds][:_NAMED]


def methods_that_learn_from(source: str) -> list[str]:
    """Names of methods that learn from this (`fsl_nlp.inputs.support.LEARNS_FROM`).

    >>> methods_that_learn_from("example weights")[:2]
    ['linear', 'proto']
    """
    return [n for n in _common_first() if source in method_class(n).learns_from(n)][:_NAMED]


def methods_that_have(option: str) -> list[str]:
    """Names of methods that have this option.

    >>> methods_that_have("class_weight")[:2]
    ['linear', 'lora']
    """
    from fsl_nlp.heads.options import options_of

    def options(name: str) -> set[str]:
        kind = method_class(name)
        all_options = (options_of(settings) for settings in kind.default_settings(name))
        return {o.name for infos in all_options for o in infos} - set(kind.refused_options)

    return [name for name in _common_first() if option in options(name)][:_NAMED]


def _common_first() -> list[str]:
    return [*_SUGGESTED, *(name for name in METHODS if name not in _SUGGESTED)]
