"""Fitting a method with all that its answers need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_nlp.errors import OptionError
from fsl_nlp.types import Dataset, Example

if TYPE_CHECKING:
    from fsl_nlp.decision.policy import Decision
    from fsl_nlp.decision.targets import Targets
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.methods.base import Classifier, Method
    from fsl_nlp.methods.combined.report import Report
    from fsl_nlp.methods.objects import MethodChoice


@dataclass(frozen=True)
class Fitted:
    """A fitted method, what it learned from, and when it answers.

    `method` is its name, `report` says why `auto` chose it, and `decision` is None where nothing
    can be said of when to answer.
    """

    classifier: Classifier
    method: str
    encoder: TextEncoder
    examples: tuple[Example, ...]
    model_version: str
    decision: Decision | None = None
    report: Report | None = None


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
        outsiders: Sequence[Example] = (),
        checkpoint: str | Path | None = None,
    ) -> Fitted:
        """Learn from a checked support set."""
        from fsl_nlp.methods.base import note_truncated
        from fsl_nlp.methods.held_out import fit_decision

        if self.method.name == "auto":
            fitted, built = self._choose(support, checkpoint)
        else:
            fitted, built = self._fit(support, checkpoint)
        note_truncated(fitted.classifier, fitted.examples)
        decision = fit_decision(
            built, fitted.classifier, support, self.targets, seed=self.seed, outsiders=outsiders
        )
        return replace(fitted, decision=decision)

    def _fit(self, support: Dataset, checkpoint: str | Path | None) -> tuple[Fitted, Method]:
        from fsl_nlp.artifact.model_version import model_version
        from fsl_nlp.methods.combined.auto import parse_budget
        from fsl_nlp.training.checkpoint import checkpoints

        name, encoder = self.method.name, self.encoder
        if parse_budget(self.budget):
            raise OptionError(
                f"budget={'none' if self.budget is None else self.budget!r} (--budget) is for "
                f"method 'auto', not for {name!r}. Leave it out."
            )
        built = self.method.build(encoder, seed=self.seed, options=self.options)
        options = {**self.options, **self.method.version_options(), **built.origin()}
        seed = self.seed if self.method.seed is None else self.method.seed
        version = model_version(support, name, encoder, seed=seed, options=options)
        with checkpoints(checkpoint, version):
            classifier = built.fit_until_stopped(support)
        return Fitted(classifier, name, encoder, support.labelled.examples, version), built

    def _choose(self, support: Dataset, checkpoint: str | Path | None) -> tuple[Fitted, Method]:
        """With method "auto"."""
        from fsl_nlp.artifact.model_version import model_version
        from fsl_nlp.methods import build_method
        from fsl_nlp.methods.combined.auto import choose

        if checkpoint is not None:
            raise OptionError("checkpoint: method='auto' fits several methods. Name one method.")
        encoder, seed, options = self.encoder, self.seed, self.options
        name, classifier, report = choose(
            support, encoder, seed=seed, options=options, budget=self.budget
        )
        version = model_version(support, name, encoder, seed=seed, options=options)
        examples = support.labelled.examples
        fitted = Fitted(classifier, name, encoder, examples, version, report=report)
        return fitted, build_method(name, encoder, seed=seed, options=options)
