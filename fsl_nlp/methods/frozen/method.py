"""A head on a frozen encoder: it fits in seconds, and its episodes are scored in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray

from fsl_nlp.decision.calibration import Calibration
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.heads import head_class
from fsl_nlp.heads.base import Head, PreparedHead, State, pack
from fsl_nlp.heads.learned import LearnedHead
from fsl_nlp.heads.proto import ProtoHead
from fsl_nlp.inputs.kinds import CANDIDATES, MENTIONS, PAIR, TEXT
from fsl_nlp.inputs.label_texts import check_covered
from fsl_nlp.inputs.mentions import has_mentions
from fsl_nlp.inputs.support import (
    DESCRIPTIONS,
    EXAMPLES,
    NAMES,
    SOURCE,
    UNLABELLED,
    WEIGHTS,
    has_candidates,
)
from fsl_nlp.methods.base import Classifier, Method, MethodCard, Tensors, take_options
from fsl_nlp.methods.frozen.candidates import CandidateClassifier
from fsl_nlp.methods.frozen.classifier import CENTRE, LEARNED, SCALE, FrozenClassifier, transform
from fsl_nlp.methods.frozen.reading import PairReader, Reader
from fsl_nlp.methods.frozen.settings import CandidateSettings, FrozenSettings
from fsl_nlp.methods.frozen.statistics import TRANSDUCTIVE, Centring
from fsl_nlp.methods.frozen.temperature import cross_fit_temperature
from fsl_nlp.methods.weights import TrainingWeights, is_weighted
from fsl_nlp.semisupervised.refit import learn_from_unlabelled
from fsl_nlp.torch_state import own_torch_state
from fsl_nlp.types import Dataset, Example, Label
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from torch import Tensor

    from fsl_nlp.encoders import TextEncoder

# Example commands for heads that cannot fit a bot by themselves.
_EPISODES = {
    "episodes": "fsl-nlp episodes banking77:test --method {name}",
    "source classes": "fsl-nlp episodes banking77:test --method {name} --classes 50,27",
}


@dataclass(frozen=True)
class FrozenMethod(Method):
    """A head of `fsl_nlp.heads` on the vectors of an encoder that does not change."""

    name: str
    encoder: TextEncoder
    head: Head
    settings: FrozenSettings = field(default_factory=FrozenSettings)
    seed: int = 0
    candidates: CandidateSettings = field(default=CandidateSettings(), kw_only=True)
    # A classifier that it fitted on nearly the same examples: the head may begin with its state.
    start: FrozenClassifier | None = field(default=None, repr=False, compare=False, kw_only=True)
    # Whether vectors of sentences with mentions are scaled as well as centred.
    scales_mentions: ClassVar[bool] = True

    @classmethod
    def head_class(cls, name: str) -> type[Head]:
        """The class of the head that a method of that name has."""
        return head_class(name)

    @classmethod
    def card(cls, name: str) -> MethodCard:
        """What the head does; heads that fit no bot by themselves have an example of episodes."""
        head = cls.head_class(name)
        needs = "episodes" if head.transductive else "" if head().ready else "source classes"
        example = _EPISODES[needs] if needs else MethodCard.example
        return MethodCard("frozen", head.summary, "seconds", needs, head.paper, example)

    @classmethod
    def default_settings(cls, name: str) -> tuple[Any, ...]:
        """The head, `FrozenSettings` and, where the head takes them, the option of candidates."""
        head = cls.head_class(name)
        return (head(), FrozenSettings(), *([CandidateSettings()] if head.takes_candidates else []))

    @classmethod
    def takes(cls, name: str) -> tuple[str, ...]:
        """Heads that learn from source classes take no pairs; few heads take candidates."""
        head = cls.head_class(name)
        pairs = () if issubclass(head, PreparedHead) else (PAIR,)
        candidates = (CANDIDATES,) if head.takes_candidates else ()
        return (TEXT, *pairs, MENTIONS, *candidates)

    @classmethod
    def learns_from(cls, name: str) -> tuple[str, ...]:
        """All but transductive heads learn from unlabelled texts, prepared heads from a source."""
        head = cls.head_class(name)
        more = () if head.transductive else (UNLABELLED, WEIGHTS)
        source = (SOURCE,) if issubclass(head, PreparedHead) else ()
        return (EXAMPLES, NAMES, DESCRIPTIONS, *more, *source)

    @classmethod
    def build(
        cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]
    ) -> FrozenMethod:
        """Options as in `default_settings`."""
        head, *settings_classes = map(type, cls.default_settings(name))
        head_options, options, *candidate_options = take_options(
            name, options, head, *settings_classes
        )
        candidates = (
            CandidateSettings(**candidate_options[0]) if candidate_options else CandidateSettings()
        )
        settings = FrozenSettings(**options)
        return cls(name, encoder, head(**head_options), settings, seed, candidates=candidates)

    @own_torch_state()
    def prepare(self, source: Dataset, *, way: int, shot: int, query: int) -> FrozenMethod:
        """Train the head's parameters on episodes of the source classes."""
        if not isinstance(self.head, LearnedHead):
            return cast("FrozenMethod", super().prepare(source, way=way, shot=shot, query=query))
        self.check_inputs(source.examples)
        reader = self.reader_for(source.examples)
        head = self.head.prepare(
            torch.from_numpy(reader.read(source.examples)).to(self.encoder.device),
            torch.tensor(source.class_indices),
            way=way,
            shot=shot,
            query=query,
            seed=self.seed,
        )
        return replace(self, head=head)

    def check(self, support: Dataset) -> None:
        """Refuse what the head cannot learn from, and heads that cannot answer one text."""
        if self.head.transductive:
            raise OptionError(
                f"method {self.name!r} reads all queries together, so an answer depends on the "
                "other texts. It is for episodes (`fsl-nlp episodes DATA --method "
                f"{self.name}`). For a classifier use 'proto' or 'linear'."
            )
        super().check(support)
        if self.settings.statistics == TRANSDUCTIVE and has_mentions(support.examples):
            raise OptionError(
                "statistics='test' is the mean over all episodes of a table, so it is for episodes "
                "in batches alone. Use 'background' or 'supports'."
            )
        if is_weighted(support.examples) and has_candidates(support.examples):
            raise OptionError(
                f"sample_weight: method {self.name!r} does not use it where texts have candidates. "
                "Leave it out."
            )

    def calibrated_as(self, fitted: Classifier) -> FrozenMethod:
        """The method with the temperature of the classifier; its head begins with that one's."""
        assert isinstance(fitted, FrozenClassifier | CandidateClassifier)
        start = fitted if isinstance(fitted, FrozenClassifier) else None
        settings = replace(self.settings, temperature=fitted.temperature)
        return replace(self, settings=settings, start=start)

    def check_ready(self) -> None:
        """Refuse a head that has yet to learn from source classes."""
        if not self.head.ready:
            raise OptionError(
                f"method {self.name!r} has to learn from source classes first: call prepare(source,"
                " ...), or score it on episodes with source=DATASET (`fsl-nlp episodes` with "
                "--source DATA or --classes TRAIN,TEST). 'linear' and 'proto' need no source."
            )

    def learn(self, support: Dataset) -> Classifier:
        """The head, fitted on all examples and label texts; its temperature by cross-fitting."""
        return self._learn(support.labelled, support.unlabelled)

    def distil(
        self, support: Dataset, texts: Sequence[Example], probabilities: NDArray[np.float32]
    ) -> Classifier:
        """Learn from the labels of the support and from probabilities [n, N] of other texts."""
        return self._learn(support, texts, probabilities)

    def _learn(
        self,
        support: Dataset,
        unlabelled: Sequence[Example],
        probabilities: NDArray[np.floating[Any]] | None = None,
    ) -> Classifier:
        if has_candidates(support.examples):
            return self._choose_candidates(support, unlabelled)
        if self.candidates.blank is not None:
            raise OptionError(
                "blank: these examples have no candidates for the blank. Leave it out."
            )
        reader = self.reader_for(support.examples)
        label_rows, label_classes = self.read_label_texts(reader, support)
        classes = [*support.class_indices, *label_classes]
        check_covered(support, classes)
        rows = transform(self.head, np.concatenate([reader.read(support.examples), label_rows]))
        weights = TrainingWeights.of(support, classes, self.head.options().get("class_weight"))
        totals = weights.total(classes)
        vectors, packed, positions = pack(rows, classes, len(support.labels), totals)
        state = self._fit_head(vectors, packed, support.labels)
        fixed = self.settings.temperature
        calibration = (
            Calibration(fixed, 0, "option")
            if fixed
            else cross_fit_temperature(
                self.head,
                state,
                vectors,
                packed,
                positions[: len(support)],
                self.seed,
                reader.usual_temperature,
            )
        )
        temperature = calibration.temperature
        classifier = FrozenClassifier(
            support.labels, reader, self.head, state, temperature, self.metadata(), calibration
        )
        if not unlabelled:
            return classifier
        return learn_from_unlabelled(
            classifier,
            self.head,
            rows,
            classes,
            unlabelled,
            probabilities,
            weights=weights.rows,
            factors=weights.factors,
            default_temperature=temperature,
            fixed_temperature=fixed,
        )

    def _fit_head(self, vectors: Tensor, weights: Tensor, labels: Sequence[Label]) -> State:
        if self.start is None:
            return self.head.fit(vectors, weights)
        classes = [self.start.labels.index(label) for label in labels]
        return self.head.refit(vectors, weights, self.start.head_state, classes)

    def _choose_candidates(
        self, support: Dataset, unlabelled: Sequence[Example]
    ) -> CandidateClassifier:
        if unlabelled:
            raise DataError(
                f"Method {self.name!r} learns nothing from candidates without a label. Leave them "
                "out."
            )
        if self.head != ProtoHead():
            raise OptionError(
                "distance: candidates are compared by 'cosine' only. Leave the option out."
            )
        return CandidateClassifier.learn(
            self.encoder, support, self.candidates.blank, self.settings.temperature
        )

    def loaded(self) -> FrozenMethod:
        """The method with what it learned earlier, read from its folder if it has one."""
        return self

    def metadata(self) -> dict[str, Any]:
        """What `restore` needs besides the options of the method."""
        return {}

    def reader_for(self, examples: Sequence[Example]) -> Reader:
        """The reader for examples of this kind; their labels are ignored."""
        return Reader.for_examples(
            self.encoder, examples, self.settings.statistics, scaled=self.scales_mentions
        )

    def centring(self, examples: Sequence[Example]) -> Centring | None:
        """What each task's sentences with mentions are centred with; None where all tasks' are so
        with the same."""
        if not has_mentions(examples):
            return None
        return Centring.of(
            self.settings.statistics, self.encoder, examples, scaled=self.scales_mentions
        )

    def reader_at(self, centre: Matrix | None, scale: Matrix | None = None) -> Reader:
        """The reader that was fitted with this mean and this scale."""
        return Reader(self.encoder, centre, scale=scale)

    def read_label_texts(self, reader: Reader, dataset: Dataset) -> tuple[Matrix, list[int]]:
        """[m, D]: the vectors of label names and descriptions, and the class of each."""
        settings = self.settings
        return reader.read_label_texts(
            dataset, names=settings.label_names, descriptions=settings.descriptions
        )

    def restore(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> Classifier:
        """The classifier that `FrozenClassifier.state` or `CandidateClassifier.state` gave."""
        if "candidates" in settings:
            return CandidateClassifier.restore(
                self.encoder, self.candidates.blank, tensors, settings
            )
        state = {name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}
        centre, scale = (state.pop(tensor, None) for tensor in (CENTRE, SCALE))
        learned = [name for name in state if name.startswith(LEARNED)]
        parameters = {name.removeprefix(LEARNED): state.pop(name) for name in learned}
        head = self.head
        if isinstance(head, PreparedHead) and parameters:
            head = replace(head, parameters=parameters)
        reader: Reader = PairReader(self.encoder)
        if not settings.get("pairs", False):
            reader = self.reader_at(
                centre.numpy() if centre is not None else None,
                scale.numpy() if scale is not None else None,
            )
        temperature = float(settings["temperature"])
        calibration = Calibration.from_dict(settings.get("calibration"))
        return FrozenClassifier(
            labels, reader, head, state, temperature, self.metadata(), calibration
        )
