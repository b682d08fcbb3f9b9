"""Options of meta-trained methods, besides those of `fsl_nlp.meta`."""

from __future__ import annotations

from dataclasses import dataclass, fields

from fsl_nlp.heads.options import option
from fsl_nlp.methods.frozen.settings import FrozenSettings


@dataclass(frozen=True)
class PreparedSettings:
    """Where the meta-training is."""

    prepared: str | None = option(
        None, "folder that `fsl-nlp meta-train` wrote, as --from gives it"
    )


def changeable_options() -> set[str]:
    """The options that may be set after training."""
    return {f.name for f in fields(FrozenSettings)} | {"test_steps"}
