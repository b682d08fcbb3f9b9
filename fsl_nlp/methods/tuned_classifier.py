"""What a tuned method leaves behind: what trained, and the heads on the tuned vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fsl_nlp.heads.base import State
from fsl_nlp.methods.base import Classifier, Tensors
from fsl_nlp.training.adaptation import Adaptation, trained_tensors
from fsl_nlp.training.copies import to_array
from fsl_nlp.training.reading import TunedEncoder
from fsl_nlp.types import Example, Label
from fsl_nlp.vectors import Matrix

# The names of the head's tensors.
COSINE = "head.cosine"  # [N, D]
CENTRE = "head.centre"  # [D]
LINEAR = ("head.linear.weight", "head.linear.bias")  # [N, D], [N]
HEAD = (COSINE, CENTRE, *LINEAR)

# What makes beliefs of the scores of the logistic regression.
LINEAR_TEMPERATURE = 0.5


@dataclass(frozen=True)
class TunedClassifier(Classifier):
    labels: tuple[Label, ...]
    reader: TunedEncoder
    adaptation: Adaptation | None
    tuned: tuple[str, ...]  # the names of the parameters that trained
    head: State
    sharpness: float  # divides the cosines
    temperature: float  # divides what comes of them

    def embed(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        return self.reader.read(examples)

    def scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        return self.scores_of(self.embed(examples))

    def scores_of(self, rows: Matrix) -> NDArray[np.float32]:
        """[n, N], of tuned vectors [n, D]."""
        vectors, head = torch.from_numpy(rows), self.head
        found = []
        if COSINE in head:
            found.append((vectors @ head[COSINE].mT / self.sharpness).log_softmax(-1))
        if LINEAR[0] in head:
            weight, bias = (head[name] for name in LINEAR)
            found.append(((vectors @ weight.mT + bias) / LINEAR_TEMPERATURE).log_softmax(-1))
        scores = torch.stack(found).logsumexp(0) - math.log(len(found))
        result: NDArray[np.float32] = (scores / self.temperature).numpy()
        return result

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        tuned = trained_tensors(self.reader.module, self.reader.encoder.module, self.tuned)
        arrays = {name: to_array(tensor) for name, tensor in tuned.items()}
        head = {name: tensor.numpy() for name, tensor in self.head.items()}
        settings: dict[str, Any] = {
            "sharpness": self.sharpness,
            "temperature": self.temperature,
        }
        if self.adaptation:
            settings["adaptation"] = asdict(self.adaptation)
        return {**head, **arrays}, settings
