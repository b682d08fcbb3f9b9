"""Options of `pet`: its patterns, how they are weighted, and who learns from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fsl_nlp.errors import OptionError
from fsl_nlp.heads.options import (
    option,
    require_above,
    require_between,
    require_choice,
    require_count,
)
from fsl_nlp.methods.prompted.prompt import default_templates
from fsl_nlp.types import Example

WEIGHTINGS = ("accuracy", "uniform")


@dataclass(frozen=True)
class PetSettings:
    """Options of `pet` besides those of `prompt`.

    Marked words and candidates are read by prompts alone. What a frozen student makes of the texts
    by itself counts as much in their soft labels as all prompts.
    """

    templates: list[Any] | None = option(  # noqa: RUF009
        None, 'patterns, each a template or {"pattern": ..., "words": {...}}; None has defaults'
    )
    seeds: int = option(1, "models trained for each pattern")
    weighting: Literal["accuracy", "uniform"] = option(
        "accuracy", "weight of a pattern: its accuracy on the support before training, or equal"
    )
    distillation_temperature: float = option(2.0, "temperature of the soft labels")
    unlabelled: int = option(10_000, "unlabelled texts that are labelled at most")
    distil: bool = option(True, "one final classifier learns the soft labels; else all answer")
    student: str | None = option(
        None, "that classifier, METHOD or METHOD@ENCODER; None: linear, for pairs a prompt"
    )
    generations: int = option(0, "generations of iPET, each trained on more labelled texts")
    growth: int = option(5, "a generation has this many times the examples of the last")
    share: float = option(0.25, "share of the other models that label for a generation")

    def __post_init__(self) -> None:
        require_count("seeds", self.seeds)
        require_count("unlabelled", self.unlabelled)
        require_count("generations", self.generations, 0)
        require_count("growth", self.growth, 2)
        require_choice("weighting", self.weighting, WEIGHTINGS)
        require_above("distillation_temperature", self.distillation_temperature, 0)
        require_between("share", self.share, 0, 1)
        given = self.templates
        if given is not None and (not isinstance(given, (list, tuple)) or not given):
            raise OptionError(f"templates={given!r}: give a list of templates.")
        for item in given or []:
            _pattern(item)

    def patterns(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """Those given, or those for texts like these."""
        return [_pattern(item) for item in self.templates or default_templates(examples)]


def _pattern(item: Any) -> dict[str, Any]:
    """As options of `PromptSettings`."""
    if isinstance(item, str):
        return {"template": item}
    if not isinstance(item, Mapping) or not {"pattern"} <= item.keys() <= {"pattern", "words"}:
        raise OptionError(f'templates: {item!r} is neither a text nor {{"pattern", "words"}}.')
    words = {"words": item["words"]} if item.get("words") else {}
    return {"template": item["pattern"], **words}
