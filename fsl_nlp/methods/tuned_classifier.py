"""What a tuned method leaves behind: what trained, and the heads on the tuned vectors."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fsl_nlp.heads.base import State
from fsl_nlp.methods.base import Classifier, Part, Tensors
from fsl_nlp.training.adaptation import Adaptation, merged, trained_tensors
from fsl_nlp.training.copies import put_tensors, to_array
from fsl_nlp.training.reading import TunedEncoder
from fsl_nlp.training.trainer import seeded
from fsl_nlp.types import Example, Label
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from fsl_nlp.encoders.graphs import GraphSource

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
    loss_temperature: float  # divides the cosines
    temperature: float  # divides what comes of them

    def embed(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        return self.reader.read(examples)

    def scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        return self.scores_of(self.embed(examples))

    def scores_of(self, rows: Matrix) -> NDArray[np.float32]:
        """[n, N], of tuned vectors [n, D]."""
        result: NDArray[np.float32] = self._score(torch.from_numpy(rows)).numpy()
        return result

    def _score(self, vectors: Tensor) -> Tensor:
        head = self.head
        found = []
        if COSINE in head:
            found.append((vectors @ head[COSINE].mT / self.loss_temperature).log_softmax(-1))
        if LINEAR[0] in head:
            weight, bias = (head[name] for name in LINEAR)
            found.append(((vectors @ weight.mT + bias) / LINEAR_TEMPERATURE).log_softmax(-1))
        scores = torch.stack(found).logsumexp(0) - math.log(len(found))
        return scores / self.temperature

    def runtime_parts(self) -> tuple[Part, ...]:
        def score(rows: Tensor) -> tuple[Tensor, Tensor]:
            vectors = self.reader.seen(rows)
            return self._score(vectors), vectors

        encoder = self.reader.encoder
        source = self.tuned_graph() if self.adaptation else encoder.text_graph
        return (Part("pair", source, encoder.dimensions, score),)

    def read_by_graph(self) -> TunedClassifier:
        """The same, reading through the graph of its encoder where that is faster."""
        if self.adaptation is None:
            return self
        return replace(self, reader=replace(self.reader, graph=self.tuned_graph()))

    def tuned_graph(self) -> GraphSource:
        """The graph of the tuned encoder, adapters merged into its weights."""
        reader, adaptation = self.reader, self.adaptation
        assert adaptation
        trained = trained_tensors(reader.module, reader.encoder.module, self.tuned)
        digest = hashlib.sha256(reader.encoder.fingerprint.encode())
        for name, tensor in sorted(trained.items()):
            digest.update(f"{name}{tuple(tensor.shape)}".encode())
            digest.update(np.ascontiguousarray(to_array(tensor)).tobytes())

        def tuned(module: nn.Module) -> nn.Module:
            with seeded(0, torch.device("cpu")):
                own, _ = adaptation.apply(module, reader.encoder.name)
            put_tensors(own, trained)
            return merged(own)

        return reader.graph_of(digest.hexdigest(), tuned)

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        tuned = trained_tensors(self.reader.module, self.reader.encoder.module, self.tuned)
        arrays = {name: to_array(tensor) for name, tensor in tuned.items()}
        head = {name: tensor.numpy() for name, tensor in self.head.items()}
        settings: dict[str, Any] = {
            "loss_temperature": self.loss_temperature,
            "temperature": self.temperature,
        }
        if self.adaptation:
            settings["adaptation"] = asdict(self.adaptation)
        return {**head, **arrays}, settings
