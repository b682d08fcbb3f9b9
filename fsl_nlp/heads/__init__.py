"""Vectors in, scores out.

A head knows nothing of text. `HEADS` maps the name a user gives to the class; a new head is one
module and one line here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsl_nlp.errors import OptionError, did_you_mean
from fsl_nlp.lazy import load_object

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


def head_class(name: str) -> type[Head]:
    """The class behind a name of `HEADS`."""
    if name not in HEADS:
        raise OptionError(
            f"There is no head {name!r}.{did_you_mean(name, HEADS)} Heads: {', '.join(HEADS)}."
        )
    found: type[Head] = load_object(HEADS[name])
    return found
