"""Methods that are meta-trained on source classes, then adapt to a task in a few gradient steps."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.heads.options import option
from fsl_nlp.inputs.kinds import MENTIONS, TEXT
from fsl_nlp.inputs.mentions import has_mentions
from fsl_nlp.inputs.support import DESCRIPTIONS, EXAMPLES, NAMES, SOURCE
from fsl_nlp.meta.algorithms import (
    MENTION_BODY,
    SUMMARIES,
    VECTOR_BODIES,
    Algorithm,
    find_algorithm,
)
from fsl_nlp.meta.bodies import BodySettings, VectorBody, vector_body
from fsl_nlp.meta.folder import Prepared, labels_of, load_prepared
from fsl_nlp.meta.head import NOT_TRAINED, MetaHead
from fsl_nlp.meta.inner import InnerSettings
from fsl_nlp.meta.ranks import Ranks
from fsl_nlp.meta.run import MetaTrainingResult, meta_train
from fsl_nlp.meta.settings import MetaSettings, TaskSize
from fsl_nlp.meta.tasks import Source
from fsl_nlp.meta.trainer import Training
from fsl_nlp.methods.base import Classifier, MethodCard, Tensors, take_options
from fsl_nlp.methods.frozen.method import FrozenMethod
from fsl_nlp.methods.frozen.reading import Reader
from fsl_nlp.methods.frozen.settings import FrozenSettings
from fsl_nlp.methods.meta.reading import MentionReader, RowReader
from fsl_nlp.splits import drop_shared, keep_classes
from fsl_nlp.types import Dataset, Example, Label
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.meta.encoder_body import EncoderBody
    from fsl_nlp.meta.mention_body import MentionBody

log = logging.getLogger("fsl_nlp")

LEAST_CLASSES = 4


@dataclass(frozen=True)
class PreparedSettings:
    """Where the meta-training is."""

    prepared: str | None = option(
        None, "folder that `fsl-nlp meta-train` wrote, as --from gives it"
    )


@dataclass(frozen=True)
class MetaMethod(FrozenMethod):
    """`prepared`: the folder of a finished meta-training; it is read when the method first fits."""

    head: MetaHead
    train: MetaSettings = field(default_factory=MetaSettings)
    prepared: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    # Of the tasks that it was trained on, and whether it reads mentions; None before training.
    shape: TaskSize | None = None
    mentions: bool = False
    # The corpora it learned from, without their examples.
    sources: tuple[Dataset, ...] = ()

    @classmethod
    def card(cls, name: str) -> MethodCard:
        """The summary and the paper of the algorithm."""
        summary, paper = SUMMARIES.get(name, ("", ""))
        example = "fsl-nlp meta-train clinc150:train --method {name} --out my-meta"
        return MethodCard(
            "meta", summary, "minutes once, then seconds", "fsl-nlp meta-train", paper, example
        )

    @classmethod
    def takes(cls, name: str) -> tuple[str, ...]:
        """Texts; mentions are read by bodies that were trained on them, and ignored by others."""
        return (TEXT, MENTIONS)

    @classmethod
    def learns_from(cls, name: str) -> tuple[str, ...]:
        """Source classes first."""
        return (EXAMPLES, NAMES, DESCRIPTIONS, SOURCE)

    @classmethod
    def default_settings(cls, name: str) -> tuple[Any, ...]:
        """The algorithm, and the settings of its steps, body, training and head."""
        settings = (InnerSettings(), BodySettings(), MetaSettings(), FrozenSettings())
        return (find_algorithm(name), *settings, PreparedSettings())

    @classmethod
    def build(
        cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]
    ) -> MetaMethod:
        """Options of the algorithm, its steps, its body, its training and of `FrozenSettings`."""
        known = dict(options)
        prepared = known.pop("prepared", None)
        if prepared is not None and not isinstance(prepared, str | Path):
            raise OptionError(f"prepared={prepared!r}: give the folder that meta-train wrote.")
        kinds = (Algorithm, InnerSettings, BodySettings, MetaSettings, FrozenSettings)
        algorithm, inner, body, train, own = take_options(name, known, *kinds)
        chosen = replace(find_algorithm(name), **algorithm)
        head = MetaHead(
            chosen,
            InnerSettings(**inner),
            _body(chosen, BodySettings(**body), encoder),
        )
        return cls(
            name,
            encoder,
            head,
            FrozenSettings(**own),
            seed,
            MetaSettings(**train),
            str(prepared) if prepared is not None else None,
            known,
        )

    def prepare(self, source: Dataset, *, way: int, shot: int, query: int) -> MetaMethod:
        """Meta-train on one corpus, on tasks of exactly this size."""
        return self.meta_train([source], TaskSize((way, way), (shot, shot), query))

    def meta_train(
        self,
        sources: Sequence[Dataset],
        shape: TaskSize,
        *,
        folder: Path | None = None,
        on_check: Callable[[Training], object] | None = None,
    ) -> MetaMethod:
        """Learn from one or more corpora. With a folder, an interrupted run goes on from there."""
        usable = usable_sources(sources, shape)
        reads_them = isinstance(self.head.body, VectorBody) or self.mention_body is not None
        mentions = reads_them and all(has_mentions(source.examples) for source in usable)
        if not mentions and any(has_mentions(source.examples) for source in usable):
            warnings.warn(
                "The mentions that sentences mark are not looked at. To use them, train on "
                "relations alone and with body='metric' or 'mentions'.",
                stacklevel=2,
            )
        trained = replace(self, shape=shape, mentions=mentions)
        rows = [trained.rows_of(source) for source in usable]
        found = meta_train(
            self.head,
            rows,
            shape,
            self.train,
            seed=self.seed,
            folder=folder,
            metadata={"method": self.name, "options": dict(self.given), **_about(self.encoder)},
            on_check=on_check,
        )
        known = tuple(Dataset((), s.labels, s.info, s.name) for s in usable)
        trained = replace(trained, head=found.head, sources=known)
        if folder is not None and Ranks.current().is_first:
            trained.to_prepared(found).save(folder)
        return trained

    def to_prepared(self, found: MetaTrainingResult) -> Prepared:
        """What is saved of a meta-training."""
        training = found.training
        assert self.shape
        assert self.head.parameters
        return Prepared(
            method=self.name,
            options={n: v for n, v in self.given.items() if n not in _own_options()},
            encoder=_about(self.encoder)["encoder"],
            seed=self.seed,
            shape=asdict(self.shape),
            mentions=self.mentions,
            sources=[{"name": s.name, "labels": labels_of(s)} for s in self.sources],
            training={
                "steps": training.step,
                "kept_step": training.best_step,
                "seconds_a_step": round(training.seconds / max(1, training.step), 3),
                "seconds_to_kept_step": round(training.best_seconds, 1),
                "slowed_tasks": training.diverged,
                "summary": found.summary,
                "checks": [asdict(check) for check in training.checks],
            },
            parameters=self.head.parameters,
        )

    def loaded(self) -> MetaMethod:
        """With what its folder holds."""
        if self.prepared is None:
            return self
        found = load_prepared(self.prepared)
        if found.method != self.name:
            raise OptionError(
                f"{self.prepared} holds a meta-trained {found.method!r}, not {self.name!r}. "
                f"Use method={found.method!r}, or another folder."
            )
        found.check_encoder(self.encoder, self.prepared)
        fixed = set(self.given) - _own_options()
        if changed := [n for n in sorted(fixed) if self.given[n] != found.options.get(n)]:
            raise OptionError(
                f"{', '.join(changed)} cannot be changed after meta-training; {self.prepared} "
                f"was trained with {found.options or 'the defaults'}."
            )
        method = self.build(self.name, self.encoder, self.seed, {**found.options, **self.given})
        way, shot = (tuple(found.shape[name]) for name in ("way", "shot"))
        shape = TaskSize(way, shot, found.shape["query"])
        head = replace(method.head, parameters=found.parameters)
        return replace(
            method, head=head, shape=shape, mentions=found.mentions, sources=found.datasets()
        )

    def reader_for(self, examples: Sequence[Example]) -> Reader:
        """The reader of what the body takes: vectors, rows of layers, or mentions."""
        mentions = self.mention_body
        if not self.mentions and mentions is None:
            if isinstance(self.head.body, VectorBody):
                return Reader(self.encoder, optional=(MENTIONS,))
            rows = cast("EncoderBody", self.head.body).rows
            return RowReader(self.encoder, optional=(MENTIONS,), rows=rows)
        if not has_mentions(examples):
            raise DataError(
                f"This {self.name} reads sentences that mark a head and a tail mention, and these "
                "do not. Train one on sentences without them, with body='metric'."
            )
        if mentions is None:
            return super().reader_for(examples)
        centre = mentions.centre_of(examples, self.head.parameters or {})
        return MentionReader(self.encoder, centre, body=mentions)

    def rows_of(self, source: Dataset) -> Source:
        """The rows and the classes of a corpus to learn from."""
        rows = self.reader_for(source.examples).read(source.examples)
        return Source(
            source.name,
            torch.from_numpy(rows).to(self.encoder.device),
            torch.tensor(source.class_indices),
        )

    def reader_at(self, centre: Matrix | None) -> Reader:
        """The reader that was fitted with this mean of its corpus."""
        if centre is None:
            return self.reader_for([])
        if self.mention_body is not None:
            return MentionReader(self.encoder, centre, body=self.mention_body)
        return super().reader_at(centre)

    @property
    def mention_body(self) -> MentionBody | None:
        """The body that reads marked mentions; None for other bodies."""
        body: Any = self.head.body
        return body if body.options().get("body") == MENTION_BODY else None

    def check_ready(self) -> None:
        """Refuse a method that is not meta-trained."""
        if not self.head.ready:
            raise OptionError(NOT_TRAINED)

    def note_shape(self, way: int, shot: int) -> None:
        """Say so where a task is larger than those of training."""
        if self.shape and (way > self.shape.way[1] or shot > self.shape.shot[1]):
            warnings.warn(
                f"{self.name} was meta-trained on {self.shape} tasks, and this one is {way}-way "
                f"{shot}-shot: that works, but training was for smaller tasks.",
                stacklevel=2,
            )

    def check(self, support: Dataset) -> None:
        """As it is once its folder is read."""
        if self.prepared is not None:
            self.loaded().check(support)
        else:
            super().check(support)

    def learn(self, support: Dataset) -> Classifier:
        """Adapt to the support set in a few steps."""
        if self.prepared is not None:
            return self.loaded().learn(support)
        sizes = torch.bincount(torch.tensor(support.class_indices))
        classifier = super().learn(support)
        self.note_shape(len(support.labels), int(sizes.max()))
        return classifier

    def restore(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> Classifier:
        """The classifier brings what was learned, so the folder it came from is not needed."""
        found = settings["prepared"]
        options = {**found["options"], **self.given}
        method = self.build(self.name, self.encoder, self.seed, options)
        method = replace(method, mentions=found["mentions"])
        return FrozenMethod.restore(method, labels, tensors, settings)

    def origin(self) -> dict[str, str]:
        """The sum of the meta-trained parameters, if they lie in a folder."""
        return {"prepared": load_prepared(self.prepared).sum} if self.prepared else {}

    def metadata(self) -> dict[str, Any]:
        """The options of the meta-training, and whether mentions are read."""
        kept = {n: v for n, v in self.given.items() if n not in _own_options()}
        return {"prepared": {"options": kept, "mentions": self.mentions}}


def usable_sources(sources: Sequence[Dataset], shape: TaskSize) -> list[Dataset]:
    """The corpora without classes that are too small, and with each class in one of them only."""
    needed = shape.shot[1] + shape.query
    usable: list[Dataset] = []
    for source in sources:
        sizes: dict[Label, int] = dict.fromkeys(source.labels, 0)
        for label in source.known_targets:
            sizes[label] += 1
        large = [label for label in source.labels if sizes[label] >= needed]
        kept = keep_classes(source, large)
        for earlier in usable:
            kept = drop_shared(kept, earlier)
        if len(kept.labels) < LEAST_CLASSES:
            raise DataError(
                f"{source.name} has {len(kept.labels)} classes that meta-training can use, and it "
                f"needs {LEAST_CLASSES}: each with {needed} examples (shot and query), none of "
                "them in an earlier source. Give more data, or ask for fewer shots or queries."
            )
        if (left := len(source.labels) - len(kept.labels)) > 0:
            warnings.warn(
                f"{left} classes of {source.name} are left out: with fewer than {needed} examples, "
                "or in an earlier source too.",
                stacklevel=3,
            )
        usable.append(kept)
    return usable


def _own_options() -> set[str]:
    """What may be set anew when a trained method is used."""
    return {f.name for f in fields(FrozenSettings)} | {"test_steps"}


def _about(encoder: TextEncoder) -> dict[str, dict[str, str]]:
    return {"encoder": {"name": encoder.name, "fingerprint": encoder.fingerprint}}


def _body(algorithm: Algorithm, settings: BodySettings, encoder: TextEncoder) -> Any:
    name = algorithm.body
    if name in VECTOR_BODIES:
        return vector_body(name, settings)
    from fsl_nlp.meta.encoder_body import EncoderBody
    from fsl_nlp.meta.mention_body import MentionBody

    kind = MentionBody if name == MENTION_BODY else EncoderBody
    # Second derivatives of bf16 are mostly noise; without inner steps there are none.
    precision = encoder.precision if algorithm.adapts == "none" else "fp32"
    return kind.build(name, settings, encoder, precision)
