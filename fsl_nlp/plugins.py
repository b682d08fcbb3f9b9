"""Names that other installed packages offer, beside the built-in ones.

A package offers a head, a method, a corpus, ... by an entry point, and fsl_nlp finds it by name.
The metadata of installed packages is read at the first look-up of a name. A package is imported
when its name is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from fsl_nlp.errors import PluginError, did_you_mean, first_line, warn_once
from fsl_nlp.forks import Lock
from fsl_nlp.lazy import load_object

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

# The groups of entry points, and the nouns for their objects in messages.
GROUPS = {
    "fsl_nlp.heads": "head",
    "fsl_nlp.methods": "method",
    "fsl_nlp.corpora": "corpus",
    "fsl_nlp.formats": "format",
    "fsl_nlp.benchmarks": "benchmark",
    "fsl_nlp.meta_algorithms": "meta-algorithm",
    "fsl_nlp.encoders": "encoder",
}

_reading = Lock()


@dataclass(frozen=True)
class Plugin:
    """A name that an installed package offers."""

    entry_point: EntryPoint

    @property
    def name(self) -> str:
        """What users ask for."""
        return self.entry_point.name

    @property
    def kind(self) -> str:
        """What messages call it, such as "head"."""
        return GROUPS[self.entry_point.group]

    @property
    def package(self) -> str:
        """The distribution and its version, such as "acme-heads 1.2"."""
        distribution = self.entry_point.dist
        return f"{distribution.name} {distribution.version}" if distribution else "a package"

    def load(self) -> Any:
        """The object itself. An error of its package becomes a PluginError."""
        try:
            return self.entry_point.load()
        except Exception as error:  # code of another package may raise anything
            raise PluginError(
                f"The {self.kind} {self.name!r} of {self.package} cannot be loaded from "
                f"{self.entry_point.value} ({type(error).__name__}: {first_line(error)}). "
                "Update or remove that package."
            ) from error

    def refuse(self, requirement: str) -> PluginError:
        """The error for an object of the wrong kind, to raise."""
        return PluginError(
            f"The {self.kind} {self.name!r} of {self.package} is {self.entry_point.value}, which "
            f"{requirement}."
        )


class Registry:
    """The built-in names of one kind, and those that installed packages offer.

    `builtin` is the plain dict of the built-in ones; a value "module:name" is imported when it is
    used. `groups` are the entry-point groups that add to it. `check` takes a name and an object
    of a plugin, and gives the requirement that it does not meet, or None. Plugins cannot have the
    `reserved` names.

    >>> heads = Registry({"proto": "fsl_nlp.heads.proto:ProtoHead"}, "fsl_nlp.heads")
    >>> heads.names()[0], "no such head" in heads, heads.load("proto").__name__
    ('proto', False, 'ProtoHead')
    """

    def __init__(
        self,
        builtin: Mapping[str, Any],
        *groups: str,
        check: Callable[[str, Any], str | None] | None = None,
        reserved: tuple[str, ...] = (),
    ) -> None:
        self.builtin = builtin
        self.groups = groups
        self.check = check
        self.reserved = reserved

    def names(self) -> list[str]:
        """All names, the built-in ones first. Imports nothing."""
        return [*self.builtin, *self.plugins()]

    def __contains__(self, name: object) -> bool:
        return name in self.builtin or name in self.plugins()

    def plugins(self) -> dict[str, Plugin]:
        """The plugins by name. A name that is built in is refused."""
        offers = [offer for group in self.groups for offer in _offers(group)]
        usable: dict[str, Plugin] = {}
        for entry_point in offers:
            plugin = Plugin(entry_point)
            if plugin.name in self.builtin or plugin.name in self.reserved:
                warn_once(
                    f"{plugin.package} offers the {plugin.kind} {plugin.name!r}, but that name is "
                    "built in. The built-in one is used. The package must use another name."
                )
            else:
                usable.setdefault(plugin.name, plugin)
        return usable

    def suggest(self, name: str, *others: str) -> str:
        """The sentence that names what is nearest to a mistyped name; if nothing is, all names.

        `others` may be meant as well, though the registry does not have them.

        >>> Registry({"proto": "", "linear": ""}).suggest("Prot")
        ' Did you mean proto?'
        >>> Registry({"proto": "", "linear": ""}).suggest("svm")
        ' Choose one of proto, linear.'
        """
        names = [*others, *self.names()]
        return did_you_mean(name, names) or f" Choose one of {', '.join(names)}."

    def load(self, name: str) -> Any:
        """The object of that name; a KeyError if there is none."""
        plugin = None if name in self.builtin else self.plugin(name)
        if plugin is None:
            value = self.builtin[name]
            return load_object(value) if isinstance(value, str) else value
        loaded = plugin.load()
        if self.check and (requirement := self.check(name, loaded)):
            raise plugin.refuse(requirement)
        return loaded

    def plugin(self, name: str) -> Plugin | None:
        """The plugin of a name; None for a name that is built in or unknown.

        A name that two packages offer is an error.
        """
        plugin = self.plugins().get(name)
        if plugin is None:
            return None
        offers = [offer for group in self.groups for offer in _offers(group) if offer.name == name]
        if len(offers) > 1:
            packages = " and by ".join(Plugin(offer).package for offer in offers)
            raise PluginError(
                f"The {plugin.kind} {name!r} is offered more than once, by {packages}. "
                "Remove one of them."
            )
        return plugin

    def items(self) -> Iterator[tuple[str, Any]]:
        """Every name and its object. What cannot be loaded is left out, with a warning."""
        for name in self.names():
            try:
                yield name, self.load(name)
            except PluginError as error:
                warn_once(str(error))

    def names_of(self, kind: type) -> list[str]:
        """The names under which a class is registered."""
        path = f"{kind.__module__}:{kind.__qualname__}"
        names = [name for name, value in self.builtin.items() if value == path]
        package = kind.__module__.partition(".")[0]
        for name, plugin in self.plugins().items():
            # Other packages need not be imported to see that the class is not theirs.
            if plugin.entry_point.module.partition(".")[0] != package:
                continue
            try:
                names += [name] if plugin.load() is kind else []
            except PluginError as error:
                warn_once(str(error))
        return names


def forget() -> None:
    """Read the metadata of installed packages again at the next look-up."""
    _all_offers.cache_clear()
    warn_once.cache_clear()


def _offers(group: str) -> tuple[EntryPoint, ...]:
    with _reading:
        return _all_offers(group)


@cache
def _all_offers(group: str) -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points

    return tuple(sorted(entry_points(group=group), key=lambda offer: offer.name))
