"""A frozen encoder and a head: seconds to fit, and the evaluator scores its episodes in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fsl_nlp.decision import fit_temperature, softmax
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.heads import head_class
from fsl_nlp.heads.base import Head, PreparedHead, State, pack
from fsl_nlp.heads.learned import LearnedHead
from fsl_nlp.heads.operations import class_of_example
from fsl_nlp.heads.options import option
from fsl_nlp.heads.proto import ProtoHead
from fsl_nlp.methods.base import Classifier, Method, MethodCard, Part, Tensors, take_options
from fsl_nlp.methods.candidates import CandidateClassifier, CandidateSettings, has_candidates
from fsl_nlp.methods.cards import head_card, head_inputs, head_sources
from fsl_nlp.methods.propagation import fit_with_unlabelled
from fsl_nlp.methods.reading import PairReader, Reader, nothing_said
from fsl_nlp.runtime.candidates import refuse_candidates
from fsl_nlp.runtime.inputs import example_of
from fsl_nlp.types import Dataset, Example, Label
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

FOLDS = 5
# Held-out examples that are enough to find the one number which the temperature is.
ENOUGH_HELD_OUT = 1000
# The usual temperature, as a share of how far above the other classes' scores an example's score
# for its own class is. Tasks of 2 to 30 classes with 1 to 5 examples, from the training files of
# BANKING77, CLINC150 and SMP2017, had 0.05 to 0.12 as the best share with either embedded encoder,
# about the same for `proto` (both distances), `simpleshot`, `ridge`, `gaussian`, `matching`,
# `linear` and the heads that are trained on source classes; for `knn` it was 0.01 to 0.35.
_SHARE_OF_GAP = 0.08

# The names of saved tensors that are no state of the head's.
_CENTRE = "reader.centre"
_LEARNED = "head.parameters."


@dataclass(frozen=True)
class FrozenSettings:
    """Options of every frozen method, besides those of its head."""

    label_names: bool = option(True, "the name of a label is one more example of it")
    descriptions: bool = option(True, "the description of a label is one more example of it")
    temperature: float | None = option(
        None, "divides the scores; None learns it on the support set by cross-fitting"
    )
    none_margin: float = option(
        1.0, "episodes: standard deviations above other classes' scores that a class needs"
    )

    def __post_init__(self) -> None:
        if self.temperature is not None and not self.temperature > 0:
            raise OptionError(f"temperature={self.temperature!r}: must be greater than 0.")


@dataclass(frozen=True)
class FrozenMethod(Method):
    takes_unlabelled: ClassVar[bool] = True

    name: str
    encoder: TextEncoder
    head: Head
    settings: FrozenSettings = FrozenSettings()
    seed: int = 0
    candidates: CandidateSettings = field(default=CandidateSettings(), kw_only=True)

    @classmethod
    def card(cls, name: str) -> MethodCard:
        return head_card(name)

    @classmethod
    def takes(cls, name: str) -> tuple[str, ...]:
        return head_inputs(name)

    @classmethod
    def learns_from(cls, name: str) -> tuple[str, ...]:
        return head_sources(name)

    @classmethod
    def default_settings(cls, name: str) -> tuple[Any, ...]:
        candidates = (CandidateSettings(),) if name == "proto" else ()
        return (head_class(name)(), FrozenSettings(), *candidates)

    @classmethod
    def build(
        cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]
    ) -> FrozenMethod:
        kind = head_class(name)
        kinds = map(type, cls.default_settings(name))
        for_head, own, *theirs = take_options(name, options, *kinds)
        candidates = CandidateSettings(**theirs[0]) if theirs else CandidateSettings()
        settings = FrozenSettings(**own)
        return cls(name, encoder, kind(**for_head), settings, seed, candidates=candidates)

    def prepare(self, source: Dataset, *, way: int, shot: int, query: int) -> FrozenMethod:
        """Train the head's parameters on episodes of the source classes."""
        if not isinstance(self.head, LearnedHead):
            return cast("FrozenMethod", super().prepare(source, way=way, shot=shot, query=query))
        reader = self._reader(source.examples)
        index = {label: i for i, label in enumerate(source.labels)}
        head = self.head.prepare(
            torch.from_numpy(reader.read(source.examples)).to(self.encoder.device),
            torch.tensor([index[label] for label in source.known_targets]),
            way=way,
            shot=shot,
            query=query,
            seed=self.seed,
        )
        return replace(self, head=head)

    def fit(self, support: Dataset) -> Classifier:
        return self._fit(support.labelled, support.unlabelled)

    def distil(
        self, support: Dataset, texts: Sequence[Example], beliefs: NDArray[np.float32]
    ) -> Classifier:
        """Learn the support's labels, and of other texts what is believed of them, [n, N]."""
        return self._fit(support, texts, beliefs)

    def _fit(
        self,
        support: Dataset,
        others: Sequence[Example],
        beliefs: NDArray[np.floating[Any]] | None = None,
    ) -> Classifier:
        """`beliefs` in the others, [n, N], are by default its own before it learns from them."""
        self.check_serves()
        if self.name == "proto" and has_candidates(support.examples):
            return self._choose_candidates(support, others)
        refuse_candidates([*support.examples, *others])
        if self.candidates.blank is not None:
            raise OptionError("blank: these examples have no candidates to fill it.")
        index = {label: i for i, label in enumerate(support.labels)}
        classes = [index[label] for label in support.known_targets]
        reader = self._reader(support.examples)
        names, owners = self.read_evidence(reader, support)
        classes += owners
        if lacking := [support.labels[i] for i in sorted(set(range(len(index))) - set(classes))]:
            raise nothing_said(lacking, pairs=isinstance(reader, PairReader))
        rows = self._read_rows(np.concatenate([reader.read(support.examples), names]))
        vectors, weights, places = pack(rows, classes, len(index))
        state = self.head.fit(vectors, weights)
        temperature = self.settings.temperature or self._learn_temperature(
            state, vectors, weights, places[: len(support)]
        )
        if others:
            more = self._read_rows(reader.read(others))
            if beliefs is None:
                scores = self.head.score(state, torch.from_numpy(more)[None])[0] / temperature
                beliefs = softmax(scores.numpy())
            state, found = fit_with_unlabelled(self.head, rows, classes, more, beliefs, temperature)
            temperature = self.settings.temperature or found
        return FrozenClassifier(support.labels, reader, self.head, state, temperature, self.about())

    def _choose_candidates(
        self, support: Dataset, others: Sequence[Example]
    ) -> CandidateClassifier:
        if others:
            raise DataError(
                "Texts with candidates but no label teach 'proto' nothing: leave them out."
            )
        if self.head != ProtoHead():
            raise OptionError("distance: candidates are compared by 'cosine', the default.")
        return CandidateClassifier.learn(
            self.encoder, support, self.candidates.blank, self.settings.temperature
        )

    def _read_rows(self, rows: Matrix) -> Matrix:
        with torch.inference_mode():
            return self.head.read(torch.from_numpy(rows)).numpy()

    def loaded(self) -> FrozenMethod:
        """Ready to fit: with what it learned earlier, if that lies in a folder."""
        return self

    def about(self) -> dict[str, Any]:
        """What `restore` needs of the method besides its options."""
        return {}

    def reader_for(self, examples: Sequence[Example]) -> Reader:
        """The reader that fits these (support) examples. Their labels are not looked at."""
        return Reader.for_examples(self.encoder, examples)

    def reader_at(self, centre: Matrix | None) -> Reader:
        """The reader that was fitted with this mean of its corpus."""
        return Reader(self.encoder, centre)

    def check_ready(self) -> None:
        """Refuse a head that has yet to learn from source classes."""
        if not self.head.ready:
            raise OptionError(
                f"method {self.name!r} has to learn from source classes first: call prepare(source,"
                " ...), or score it on episodes with source=DATASET (`fsl-nlp episodes` with "
                "--source DATA or --classes TRAIN,TEST). 'linear' and 'proto' need no source."
            )

    def check_serves(self) -> None:
        """Refuse a head that cannot answer one text at a time."""
        self.check_ready()
        if self.head.transductive:
            raise OptionError(
                f"method {self.name!r} looks at all texts of a batch together: the answer to one "
                "would depend on the others. It is for episodes (`fsl-nlp episodes DATA --method "
                f"{self.name}`); for a classifier use 'proto' or 'linear'."
            )

    def _reader(self, examples: Sequence[Example]) -> Reader:
        reader = self.reader_for(examples)
        if isinstance(reader, PairReader) and isinstance(self.head, PreparedHead):
            raise DataError(
                f"method {self.name!r} learns from other classes of single texts, and these are "
                "pairs. Use 'linear' or 'proto'."
            )
        return reader

    def read_evidence(self, reader: Reader, dataset: Dataset) -> tuple[Matrix, list[int]]:
        """[m, D]: what is known of labels besides examples, and which label each row is about."""
        settings = self.settings
        return reader.read_evidence(
            dataset, names=settings.label_names, descriptions=settings.descriptions
        )

    def _learn_temperature(
        self, state: State, support: Tensor, weights: Tensor, places: NDArray[np.int64]
    ) -> float:
        scores, targets = cross_fit(self.head, support, weights, places, self.seed)
        usual = usual_temperature(self.head.score(state, support.flatten(1, 2))[0], weights[0])
        return fit_temperature(scores, targets, start=usual)

    def restore(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> Classifier:
        if "candidates" in settings:
            return CandidateClassifier.restore(
                self.encoder, self.candidates.blank, tensors, settings
            )
        state = {name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}
        centre = state.pop(_CENTRE, None)
        learned = [name for name in state if name.startswith(_LEARNED)]
        parameters = {name.removeprefix(_LEARNED): state.pop(name) for name in learned}
        head = self.head
        if isinstance(head, PreparedHead) and parameters:
            head = replace(head, parameters=parameters)
        pairs = settings.get("pairs", False)
        found = centre.numpy() if centre is not None else None
        reader = PairReader(self.encoder) if pairs else self.reader_at(found)
        temperature = float(settings["temperature"])
        return FrozenClassifier(labels, reader, head, state, temperature, self.about())


@dataclass(frozen=True)
class FrozenClassifier(Classifier):
    labels: tuple[Label, ...]
    reader: Reader
    head: Head
    head_state: State
    temperature: float
    about: Mapping[str, Any] = field(default_factory=dict)

    def embed(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        return self.reader.embed(examples)

    def scores(self, examples: Sequence[Example]) -> NDArray[np.float32]:
        refuse_candidates(examples)
        with torch.inference_mode():
            scores = self._score(torch.from_numpy(self.reader.read(examples)))
        result: NDArray[np.float32] = scores.numpy()
        return result

    def _score(self, rows: Tensor) -> Tensor:
        """Rows [n, D], as the reader gives them -> [n, N]."""
        query = self.head.read(rows)
        return self.head.score(self.head_state, query.unsqueeze(0))[0] / self.temperature

    def runtime_parts(self) -> tuple[Part, ...]:
        source, width = self.reader.graph(), self.reader.width
        centre = self.reader.centre
        tensors = {} if centre is None else {"centre": centre}
        return (Part(self.reader.reads, source, width, lambda x: (self._score(x), x), tensors),)

    def example_of(self, text: str) -> Example:
        return example_of(text, self.reader.reads)

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        tensors: Tensors = {name: tensor.cpu().numpy() for name, tensor in self.head_state.items()}
        if self.reader.centre is not None:
            tensors[_CENTRE] = self.reader.centre
        if isinstance(self.head, PreparedHead):
            learned = self.head.parameters or {}
            tensors |= {f"{_LEARNED}{n}": t.cpu().numpy() for n, t in learned.items()}
        kind = {"pairs": True} if isinstance(self.reader, PairReader) else {}
        return tensors, {"temperature": self.temperature, **kind, **self.about}


def usual_temperature(scores: Tensor, weights: Tensor) -> float:
    """Where the search for a temperature starts, and what a support set too small to search gets.

    In the units of `scores` [N * K, N], the support's own, whatever the head and the length of the
    encoder's vectors; weights [N, K].
    """
    used = weights.flatten() > 0
    own = class_of_example(weights[None])[used] > 0
    scores = scores[used]
    gap = float(scores[own].mean() - scores[~own].mean())
    # Not so where all examples are alike, or of one class.
    return _SHARE_OF_GAP * gap if gap > 0 else 1.0


def cross_fit(
    head: Head, support: Tensor, weights: Tensor, places: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scores of support examples by heads that did not see them.

    `places` says which of the [N * K] may be held out. An example that is all its class has is
    never held out. Each class is spread over the folds, which are the tasks of one head batch. Of
    thousands of examples the first folds are enough.
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
    folds, held_out = np.unique(fold[fold >= 0], return_counts=True)
    folds = folds[: np.searchsorted(held_out.cumsum(), ENOUGH_HELD_OUT) + 1]
    if len(folds) == 0:
        return np.zeros((0, count), np.float32), np.zeros(0, np.int64)
    held = torch.from_numpy(fold[None] == folds[:, None])  # [F, N * K]
    kept = weights.reshape(1, -1).expand(len(folds), -1).masked_fill(held, 0)
    state = head.fit(support.expand(len(folds), -1, -1, -1), kept.view(len(folds), count, width))
    scores = head.score(state, support.reshape(1, count * width, -1).expand(len(folds), -1, -1))
    rows = [scores[f, held[f]] for f in range(len(folds))]
    targets = [np.flatnonzero(held[f].numpy()) // width for f in range(len(folds))]
    return torch.cat(rows).numpy(), np.concatenate(targets)
