"""An option that was renamed is still taken under its old name, with a warning."""

from __future__ import annotations

from typing import Any

import pytest

from fsl_nlp import TextEncoder
from fsl_nlp.errors import OptionError
from fsl_nlp.methods import build_method


@pytest.mark.parametrize(
    ("method", "old", "new"),
    [
        ("lora", "sharpness", "loss_temperature"),
        ("contrastive", "sharpness", "loss_temperature"),
        ("pet", "soften", "distillation_temperature"),
    ],
)
def test_an_old_name_gives_the_same_method(
    method: str, old: str, new: str, words: TextEncoder
) -> None:
    options: dict[str, Any] = {"templates": ["[MASK] {text}"]} if method == "pet" else {}
    with pytest.warns(DeprecationWarning, match=f"{old!r} is now {new!r}"):
        renamed = build_method(method, words, options={old: 0.25, **options})
    assert renamed == build_method(method, words, options={new: 0.25, **options})
    assert renamed != build_method(method, words, options=options)


def test_one_of_both_names(words: TextEncoder) -> None:
    with pytest.raises(OptionError, match=r"'sharpness' is the old name of 'loss_temperature'"):
        build_method("lora", words, options={"sharpness": 0.1, "loss_temperature": 0.2})


def test_an_old_name_of_another_method_is_unknown(words: TextEncoder) -> None:
    with pytest.raises(OptionError, match="method 'linear' has no option 'sharpness'"):
        build_method("linear", words, options={"sharpness": 0.1})
