"""A frozen encoder and a head: seconds to fit, and the evaluator scores its episodes in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fsl_nlp.data.labels import readable
from fsl_nlp.decision import fit_temperature
from fsl_nlp.errors import OptionError
from fsl_nlp.heads import head_class
from fsl_nlp.heads.base import Head, State, pack
from fsl_nlp.methods.base import Classifier, Method, Tensors, take_options
from fsl_nlp.types import Dataset, Example, Label

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

FOLDS = 5
# Where the search for a temperature starts, and what a support set too small to search gets:
# medians of what five-shot tasks from the training files of BANKING77 and CLINC150 chose.
_TYPICAL_TEMPERATURE = {"proto": 0.06, "linear": 0.5}


@dataclass(frozen=True)
class FrozenSettings:
    """Options of every frozen method, besides those of its head.

    `label_names`: the words of a label's name are one more example of it.
    `temperature`: divides the scores; None learns it on the support set by cross-fitting.
    """

    label_names: bool = True
    temperature: float | None = None

    def __post_init__(self) -> None:
        if self.temperature is not None and not self.temperature > 0:
            raise OptionError(f"temperature={self.temperature!r}: must be greater than 0.")


@dataclass(frozen=True)
class FrozenMethod(Method):
    name: str
    encoder: TextEncoder
    head: Head
    settings: FrozenSettings = FrozenSettings()
    seed: int = 0

    @classmethod
    def build(
        cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]
    ) -> FrozenMethod:
        kind = head_class(name)
        for_head, own = take_options(name, options, kind, FrozenSettings)
        return cls(name, encoder, kind(**for_head), FrozenSettings(**own), seed)

    def fit(self, support: Dataset) -> FrozenClassifier:
        index = {label: i for i, label in enumerate(support.labels)}
        texts = [example.text for example in support]
        classes = [index[example.label] for example in support if example.label is not None]
        for i, label in enumerate(support.labels):
            for text in evidence(label, support, self.settings.label_names):
                texts.append(text)
                classes.append(i)
        vectors, weights, places = pack(self.encoder.encode(texts), classes, len(index))
        state = self.head.fit(vectors, weights)
        temperature = self.settings.temperature or self._learn_temperature(
            vectors, weights, places[: len(support)]
        )
        return FrozenClassifier(
            support.labels, self.encoder, self.name, self.head, state, temperature
        )

    def _learn_temperature(
        self, support: Tensor, weights: Tensor, places: NDArray[np.int64]
    ) -> float:
        scores, targets = cross_fit(self.head, support, weights, places, self.seed)
        return fit_temperature(scores, targets, start=_TYPICAL_TEMPERATURE.get(self.name, 1.0))

    def restore(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> FrozenClassifier:
        state = {name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}
        return FrozenClassifier(
            labels, self.encoder, self.name, self.head, state, float(settings["temperature"])
        )


@dataclass(frozen=True)
class FrozenClassifier(Classifier):
    labels: tuple[Label, ...]
    encoder: TextEncoder
    name: str
    head: Head
    head_state: State
    temperature: float

    def embed(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        texts = [example.text for example in examples]
        # One text alone is a question that is being asked, and is not stored.
        return (
            self.encoder.encode(texts[0])[None] if len(texts) == 1 else self.encoder.encode(texts)
        )

    def scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        with torch.inference_mode():
            query = torch.from_numpy(self.embed(examples)).unsqueeze(0)
            scores = self.head.score(self.head_state, query)[0] / self.temperature
        result: NDArray[np.float32] = scores.numpy()
        return result

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        tensors = {name: tensor.cpu().numpy() for name, tensor in self.head_state.items()}
        return tensors, {"temperature": self.temperature}


def evidence(label: Label, support: Dataset, label_names: bool) -> list[str]:
    """What is known of a label besides examples, as texts: its readable name, its description."""
    info = support.info.get(label)
    name = (info and info.name) or readable(label)
    texts = [name if label_names else None, info.description if info else None]
    return [text for text in texts if text]


def cross_fit(
    head: Head, support: Tensor, weights: Tensor, places: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scores of support examples by heads that did not see them.

    `places` says which of the [N * K] may be held out. An example that is all its class has is
    never held out. Each class is spread over the folds, which are the tasks of one head batch.
    """
    _, count, width = weights.shape
    sizes = (weights[0] > 0).sum(1).tolist()
    held_out_before = [0] * count
    fold = np.full(count * width, -1)
    for place in np.random.default_rng(seed).permutation(places):
        c = place // width
        if sizes[c] > 1:
            fold[place] = held_out_before[c] % FOLDS
            held_out_before[c] += 1
    folds = np.unique(fold[fold >= 0])
    if len(folds) == 0:
        return np.zeros((0, count), np.float32), np.zeros(0, np.int64)
    held = torch.from_numpy(fold[None] == folds[:, None])  # [F, N * K]
    kept = weights.reshape(1, -1).expand(len(folds), -1).masked_fill(held, 0)
    state = head.fit(support.expand(len(folds), -1, -1, -1), kept.view(len(folds), count, width))
    scores = head.score(state, support.reshape(1, count * width, -1).expand(len(folds), -1, -1))
    rows = [scores[f, held[f]] for f in range(len(folds))]
    targets = [np.flatnonzero(held[f].numpy()) // width for f in range(len(folds))]
    return torch.cat(rows).numpy(), np.concatenate(targets)
