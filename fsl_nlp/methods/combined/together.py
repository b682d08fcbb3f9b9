"""`together`: several methods, each with the encoder it likes, that answer as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fsl_nlp.errors import OptionError
from fsl_nlp.heads.options import option
from fsl_nlp.inputs.kinds import PAIR, TEXT
from fsl_nlp.inputs.support import DESCRIPTIONS, EXAMPLES, NAMES, UNLABELLED
from fsl_nlp.methods.base import Method, MethodCard, Tensors, take_options
from fsl_nlp.methods.combined.ensemble import Ensemble, member_states
from fsl_nlp.methods.combined.reference import check_same_encoder, read_member
from fsl_nlp.types import Dataset, Label

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder


# Between the seeds of two members, so that runs of neighbouring seeds share none.
_APART = 1000


@dataclass(frozen=True)
class TogetherSettings:
    """Which methods answer. A name that stands twice is trained from two seeds."""

    members: str = option(
        "full, full@embedded:multilingual", "methods with commas; NAME@ENCODER has another encoder"
    )

    def named(self) -> list[tuple[str, str]]:
        """(method, encoder or nothing)."""
        read = [read_member(text, "members") for text in self.members.split(",")]
        found = [member for member in read if member is not None]
        if len(found) < max(2, len(read)):
            raise OptionError(
                f"members={self.members!r}: name two methods or more, with commas between them, "
                "such as 'full, linear@embedded:multilingual'."
            )
        return found


@dataclass(frozen=True)
class TogetherMethod(Method):
    """The log-beliefs of its members are averaged: where their mistakes differ, the mean makes
    fewer (docs/tuning.md).
    """

    name: str
    encoder: TextEncoder
    members: tuple[Method, ...]

    @classmethod
    def card(cls, name: str) -> MethodCard:
        summary = "Several methods answer as one: the mean of their log-probabilities."
        return MethodCard("combined", summary, "the sum of its members")

    @classmethod
    def takes(cls, name: str) -> tuple[str, ...]:
        """Texts and pairs, as tuned members do; of others, what all members take."""
        return (TEXT, PAIR)

    @classmethod
    def learns_from(cls, name: str) -> tuple[str, ...]:
        """What its members learn from."""
        return (EXAMPLES, NAMES, DESCRIPTIONS, UNLABELLED)

    @classmethod
    def default_settings(cls, name: str) -> tuple[Any, ...]:
        return (TogetherSettings(),)

    @classmethod
    def build(
        cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]
    ) -> TogetherMethod:
        from fsl_nlp.encoders import load_encoder
        from fsl_nlp.methods import build_method

        (own,) = take_options(name, options, TogetherSettings)
        device = str(encoder.device)
        members = []
        for number, (method, other) in enumerate(TogetherSettings(**own).named()):
            if method == name:
                raise OptionError(f"members: {name!r} cannot be a member of itself.")
            reads = load_encoder(other, device=device) if other else encoder
            members.append(build_method(method, reads, seed=seed + _APART * number))
        return cls(name, encoder, tuple(members))

    def origin(self) -> dict[str, str]:
        return {f"encoder {i}": m.encoder.fingerprint for i, m in enumerate(self.members)}

    def trainings(self, support: Dataset) -> tuple[Method, ...]:
        return tuple(training for m in self.members for training in m.trainings(support))

    def check(self, support: Dataset) -> None:
        """Every member checks its part before any of them trains for minutes."""
        if support.unlabelled and not any(m.takes_unlabelled for m in self.members):
            raise OptionError("members: none of them learns from unlabelled texts. Leave them out.")
        for member in self.members:
            member.check(_part_for(member, support))

    def learn(self, support: Dataset) -> TogetherClassifier:
        """Members that learn from unlabelled examples get them, the others do not."""
        models = tuple(member.learn(_part_for(member, support)) for member in self.members)
        return TogetherClassifier(
            support.labels,
            models,
            (1.0,) * len(models),
            tuple(member.encoder.fingerprint for member in self.members),
        )

    def restore(
        self, labels: tuple[Label, ...], tensors: Tensors, settings: Mapping[str, Any]
    ) -> TogetherClassifier:
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
    encoders: tuple[str, ...]  # fingerprints

    def state(self) -> tuple[Tensors, dict[str, Any]]:
        tensors, settings = super().state()
        return tensors, {**settings, "encoders": list(self.encoders)}
