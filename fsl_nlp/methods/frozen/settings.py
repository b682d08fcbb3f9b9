"""Options of every frozen method, besides those of its head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fsl_nlp.heads.options import check_size, option, require_above, require_choice
from fsl_nlp.methods.frozen.statistics import STATISTICS
from fsl_nlp.prompts.template import check_blank


@dataclass(frozen=True)
class FrozenSettings:
    """Options of every frozen method, besides those of its head."""

    label_names: bool = option(True, "the name of a label is one more example of it")
    descriptions: bool = option(True, "the description of a label is one more example of it")
    temperature: float | None = option(
        None, "divides the scores; None learns it on the support set by cross-fitting"
    )
    statistics: Literal["background", "supports", "test"] = option(
        "background",
        "what sentences with mentions are centred on: the supports and generic sentences; the "
        "supports alone; or, in episodes, all supports of the table (transductive)",
    )
    none_margin: float = option(
        1.0, "episodes: standard deviations above other classes' scores that a class needs"
    )

    def __post_init__(self) -> None:
        if self.temperature is not None:
            require_above("temperature", self.temperature, 0)
        check_size("none_margin", self.none_margin)
        require_choice("statistics", self.statistics, STATISTICS)


@dataclass(frozen=True)
class CandidateSettings:
    """The option of `proto` for examples with candidates."""

    blank: str | None = option(None, "marks in a text where a candidate belongs, as #idiom#")

    def __post_init__(self) -> None:
        check_blank(self.blank, "a candidate")
