"""`together`: several methods, each with the encoder it likes, that answer as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from fsl_nlp.errors import OptionError
from fsl_nlp.heads.class_weight import BALANCED, MEANING
from fsl_nlp.heads.options import option
from fsl_nlp.inputs.kinds import PAIR, TEXT
from fsl_nlp.inputs.support import DESCRIPTIONS, EXAMPLES, NAMES, UNLABELLED, WEIGHTS
from fsl_nlp.methods.base import Classifier, Method, MethodCard, Tensors, take_options
from fsl_nlp.methods.combined.ensemble import Ensemble, member_states
from fsl_nlp.methods.combined.reference import check_same_encoder, read_member
from fsl_nlp.types import Dataset, Label

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder


# Between the seeds of two members: runs with neighbouring seeds must not share any.
_APART = 1000


@dataclass(frozen=True)
class TogetherSettings:
    """Which methods answer. A name that occurs twice is trained with two seeds."""

    members: str = option(
        "full, full@embedded:multilingual", "methods with commas; NAME@ENCODER has another encoder"
    )
    class_weight: str | Mapping[Any, float] | None = option(BALANCED, MEANING)

    def named(self) -> list[tuple[str, str]]:
        """(method, encoder) of each member; the encoder is "" where none is named."""
        texts = self.members.split(",")
        members = [member for text in texts if (member := read_member(text, "members"))]
        if len(members) < max(2, len(texts)):
            raise OptionError(
                f"members={self.members!r}: name two methods or more, with commas between them, "
                "such as 'full, linear@embedded:multilingual'."
            )
        return members


@dataclass(frozen=True)
class TogetherMethod(Method):
    """Averages the log-probabilities of its members.

    Where the mistakes of the members differ, the mean makes fewer.
    """

    name: str
    encoder: TextEncoder
    members: tuple[Method, ...]

    # What its default members take; `check` asks the members, and others may take more.
    input_kinds: ClassVar[tuple[str, ...]] = (TEXT, PAIR)
    # What its members learn from.
    learning_sources: ClassVar[tuple[str, ...]] = (
        EXAMPLES,
        NAMES,
        DESCRIPTIONS,
        UNLABELLED,
        WEIGHTS,
    )

    @classmethod
    def card(cls, name: str) -> MethodCard:
        """One card: the cost is that of the members."""
        summary = "Several methods answer as one; it takes what all of them take."
        return MethodCard("combined", summary, "the sum of its members")

    @classmethod
    def default_settings(cls, name: str) -> tuple[Any, ...]:
        """Only `TogetherSettings`; members are built with their defaults."""
        return (TogetherSettings(),)

    @classmethod
    def build(
        cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]
    ) -> TogetherMethod:
        """Builds each member with its encoder; `seed` is that of the first.

        Another class_weight than the default goes to all members.
        """
        from fsl_nlp.encoders import load_encoder
        from fsl_nlp.methods import build_method

        (settings,) = take_options(name, options, TogetherSettings)
        device = str(encoder.device)
        members = []
        class_weight = settings.pop("class_weight", BALANCED)
        member_options = {} if class_weight == BALANCED else {"class_weight": class_weight}
        for number, (method, encoder_name) in enumerate(TogetherSettings(**settings).named()):
            if method == name:
                raise OptionError(f"members: {name!r} cannot be a member of itself.")
            member_encoder = load_encoder(encoder_name, device=device) if encoder_name else encoder
            member_seed = seed + _APART * number
            members.append(
                build_method(method, member_encoder, seed=member_seed, options=member_options)
            )
        return cls(name, encoder, tuple(members))

    def origin(self) -> dict[str, str]:
        """The fingerprint of the encoder of each member."""
        return {f"encoder {i}": m.encoder.fingerprint for i, m in enumerate(self.members)}

    def trainings(self, support: Dataset) -> tuple[Method, ...]:
        """The trainings of all members."""
        return tuple(training for m in self.members for training in m.trainings(support))

    def check(self, support: Dataset) -> None:
        """Every member checks its part before any of them trains for minutes."""
        if support.unlabelled and not any(m.takes_unlabelled for m in self.members):
            raise OptionError("members: none of them learns from unlabelled texts. Leave them out.")
        for member in self.members:
            member.check(_part_for(member, support))

    def learn(self, support: Dataset) -> TogetherClassifier:
        """Fit every member; unlabelled examples go to members that learn from them."""
        return self._joined(tuple(m.learn(_part_for(m, support)) for m in self.members))

    def relearn(self, fitted: Classifier, support: Dataset) -> Classifier:
        """Each member learns again what it can; one that cannot refuses."""
        assert isinstance(fitted, TogetherClassifier)
        self.check(support)
        pairs = zip(self.members, fitted.models, strict=True)
        return self._joined(tuple(m.relearn(f, _part_for(m, support)) for m, f in pairs))

    def _joined(self, models: tuple[Classifier, ...]) -> TogetherClassifier:
        return TogetherClassifier(
            models[0].labels,  # of candidates, all positions
            models,
            (1.0,) * len(models),
            tuple(member.encoder.fingerprint for member in self.members),
        )

    def restore(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> TogetherClassifier:
        """The classifier that `TogetherClassifier.state` gave."""
        encoders = tuple(settings["encoders"])
        for member, saved in zip(self.members, encoders, strict=True):
            check_same_encoder(member.encoder, saved)
        models = tuple(
            member.restore(labels, *state)
            for member, state in zip(self.members, member_states(tensors, settings), strict=True)
        )
        return TogetherClassifier(labels, models, tuple(settings["weights"]), encoders)


def _part_for(member: Method, support: Dataset) -> Dataset:
    return support if member.takes_unlabelled else support.labelled


@dataclass(frozen=True)
class TogetherClassifier(Ensemble):
    """The fitted members; their encoders are saved by fingerprint."""

    encoders: tuple[str, ...]  # fingerprints

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        """The states of the members, with the fingerprints of their encoders."""
        tensors, settings = super().state()
        return tensors, {**settings, "encoders": list(self.encoders)}
