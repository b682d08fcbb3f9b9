"""Options of every frozen method, besides those of its head."""

from __future__ import annotations

from dataclasses import dataclass

from fsl_nlp.errors import OptionError
from fsl_nlp.prompts.template import check_blank


@dataclass(frozen=True)
class FrozenSettings:
    """Options of every frozen method, besides those of its head.

    `label_names`, `descriptions`: the words of a label's name, its description, are one more
    example of it each.
    `temperature`: divides the scores; None learns it on the support set by cross-fitting.
    `none_margin`: in episodes with none-of-the-above queries, how far above the scores of
    strangers a query must score to belong to a class, in standard deviations.
    """

    label_names: bool = True
    descriptions: bool = True
    temperature: float | None = None
    none_margin: float = 1.0

    def __post_init__(self) -> None:
        if self.temperature is not None and not self.temperature > 0:
            raise OptionError(f"temperature={self.temperature!r}: must be greater than 0.")


@dataclass(frozen=True)
class CandidateSettings:
    """The option of `proto` for examples with candidates.

    `blank`: what stands in a text where a candidate belongs.
    """

    blank: str | None = None

    def __post_init__(self) -> None:
        check_blank(self.blank, "a candidate")
