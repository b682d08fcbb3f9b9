"""The result of a check of training data: for people, as JSON, as a page."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fsl_nlp.folders import PRIVATE_FILE, write_atomically
from fsl_nlp.intervals import Share
from fsl_nlp.linting.expectation import MORE, Gain
from fsl_nlp.linting.findings import Finding, Sentence
from fsl_nlp.output import one_line, without_nan
from fsl_nlp.types import Label
from fsl_nlp.vectors import Matrix

F = TypeVar("F", bound=Finding)
_SHOWN = 20
_NAMED = 5  # intents
_WORTH_NAMING = 0.0005  # of accuracy; less is shown as 0.0 points


@dataclass(frozen=True)
class LintReport:
    """What `lint` found.

    `findings` are ranked by harm. `accuracy` is that of `linear` on held-out texts: None where no
    text can be held out, because each label has one text. `gain` is what ten more texts of every
    intent would add, `gains` what ten more of one intent would. `vectors` [n, D] are those of the
    encoder.

    >>> from fsl_nlp import Dataset, lint
    >>> data = Dataset.from_texts(["where is it", "refund me", "Refund me!"], ["a", "b", "b"])
    >>> lint(data).headline
    'data: 3 texts, 2 intents, 3 findings.'
    """

    name: str
    encoder: str
    labels: tuple[Label, ...]
    sentences: tuple[Sentence, ...] = field(repr=False)
    findings: tuple[Finding, ...] = field(repr=False)
    accuracy: Share | None
    gain: Gain | None
    gains: tuple[Gain, ...] = field(repr=False)
    vectors: Matrix = field(repr=False, compare=False)
    seed: int = 0
    unlabelled: int = 0
    seconds: float = 0.0
    encoding_seconds: float = 0.0

    def of(self, kind: type[F]) -> tuple[F, ...]:
        """The findings of one class, such as `Mislabel`."""
        return tuple(finding for finding in self.findings if isinstance(finding, kind))

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for `json.dumps`."""
        content = {
            "name": self.name,
            "encoder": self.encoder,
            "texts": len(self.sentences),
            "unlabelled": self.unlabelled,
            "labels": list(self.labels),
            "accuracy": asdict(self.accuracy) if self.accuracy else None,
            "findings": [finding.to_dict() for finding in self.findings],
            "gain_of_ten_more": asdict(self.gain) if self.gain else None,
            "gains_of_ten_more": [asdict(gain) for gain in self.gains],
            "seconds": round(self.seconds, 2),
            "encoding_seconds": round(self.encoding_seconds, 2),
        }
        return dict(without_nan(content))

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the report with a map of the sentences, as one page that needs no network.

        The file holds the sentences, so it is for its owner alone until its rights are changed.
        """
        from fsl_nlp.linting.page import page
        from fsl_nlp.linting.projection import project

        positions = project(self.vectors, self.seed)
        target = Path(path)
        write_atomically(target, page(self, positions), mode=PRIVATE_FILE)
        return target

    def __str__(self) -> str:
        lines = [self.headline, self.expectation]
        if self.findings:
            lines.append("")
        lines += [f"{finding.kind}: {finding.summary}" for finding in self.findings[:_SHOWN]]
        if len(self.findings) > _SHOWN:
            lines.append(f"and {len(self.findings) - _SHOWN} more")
        return "\n".join([*lines, "", *self.advice])

    @property
    def headline(self) -> str:
        """The size of the data, and the number of findings."""
        count = len(self.findings)
        findings = "nothing found" if not count else f"{count} finding{'s'[: count > 1]}"
        left_out = f" ({self.unlabelled} more without a label)" if self.unlabelled else ""
        return (
            f"{one_line(self.name)}: {len(self.sentences)} texts{left_out}, "
            f"{len(self.labels)} intents, {findings}."
        )

    @property
    def expectation(self) -> str:
        """The expected accuracy in words."""
        if self.accuracy is None:
            return "Expected accuracy: cannot tell, because no label has two different texts."
        return f"Expected accuracy on texts like these: {self.accuracy}, of held-out texts."

    @property
    def advice(self) -> list[str]:
        """What ten more texts would bring, in lines."""
        if self.gain is None:
            return []
        if not self.gain.is_clear:
            return [f"What {MORE} more texts of an intent would bring: these texts cannot tell."]
        lines = [f"{MORE} more texts of every intent would bring {_points(self.gain)}."]
        helpful = [gain for gain in self.gains if gain.is_clear and gain.value >= _WORTH_NAMING]
        if helpful:
            names = (f"{one_line(gain.label)} ({_points(gain)})" for gain in helpful[:_NAMED])
            lines.append(f"{MORE} more of one intent would help most for {'; '.join(names)}.")
        return lines


def _points(gain: Gain) -> str:
    """A gain in points, with its interval."""
    low, high = 100 * gain.low, 100 * gain.high
    return f"about {100 * gain.value:.1f} points, {low:.1f} to {high:.1f}"
