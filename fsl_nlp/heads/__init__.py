"""Vectors in, scores out.

A head knows nothing of text. `HEADS` maps the name a user gives to the class; a new head is one
module and one line here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fsl_nlp.lazy import load_object

if TYPE_CHECKING:
    from fsl_nlp.heads.base import Head

HEADS: dict[str, str] = {
    "proto": "fsl_nlp.heads.proto:ProtoHead",
    "linear": "fsl_nlp.heads.linear:LinearHead",
}


def head_class(name: str) -> type[Head]:
    """The class behind a name of `HEADS`."""
    found: type[Head] = load_object(HEADS[name])
    return found
