"""Methods that learn from source classes, then adapt to a task in a few gradient steps."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import torch

from fsl_nlp.data.generic import generic_mentions
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.inputs.kinds import MENTIONS, TEXT
from fsl_nlp.inputs.mentions import has_mentions
from fsl_nlp.inputs.support import DESCRIPTIONS, EXAMPLES, NAMES, SOURCE
from fsl_nlp.meta.algorithms import MENTION_BODY, Algorithm, find_algorithm
from fsl_nlp.meta.bodies import BodySettings, VectorBody
from fsl_nlp.meta.folder import load_prepared
from fsl_nlp.meta.head import NOT_TRAINED, MetaHead
from fsl_nlp.meta.inner import InnerSettings
from fsl_nlp.meta.ranks import Ranks
from fsl_nlp.meta.run import meta_train
from fsl_nlp.meta.settings import MetaSettings, TaskSize
from fsl_nlp.meta.tasks import Source
from fsl_nlp.meta.trainer import Training
from fsl_nlp.methods.base import Classifier, Method, MethodCard, Tensors, take_options
from fsl_nlp.methods.frozen.method import FrozenMethod
from fsl_nlp.methods.frozen.reading import Reader
from fsl_nlp.methods.frozen.settings import FrozenSettings
from fsl_nlp.methods.frozen.statistics import Centring
from fsl_nlp.methods.meta.adapting import adapted
from fsl_nlp.methods.meta.body import body_of
from fsl_nlp.methods.meta.preparing import encoder_entry, prepared_of
from fsl_nlp.methods.meta.reading import MentionReader, RowReader
from fsl_nlp.methods.meta.settings import PreparedSettings, changeable_options
from fsl_nlp.methods.meta.sources import usable_sources
from fsl_nlp.torch_state import own_torch_state
from fsl_nlp.types import Dataset, Example, Label
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.meta.encoder_body import EncoderBody
    from fsl_nlp.meta.mention_body import MentionBody


@dataclass(frozen=True)
class MetaMethod(FrozenMethod):
    """A method that is meta-trained on source classes.

    `prepared` is the folder of a finished meta-training; it is read at the first fit.
    """

    head: MetaHead
    train: MetaSettings = field(default_factory=MetaSettings)
    prepared: str | None = None
    # The options that the user set.
    user_options: Mapping[str, Any] = field(default_factory=dict)
    # The size of its training tasks, None before training; and whether it reads mentions.
    shape: TaskSize | None = None
    mentions: bool = False
    # The corpora it learned from, without their examples.
    sources: tuple[Dataset, ...] = ()
    # The sum of its parameters, if they come from a folder.
    parameters_sum: str = ""
    # Bodies are meta-trained on vectors without a scale.
    scales_mentions: ClassVar[bool] = False

    @classmethod
    def card(cls, name: str) -> MethodCard:
        """The summary and the paper of the algorithm."""
        algorithm = find_algorithm(name)
        example = "fsl-nlp meta-train clinc150:train --method {name} --out my-meta"
        return MethodCard(
            "meta",
            algorithm.summary,
            "minutes once, then seconds",
            "fsl-nlp meta-train",
            algorithm.paper,
            example,
        )

    @classmethod
    def takes(cls, name: str) -> tuple[str, ...]:
        """Texts and mentions; a body that was trained on plain texts ignores the mentions."""
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
        user_options = dict(options)
        prepared = user_options.pop("prepared", None)
        if prepared is not None and not isinstance(prepared, str | Path):
            raise OptionError(f"prepared={prepared!r}: give the folder that meta-train wrote.")
        kinds = (Algorithm, InnerSettings, BodySettings, MetaSettings, FrozenSettings)
        algorithm, inner, body, train, frozen = take_options(name, user_options, *kinds)
        chosen_algorithm = replace(find_algorithm(name), **algorithm)
        head = MetaHead(
            chosen_algorithm,
            InnerSettings(**inner),
            body_of(chosen_algorithm, BodySettings(**body), encoder),
        )
        return cls(
            name,
            encoder,
            head,
            FrozenSettings(**frozen),
            seed,
            MetaSettings(**train),
            str(Path(prepared).expanduser().absolute()) if prepared is not None else None,
            user_options,
        )

    def check_inputs(self, examples: Sequence[Example]) -> None:
        """Marks are ignored where the body does not read them, so only some may have them."""
        if not self.mentions and self.mention_body is None:
            examples = [replace(example, head=None, tail=None) for example in examples]
        super().check_inputs(examples)

    def prepare(self, source: Dataset, *, way: int, shot: int, query: int) -> MetaMethod:
        """Meta-train on one corpus, on tasks of exactly this size."""
        return self.meta_train([source], TaskSize((way, way), (shot, shot), query))

    @own_torch_state()
    def meta_train(
        self,
        sources: Sequence[Dataset],
        shape: TaskSize,
        *,
        folder: Path | None = None,
        on_check: Callable[[Training], object] | None = None,
        shown_seed: int | None = None,
    ) -> MetaMethod:
        """Learn from one or more corpora. With a `folder`, a stopped run continues from there.

        `shown_seed` is what the folder names as the seed, if `self.seed` was derived from another.
        """
        for source in sources:
            self.check_inputs(source.examples)
        usable = usable_sources(sources, shape)
        body_reads_mentions = (
            isinstance(self.head.body, VectorBody) or self.mention_body is not None
        )
        mentions = body_reads_mentions and all(has_mentions(source.examples) for source in usable)
        if not mentions and any(has_mentions(source.examples) for source in usable):
            warnings.warn(
                "The marked mentions of the sentences are ignored. To use them, train on relations "
                "only, with body='metric' or 'mentions'.",
                stacklevel=2,
            )
        trained = replace(self, shape=shape, mentions=mentions)
        rows = [trained.rows_of(source) for source in usable]
        training_result = meta_train(
            self.head,
            rows,
            shape,
            self.train,
            seed=self.seed,
            folder=folder,
            metadata={
                "method": self.name,
                "options": dict(self.user_options),
                **encoder_entry(self.encoder),
            },
            on_check=on_check,
        )
        source_labels = tuple(Dataset((), s.labels, s.info, s.name) for s in usable)
        trained = replace(trained, head=training_result.head, sources=source_labels)
        if folder is not None and Ranks.current().is_first:
            saved = prepared_of(trained, training_result)
            seed = saved.seed if shown_seed is None else shown_seed
            replace(saved, seed=seed).save(folder)
        return trained

    def loaded(self) -> MetaMethod:
        """The method with the content of its folder."""
        if self.prepared is None:
            return self
        saved = load_prepared(self.prepared)
        if saved.method != self.name:
            raise OptionError(
                f"{self.prepared} holds a meta-trained {saved.method!r}, not {self.name!r}. "
                f"Use method={saved.method!r}, or another folder."
            )
        saved.check_encoder(self.encoder, self.prepared)
        fixed = set(self.user_options) - changeable_options()
        if changed := [n for n in sorted(fixed) if self.user_options[n] != saved.options.get(n)]:
            raise OptionError(
                f"{', '.join(changed)} cannot be changed after meta-training; {self.prepared} "
                f"was trained with {saved.options or 'the defaults'}."
            )
        method = self.build(
            self.name, self.encoder, self.seed, {**saved.options, **self.user_options}
        )
        way, shot = (tuple(saved.shape[name]) for name in ("way", "shot"))
        shape = TaskSize(way, shot, saved.shape["query"])
        head = replace(method.head, parameters=saved.parameters)
        return replace(
            method,
            head=head,
            shape=shape,
            mentions=saved.mentions,
            sources=saved.datasets(),
            parameters_sum=saved.sum,
        )

    def reader_for(self, examples: Sequence[Example]) -> Reader:
        """The reader of what the body takes: vectors, rows of layers, or mentions."""
        mentions = self.mention_body
        if not self.mentions and mentions is None:
            if isinstance(self.head.body, VectorBody):
                return Reader(self.encoder, optional=(MENTIONS,))
            encoder_body = cast("EncoderBody", self.head.body)
            longest = encoder_body.settings.tokens
            return RowReader(
                self.encoder, optional=(MENTIONS,), rows=encoder_body.rows, longest=longest
            )
        if not has_mentions(examples):
            raise DataError(
                f"These sentences have no marked mentions, but this {self.name} was trained on "
                "sentences with a head and a tail. Train one on plain sentences: body='metric'."
            )
        if mentions is None:
            return super().reader_for(examples)
        if self.settings.statistics == "background":
            # The layers adapt, so the mean of a few supports would change with every step.
            examples = generic_mentions(example.text for example in examples) or examples
        centre = mentions.centre_of(examples, self.head.parameters or {})
        return MentionReader(self.encoder, centre, body=mentions)

    def rows_of(self, source: Dataset) -> Source:
        """The rows and the classes of a corpus to learn from, which is centred on itself."""
        settings = replace(self.settings, statistics="supports")
        rows = replace(self, settings=settings).reader_for(source.examples).read(source.examples)
        return Source(
            source.name,
            torch.from_numpy(rows).to(self.encoder.device),
            torch.tensor(source.class_indices),
        )

    def centring(self, examples: Sequence[Example]) -> Centring | None:
        """None for bodies that read mentions in layers, and for those that do not read them."""
        return super().centring(examples) if self.mentions and not self.mention_body else None

    def reader_at(self, centre: Matrix | None, scale: Matrix | None = None) -> Reader:
        """The reader that was fitted with this mean of its corpus."""
        if centre is None:
            return self.reader_for([])
        if self.mention_body is not None:
            return MentionReader(self.encoder, centre, body=self.mention_body)
        return super().reader_at(centre, scale)

    @property
    def mention_body(self) -> MentionBody | None:
        """The body that reads marked mentions; None for other bodies."""
        body: Any = self.head.body
        return body if body.options().get("body") == MENTION_BODY else None

    def calibrated_as(self, fitted: Classifier) -> MetaMethod:
        """The method that its folder holds, with the temperature of the classifier."""
        return cast("MetaMethod", FrozenMethod.calibrated_as(self.loaded(), fitted))

    def check_ready(self) -> None:
        """Refuse a method that is not meta-trained."""
        if not self.head.ready:
            raise OptionError(NOT_TRAINED)

    def note_shape(self, way: int, shot: int) -> None:
        """Warn if a task is larger than those of training."""
        if self.shape and (way > self.shape.way[1] or shot > self.shape.shot[1]):
            warnings.warn(
                f"{self.name} was meta-trained on {self.shape} tasks, and this one is {way}-way "
                f"{shot}-shot. It works, but training was for smaller tasks.",
                stacklevel=2,
            )

    def check(self, support: Dataset) -> None:
        """Check the method that its folder holds."""
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

    def adapt(self, fitted: Classifier, support: Dataset, new: int, steps: int) -> Classifier:
        """More steps from where the earlier ones ended, on the stored and the new examples."""
        self.check_inputs(support.examples)
        return adapted(self, fitted, support, new, steps)

    def restore(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> Classifier:
        """The saved classifier holds what was learned; the folder of the training is not needed."""
        return FrozenMethod.restore(self._as_saved(settings["prepared"]), labels, tensors, settings)

    def with_learned(self, fitted: Classifier) -> Method:
        """The method with the parameters of the classifier, so that edits need no folder either."""
        classifier: Any = fitted
        prepared = classifier.metadata["prepared"]
        if not prepared.get("sum"):  # of an older fsl_nlp, or of a method that was never saved
            return self
        return replace(self._as_saved(prepared), head=classifier.head)

    def _as_saved(self, prepared: Mapping[str, Any]) -> MetaMethod:
        """The method that `metadata` describes, without its parameters."""
        options = {**prepared["options"], **self.user_options}
        method = self.build(self.name, self.encoder, self.seed, options)
        learned = prepared.get("sum", "")
        return replace(method, mentions=prepared["mentions"], parameters_sum=learned)

    def origin(self) -> dict[str, str]:
        """The sum of the meta-trained parameters, if they come from a folder."""
        if self.prepared:
            return {"prepared": load_prepared(self.prepared).sum}
        return {"prepared": self.parameters_sum} if self.parameters_sum else {}

    def metadata(self) -> dict[str, Any]:
        """The options of the meta-training, whether mentions are read, the sum of parameters."""
        sums = {"sum": self.parameters_sum} if self.parameters_sum else {}
        return {"prepared": {"options": self.fixed_options, "mentions": self.mentions, **sums}}

    @property
    def fixed_options(self) -> dict[str, Any]:
        """The options that hold since the meta-training."""
        return {n: v for n, v in self.user_options.items() if n not in changeable_options()}
