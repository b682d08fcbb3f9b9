"""Several classifiers that answer as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from fsl_nlp.decision import mean_log_probabilities
from fsl_nlp.errors import ModelError
from fsl_nlp.methods.base import Classifier, Part, Tensors
from fsl_nlp.types import Example, Label


@dataclass(frozen=True)
class Ensemble(Classifier):
    """The weighted mean of the models' log-beliefs; nearest examples are the first model's."""

    labels: tuple[Label, ...]
    models: tuple[Classifier, ...]
    weights: tuple[float, ...]

    def example_of(self, text: str) -> Example:
        return self.models[0].example_of(text)

    def scores(self, examples: Sequence[Example]) -> NDArray[Any]:
        return mean_log_probabilities(
            [model.scores(examples) for model in self.models], self.weights
        )

    def embed(self, examples: Sequence[Example]) -> NDArray[Any]:
        return self.models[0].embed(examples)

    def runtime_parts(self) -> tuple[Part, ...]:
        each = [model.runtime_parts() for model in self.models]
        if any(len(parts) > 1 for parts in each):
            raise ModelError("Several classifiers inside several ones answer with torch alone.")
        weighted = zip(each, self.weights, strict=True)
        return tuple(replace(part, weight=weight) for (part,), weight in weighted)

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        tensors: Tensors = {}
        settings = []
        for number, model in enumerate(self.models):
            own, about = model.state()
            tensors |= {f"{number}.{name}": array for name, array in own.items()}
            settings.append(about)
        return tensors, {"models": settings, "weights": list(self.weights)}


def parts(tensors: Tensors, settings: Mapping[str, Any]) -> list[tuple[Tensors, dict[str, Any]]]:
    """Each model's own of what `Ensemble.state` gave."""
    found = []
    for number, own in enumerate(settings["models"]):
        start = f"{number}."
        mine = {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}
        found.append((mine, own))
    return found


def log_beliefs(model: Classifier, examples: Sequence[Example]) -> Tensor:
    """[n, N]."""
    return torch.from_numpy(model.scores(examples)).log_softmax(-1)


def mean_beliefs(beliefs: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """[n, N]: the weighted mean."""
    total = sum(weights) or 1.0
    return sum((b * (w / total) for b, w in zip(beliefs, weights, strict=True)), torch.zeros(()))
