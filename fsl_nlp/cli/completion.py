"""What a shell offers at the tab key. Nothing here loads torch: a shell asks at every key press."""

from __future__ import annotations


def method_names(incomplete: str) -> list[str]:
    """The methods that begin so; after a comma, for the last of a list."""
    from fsl_nlp.methods import METHODS

    before, comma, last = incomplete.rpartition(",")
    return [before + comma + name for name in ("auto", *METHODS) if name.startswith(last)]


def encoder_names(incomplete: str) -> list[tuple[str, str]]:
    """The encoders of the catalogue that begin so, each with its languages."""
    from fsl_nlp.encoders.catalogue import MODELS

    names = [("auto", "by the script of the texts")]
    names += [(card.name, card.languages) for card in MODELS.values()]
    return [(name, meaning) for name, meaning in names if name.startswith(incomplete)]


def data_names(incomplete: str) -> list[tuple[str, str]]:
    """The data of the catalogue that begin so; after "NAME:", the splits of that one."""
    from fsl_nlp.data.catalogue import CATALOGUE

    name, colon, split = incomplete.partition(":")
    if colon and name in CATALOGUE:
        splits = CATALOGUE[name].splits
        return [(f"{name}:{part}", "") for part in splits if part.startswith(split)]
    return [(e.name, e.description) for e in CATALOGUE.values() if e.name.startswith(incomplete)]


def catalogue_names(incomplete: str) -> list[tuple[str, str]]:
    """The same without splits."""
    return [] if ":" in incomplete else data_names(incomplete)
