"""Completions for the tab key. Nothing here loads torch, because each key press waits for it."""

from __future__ import annotations


def method_names(incomplete: str) -> list[str]:
    """The methods with this beginning; after a comma, for the last name of a list."""
    from fsl_nlp.methods import REGISTRY

    before, comma, last = incomplete.rpartition(",")
    names = ("auto", *REGISTRY.names())
    return [before + comma + name for name in names if name.startswith(last)]


def encoder_names(incomplete: str) -> list[tuple[str, str]]:
    """The encoders with this beginning, each with its languages."""
    from fsl_nlp.encoders.catalogue import MODELS, REGISTRY

    names = [("auto", "by the script of the texts")]
    names += [(card.name, card.languages) for card in MODELS.values()]
    names += [(name, plugin.package) for name, plugin in REGISTRY.plugins().items()]
    return [(name, meaning) for name, meaning in names if name.startswith(incomplete)]


def data_names(incomplete: str) -> list[tuple[str, str]]:
    """The data names with this beginning; after "NAME:", the splits of that data."""
    from fsl_nlp.data.catalogue import CATALOGUE, REGISTRY

    name, colon, split = incomplete.partition(":")
    if colon and name in REGISTRY:
        splits = REGISTRY.load(name).splits
        return [(f"{name}:{part}", "") for part in splits if part.startswith(split)]
    names = [(entry.name, entry.description) for entry in CATALOGUE.values()]
    names += [(name, plugin.package) for name, plugin in REGISTRY.plugins().items()]
    return [(name, meaning) for name, meaning in names if name.startswith(incomplete)]


def catalogue_names(incomplete: str) -> list[tuple[str, str]]:
    """The data names with this beginning, without splits."""
    return [] if ":" in incomplete else data_names(incomplete)
