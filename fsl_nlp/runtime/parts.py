"""A fitted classifier made of encoders' graphs and scorers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.decision.outputs import Outputs
from fsl_nlp.decision.probabilities import mean_log_probabilities
from fsl_nlp.inputs.candidates import closeness, without_blank
from fsl_nlp.inputs.kinds import Inputs
from fsl_nlp.inputs.mentions import PARTS, combine, mark_tokens, near_mentions
from fsl_nlp.inputs.pairs import angles, second_texts, side_by_side
from fsl_nlp.runtime.graph import Graph
from fsl_nlp.types import Example, Label
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    import onnxruntime

# The names of a scorer's input and outputs.
ROWS, SCORES, VECTORS = "rows", "scores", "vectors"
_ROWS_AT_ONCE = 128


@dataclass(frozen=True)
class LoadedPart:
    """One encoder's graph and the scorer on its vectors; `reads` as in `methods.base.Part`."""

    reads: str
    graph: Graph
    scorer: onnxruntime.InferenceSession | None
    tensors: Mapping[str, NDArray[Any]]
    settings: Mapping[str, Any]
    weight: float = 1.0

    def scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """[n, N]."""
        if self.reads == "candidates":
            return self._nearest_candidates(examples)
        return self._score([SCORES], examples)[0]

    def outputs(self, examples: Sequence[Example]) -> Outputs:
        """The scores and the vectors; where the scorer gives both, of one reading."""
        if self.reads in ("angle", "candidates"):
            return Outputs(self.scores(examples), self.embed(examples))
        return Outputs(*self._score([SCORES, VECTORS], examples))

    def embed(self, examples: Sequence[Example]) -> Matrix:
        """[n, D], for finding the training examples nearest to a question."""
        if self.reads == "angle":
            return side_by_side(*self._both(examples))
        if self.reads == "candidates":
            blank = self.settings["blank"]
            return self.graph.encode([without_blank(e.text, blank) for e in examples])
        return self._score([VECTORS], examples)[0]

    def truncates(self, examples: Sequence[Example]) -> list[bool]:
        """Whether each example is too long to be read whole."""
        texts = [example.text for example in examples]
        if self.reads == "pair":
            return self.graph.truncates(texts, second_texts(examples))
        if self.reads == "candidates":
            texts = [without_blank(text, self.settings["blank"]) for text in texts]
        first = self.graph.truncates(texts)
        if self.reads != "angle":
            return first
        second = self.graph.truncates([example.text_b or "" for example in examples])
        return [any(both) for both in zip(first, second, strict=True)]

    def _score(self, outputs: list[str], examples: Sequence[Example]) -> list[Matrix]:
        """Outputs of the scorer for the examples.

        It takes a few rows at once, because some heads compare each with every training example.
        """
        assert self.scorer
        rows = self._rows(examples)
        parts = [
            self.scorer.run(outputs, {ROWS: rows[start : start + _ROWS_AT_ONCE]})
            for start in range(0, len(rows), _ROWS_AT_ONCE)
        ]
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]

    def _rows(self, examples: Sequence[Example]) -> Matrix:
        """[n, F]: the input of the scorer."""
        if self.reads == "angle":
            return angles(*self._both(examples))
        if self.reads == "mentions":
            return self._mentions(examples)
        texts = [example.text for example in examples]
        if self.reads == "pair":
            return self.graph.encode(texts, second_texts(examples))
        return self.graph.encode(texts)

    def _both(self, examples: Sequence[Example]) -> tuple[Matrix, Matrix]:
        # One call for both, so that they share batches.
        texts = [example.text for example in examples]
        vectors = self.graph.encode([*texts, *(example.text_b or "" for example in examples)])
        return vectors[: len(examples)], vectors[len(examples) :]

    def _mentions(self, examples: Sequence[Example]) -> Matrix:
        info = self.graph.info
        examples = [near_mentions(example, info.pooling["max_length"]) for example in examples]
        encodings = self.graph.tokenizer.encodings([example.text for example in examples])
        marked = [
            mark_tokens(
                example,
                encoding.ids,
                encoding.offsets,
                encoding.special_tokens_mask,
                prefix=info.pooling["prefix"],
                longest=info.pooling["max_length"],
                encoder=info.encoder,
            )
            for example, encoding in zip(examples, encodings, strict=True)
        ]
        parts = self.graph.vectors([ids for ids, _ in marked], masks=[mask for _, mask in marked])
        parts = parts.reshape(len(examples), len(PARTS), -1)
        return combine(parts, self.tensors["centre"], self.tensors.get("scale"))

    def _nearest_candidates(self, examples: Sequence[Example]) -> Matrix:
        candidate_closeness = closeness(self.graph.encode, examples, self.settings["blank"])
        result: Matrix = (candidate_closeness / self.tensors["spread"]).mean(-1)
        return result / np.float32(self.settings["temperature"])


@dataclass(frozen=True)
class PartsClassifier:
    """The weighted mean of the log-probabilities of its parts."""

    labels: tuple[Label, ...]
    loaded: tuple[LoadedPart, ...]
    inputs: Inputs

    def scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        """[n, N]."""
        part_scores = [part.scores(examples) for part in self.loaded]
        if len(part_scores) == 1:
            return part_scores[0]
        return mean_log_probabilities(part_scores, [part.weight for part in self.loaded])

    def embed(self, examples: Sequence[Example]) -> Matrix:
        """[n, D], of the first part."""
        return self.loaded[0].embed(examples)

    def outputs(self, examples: Sequence[Example]) -> Outputs:
        """The mean scores, and the vectors of the first part."""
        first, *others = self.loaded
        outputs = first.outputs(examples)
        if not others:
            return outputs
        scores = [outputs.scores, *(part.scores(examples) for part in others)]
        weights = [part.weight for part in self.loaded]
        return Outputs(mean_log_probabilities(scores, weights), outputs.vectors)

    def truncates(self, examples: Sequence[Example]) -> list[bool]:
        """Whether a part cannot read an example whole."""
        by_part = [part.truncates(examples) for part in self.loaded]
        return [any(row) for row in zip(*by_part, strict=True)]

    def example_of(self, text: str) -> Example:
        """An example that it takes, made of one text."""
        return self.inputs.example_of(text)
