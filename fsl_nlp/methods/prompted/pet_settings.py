"""Options of `pet`: its patterns, their weights, and the classifier that learns from them."""

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

    Only prompts read marked words and candidates. If the student is a frozen method, its own
    probabilities have half of the weight in the soft labels.
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
        require_count("seeds", self.seeds, most=100)
        require_count("unlabelled", self.unlabelled)
        require_count("generations", self.generations, 0)
        require_count("growth", self.growth, 2)
        require_choice("weighting", self.weighting, WEIGHTINGS)
        require_above("distillation_temperature", self.distillation_temperature, 0)
        require_between("share", self.share, 0, 1)
        templates = self.templates
        if templates is not None and (not isinstance(templates, (list, tuple)) or not templates):
            raise OptionError(f"templates={templates!r}: give a list of templates.")
        for item in templates or []:
            _pattern(item)

    def patterns(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """The patterns of the settings, else the default ones for such texts."""
        return [_pattern(item) for item in self.templates or default_templates(examples)]


def _pattern(item: Any) -> dict[str, Any]:
    """The options of `PromptSettings` for one entry of `templates`."""
    if isinstance(item, str):
        return {"template": item}
    if not isinstance(item, Mapping) or not {"pattern"} <= item.keys() <= {"pattern", "words"}:
        raise OptionError(f'templates: {item!r} is neither a text nor {{"pattern", "words"}}.')
    words = {"words": item["words"]} if item.get("words") else {}
    return {"template": item["pattern"], **words}
