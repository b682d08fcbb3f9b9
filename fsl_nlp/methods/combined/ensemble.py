"""Several classifiers that answer as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from fsl_nlp.decision.calibration import Calibration
from fsl_nlp.decision.outputs import Outputs
from fsl_nlp.decision.probabilities import mean_log_probabilities
from fsl_nlp.errors import ModelError
from fsl_nlp.inputs.kinds import Inputs
from fsl_nlp.methods.base import Classifier, Part, Tensors
from fsl_nlp.types import Example, Label


@dataclass(frozen=True)
class Ensemble(Classifier):
    """The weighted mean of the models' log-probabilities; the first model finds neighbours."""

    labels: tuple[Label, ...]
    models: tuple[Classifier, ...]
    weights: tuple[float, ...]

    @property
    def inputs(self) -> Inputs:
        """What the first model takes; all models take the same."""
        return self.models[0].inputs

    @property
    def calibration(self) -> Calibration | None:
        """That of an only model; of several, that each has a temperature."""
        if len(self.models) == 1:
            return self.models[0].calibration
        return Calibration(1.0, 0, "members")

    def example_of(self, text: str) -> Example:
        """An example of the kind that the first model takes, made of a text."""
        return self.models[0].example_of(text)

    def scores(self, examples: Sequence[Example]) -> NDArray[Any]:
        """[n, N]: the weighted mean of the log-probabilities of the models."""
        return mean_log_probabilities(
            [model.scores(examples) for model in self.models], self.weights
        )

    def outputs(self, examples: Sequence[Example]) -> Outputs:
        """The mean scores, and the vectors of the first model."""
        first, *others = self.models
        outputs = first.outputs(examples)
        scores = [outputs.scores, *(model.scores(examples) for model in others)]
        return Outputs(mean_log_probabilities(scores, self.weights), outputs.vectors)

    def truncates(self, examples: Sequence[Example]) -> list[bool]:
        """Whether a model cannot read an example whole."""
        by_model = [model.truncates(examples) for model in self.models]
        return [any(row) for row in zip(*by_model, strict=True)]

    def embed(self, examples: Sequence[Example]) -> NDArray[Any]:
        """[n, D], of the first model."""
        return self.models[0].embed(examples)

    def runtime_parts(self) -> tuple[Part, ...]:
        """The part of each model, with its weight."""
        member_parts = [model.runtime_parts() for model in self.models]
        if any(len(parts) > 1 for parts in member_parts):
            raise ModelError(
                "An ensemble with an ensemble as a member cannot answer without torch."
            )
        weighted = zip(member_parts, self.weights, strict=True)
        return tuple(replace(part, weight=weight) for (part,), weight in weighted)

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        """The states of all models; their tensors begin with the number of the model."""
        tensors: Tensors = {}
        settings = []
        for number, model in enumerate(self.models):
            member_tensors, member_settings = model.state()
            tensors |= {f"{number}.{name}": array for name, array in member_tensors.items()}
            settings.append(member_settings)
        return tensors, {"models": settings, "weights": list(self.weights)}


def member_states(
    tensors: Tensors, settings: Mapping[str, Any]
) -> list[tuple[Tensors, dict[str, Any]]]:
    """The state of each model, taken from the state of the ensemble."""
    states = []
    for number, member_settings in enumerate(settings["models"]):
        start = f"{number}."
        member_tensors = {
            n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)
        }
        states.append((member_tensors, member_settings))
    return states
