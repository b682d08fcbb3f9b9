"""Fitting a method with all that its answers need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_nlp.editing.versions import Recipe, Version
from fsl_nlp.errors import OptionError
from fsl_nlp.types import Dataset, Example

if TYPE_CHECKING:
    from fsl_nlp.decision.targets import Targets
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.methods.base import Classifier
    from fsl_nlp.methods.combined.report import Report
    from fsl_nlp.methods.objects import MethodChoice


@dataclass(frozen=True)
class Fitting:
    """How to fit: a method, its options and its seed, and the targets of its decision."""

    method: MethodChoice
    encoder: TextEncoder
    seed: int
    options: Mapping[str, Any]
    budget: str | float | None
    targets: Targets

    def fit(
        self,
        support: Dataset,
        outsiders: tuple[Example, ...] = (),
        checkpoint: str | Path | None = None,
    ) -> Version:
        """Learn from a checked support set."""
        from fsl_nlp.methods.base import note_truncated

        if self.method.name == "auto":
            recipe, classifier, report = self._choose(support, checkpoint)
        else:
            recipe, report = self.recipe(), None
            classifier = self._fit(recipe, support, checkpoint)
        note_truncated(classifier, support.labelled.examples)
        recipe = replace(recipe, outsiders=outsiders)
        return recipe.version(classifier, support, report=report)

    def recipe(self, chosen: MethodChoice | None = None) -> Recipe:
        """The method, built; or one that `auto` chose."""
        chosen = chosen or self.method
        return Recipe(
            chosen.name,
            chosen.build(self.encoder, seed=self.seed, options=self.options),
            self.encoder,
            self.targets,
            self.seed if chosen.seed is None else chosen.seed,
            {**self.options, **chosen.version_options()},
        )

    def _fit(self, recipe: Recipe, support: Dataset, checkpoint: str | Path | None) -> Classifier:
        from fsl_nlp.methods.combined.auto import parse_budget
        from fsl_nlp.training.checkpoint import checkpoints

        if parse_budget(self.budget):
            raise OptionError(
                f"budget={'none' if self.budget is None else self.budget!r} (--budget) is for "
                f"method 'auto', not for {recipe.method!r}. Leave it out."
            )
        with checkpoints(checkpoint, recipe.name_of(support)):
            return recipe.learner.fit_until_stopped(support)

    def _choose(
        self, support: Dataset, checkpoint: str | Path | None
    ) -> tuple[Recipe, Classifier, Report]:
        """With method "auto"."""
        from fsl_nlp.methods.combined.auto import choose
        from fsl_nlp.methods.objects import read_method

        if checkpoint is not None:
            raise OptionError("checkpoint: method='auto' fits several methods. Name one method.")
        name, classifier, report = choose(
            support, self.encoder, seed=self.seed, options=self.options, budget=self.budget
        )
        return self.recipe(read_method(name)), classifier, report
