"""Vectors in, scores out.

A head knows nothing of text. `HEADS` maps the name a user gives to the class; a new head is one
module and one line here, or an entry point of another package in the group `fsl_nlp.heads`.
"""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any

from fsl_nlp.errors import OptionError
from fsl_nlp.plugins import Registry

if TYPE_CHECKING:
    from fsl_nlp.heads.base import Head

HEADS: dict[str, str] = {
    "proto": "fsl_nlp.heads.proto:ProtoHead",
    "linear": "fsl_nlp.heads.linear:LinearHead",
    "matching": "fsl_nlp.heads.matching:MatchingHead",
    "knn": "fsl_nlp.heads.knn:KnnHead",
    "ridge": "fsl_nlp.heads.ridge:RidgeHead",
    "gaussian": "fsl_nlp.heads.gaussian:GaussianHead",
    "simpleshot": "fsl_nlp.heads.simpleshot:SimpleShotHead",
    # These see all queries of a task at once.
    "laplacian": "fsl_nlp.heads.laplacian:LaplacianHead",
    "soft-kmeans": "fsl_nlp.heads.soft_kmeans:SoftKMeansHead",
    # These are trained on source classes first.
    "projection": "fsl_nlp.heads.projection:ProjectionHead",
    "siamese": "fsl_nlp.heads.siamese:SiameseHead",
    "relation": "fsl_nlp.heads.relation:RelationHead",
    "tadam": "fsl_nlp.heads.tadam:TadamHead",
    "induction": "fsl_nlp.heads.induction:InductionHead",
}


def _unmet_requirement(name: str, loaded: Any) -> str | None:
    from fsl_nlp.heads.base import Head

    if isinstance(loaded, type) and issubclass(loaded, Head) and is_dataclass(loaded):
        return None
    return "is no dataclass that derives from fsl_nlp.heads.base.Head"


REGISTRY = Registry(HEADS, "fsl_nlp.heads", check=_unmet_requirement)


def head_names() -> list[str]:
    """The names of all heads, those of installed packages last.

    >>> head_names()[:2]
    ['proto', 'linear']
    """
    return REGISTRY.names()


def head_class(name: str) -> type[Head]:
    """The class behind a name of `head_names`.

    >>> head_class("proto").__name__
    'ProtoHead'
    """
    if name not in REGISTRY:
        raise OptionError(f"There is no head {name!r}.{REGISTRY.suggest(name)}")
    kind: type[Head] = REGISTRY.load(name)
    return kind
