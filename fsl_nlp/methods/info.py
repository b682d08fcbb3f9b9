"""Descriptions of methods for users: `describe("pet")`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from fsl_nlp.errors import OptionError, PluginError, warn_once
from fsl_nlp.heads.options import OptionInfo as OptionInfo
from fsl_nlp.heads.options import check_options
from fsl_nlp.heads.options import options_of as options_of
from fsl_nlp.methods import REGISTRY, method_class, method_names, methods_that_have
from fsl_nlp.methods.combined.auto import CARD as AUTO
from fsl_nlp.methods.combined.auto import FROZEN, TUNED
from fsl_nlp.methods.old_options import rename_old_options

# In the order in which methods are listed.
FAMILIES = ("combined", "frozen", "tuned", "prompted", "meta")


@dataclass(frozen=True)
class MethodInfo:
    """The description of a method: what it does, takes, learns from and costs, and its options.

    `inputs` are kinds of examples, of "text", "pair", "mentions" and "candidates". `needs` is what
    must be there besides examples, and `example` is a command that uses the method.
    """

    name: str
    family: str
    summary: str
    inputs: tuple[str, ...]
    learns_from: tuple[str, ...]
    needs: str
    cost: str
    paper: str
    options: tuple[OptionInfo, ...]
    example: str

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for JSON."""
        return asdict(self)


def describe(name: str) -> MethodInfo:
    """The description of a method.

    >>> info = describe("knn")
    >>> info.family, info.inputs
    ('frozen', ('text', 'pair', 'mentions'))
    >>> info.options[0]
    OptionInfo(name='k', type='whole number', default=5, meaning='how many nearest examples vote', \
choices=())
    """
    if name == "auto":
        return _describe_auto()
    plugin = REGISTRY.plugin(name) if name in REGISTRY else None
    if plugin is None:
        return _describe(name)
    try:
        return _describe(name)
    except PluginError:
        raise
    except Exception as error:  # whatever code of others raises
        raise plugin.refuse(f"cannot be described ({type(error).__name__}: {error})") from error


def _describe(name: str) -> MethodInfo:
    kind = method_class(name)
    card = kind.card(name)
    options = {
        info.name: info
        for settings in reversed(kind.default_settings(name))
        for info in reversed(options_of(settings))
        if info.name not in kind.refused_options
    }
    return MethodInfo(
        name,
        card.family,
        card.summary,
        kind.takes(name),
        kind.learns_from(name),
        card.needs,
        card.cost,
        card.paper,
        tuple(options.values())[::-1],
        card.example.format(name=name),
    )


def describe_all() -> list[MethodInfo]:
    """The descriptions of all methods, family by family.

    >>> describe_all()[0].name
    'auto'
    """
    infos = []
    for name in ("auto", *method_names()):
        try:
            infos.append(describe(name))
        except PluginError as error:
            warn_once(str(error))
    order = {family: i for i, family in enumerate(FAMILIES)}
    return sorted(infos, key=lambda info: order.get(info.family, len(order)))


def check_method_options(name: str, options: Mapping[str, Any]) -> None:
    """Refuse an unknown option and a value of another type before any model is loaded.

    `auto` takes what at least one of its candidates takes.
    """
    if name == "auto":
        infos = [info for method in (*FROZEN, *TUNED) for info in describe(method).options]
    else:
        infos = list(describe(name).options)
    options = rename_old_options(options, {info.name for info in infos})
    check_options(f"method {name!r}", options, infos, methods_that_have)


def label_text_options(name: str, *, label_names: bool, descriptions: bool) -> dict[str, bool]:
    """The options that make label names and descriptions examples.

    A method without such options gets none of them; one that is switched on is refused.

    >>> label_text_options("pet", label_names=False, descriptions=False)
    {}
    """
    names = {option.name for option in describe(name).options}
    values = {"label_names": label_names, "descriptions": descriptions}
    for option, value in values.items():
        if value and option not in names:
            flag = "--label-names" if option == "label_names" else "--label-descriptions"
            raise OptionError(f"method {name!r} has no option {option!r}. Leave {flag} out.")
    return {option: value for option, value in values.items() if option in names}


def _describe_auto() -> MethodInfo:
    first, *rest = (describe(name) for name in (*FROZEN, *TUNED))
    names = [{option.name for option in other.options} for other in rest]
    # A candidate that does not take the examples is left out.
    return replace(
        first,
        name="auto",
        family=AUTO.family,
        summary=AUTO.summary,
        needs=AUTO.needs,
        cost=AUTO.cost,
        paper=AUTO.paper,
        options=tuple(o for o in first.options if all(o.name in other for other in names)),
        example=AUTO.example,
    )
