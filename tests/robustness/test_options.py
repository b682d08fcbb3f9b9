"""Hostile values of options: only errors of fsl_nlp, at once."""

from __future__ import annotations

import math
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier
from fsl_nlp.errors import FslError, OptionError
from fsl_nlp.methods.info import OptionInfo, describe, describe_all

from ..conftest import WordEncoder
from .conftest import Rounds

HOSTILE: list[Any] = [
    *(math.nan, math.inf, -math.inf, 1e-300, 1e300, -1e300, 2**200, -(2**200), 10**10),
    *(0, -1, 1.5, "x", "", None, True, [], {}, b"x", object()),
]
TEXTS, LABELS = ["red one", "red two", "blue one", "blue two"], ["r", "r", "b", "b"]
FROZEN = [info.name for info in describe_all() if info.family == "frozen" and not info.needs]


def is_number(option: OptionInfo) -> bool:
    return "number" in option.type


@pytest.mark.parametrize("name", [info.name for info in describe_all() if info.name != "auto"])
def test_numbers_beyond_all_measure_are_refused(name: str, words: WordEncoder) -> None:
    """Whatever the method: before it loads anything."""
    for option in filter(is_number, describe(name).options):
        for value in (math.nan, math.inf, -math.inf, 1e-300, 1e300, 2**200, -(2**200)):
            model = FewShotClassifier(name, words, **{option.name: value})
            with pytest.raises(OptionError, match=f"^{option.name}="):
                model.fit(TEXTS, LABELS)


def test_every_value_of_an_option_fits_or_is_refused(rounds: Rounds, words: WordEncoder) -> None:
    names = FROZEN[: rounds(1, len(FROZEN))]
    tried = refused = longest = 0
    for name in names:
        for option in describe(name).options:
            for value in HOSTILE:
                model = FewShotClassifier(name, words, **{option.name: value})
                tried += 1
                try:
                    probabilities = model.fit(TEXTS, LABELS).predict_proba(TEXTS)
                except FslError as error:
                    longest = max(longest, len(str(error)))
                    refused += 1
                else:
                    assert math.isclose(float(probabilities.sum()), len(TEXTS), rel_tol=1e-6)
    assert tried > refused > tried / 2
    assert longest < 1000


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("seed", [2**200, 2**32, -1, "x", None, True, 1.5, math.nan]),
        ("budget", ["-3s", "x", -1, math.nan, True, [], "nans"]),
        ("method", ["x", "", None, 3, [], b"proto"]),
        ("device", ["gpu9", "", None, 3, [], "meta"]),
    ],
)
def test_arguments_of_the_classifier_are_checked(
    name: str, values: list[Any], words: WordEncoder
) -> None:
    encoder = "embedded:en" if name == "device" else words
    for value in values:
        model = FewShotClassifier(**{"encoder": encoder, name: value})
        with pytest.raises(OptionError, match=name):
            model.fit(TEXTS, LABELS)
