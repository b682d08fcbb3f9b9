"""`describe`: every method says what it is, and every option what it means."""

from __future__ import annotations

from typing import Any

import pytest

from fsl_nlp import Dataset, TextEncoder
from fsl_nlp.errors import OptionError
from fsl_nlp.heads.options import options_of
from fsl_nlp.methods import METHODS, build_method, describe, describe_all
from fsl_nlp.methods.info import FAMILIES, check_method_options
from fsl_nlp.pretraining import AdaptSettings

every_method = pytest.mark.parametrize("name", ["auto", *METHODS])
KINDS = {"text", "pair", "mentions", "candidates"}
SOURCES = {
    "examples",
    "label names",
    "label descriptions",
    "unlabelled texts",
    "source classes",
    "example weights",
}


@every_method
def test_every_method_is_described(name: str) -> None:
    info = describe(name)
    assert info.name == name
    assert info.family in FAMILIES
    assert len(info.summary.splitlines()) == 1
    assert info.summary.endswith(".")
    assert info.cost
    assert set(info.inputs) <= KINDS
    assert "text" in info.inputs
    assert info.learns_from
    assert set(info.learns_from) <= SOURCES
    assert info.example.startswith("fsl-nlp ")


@every_method
def test_every_option_has_a_meaning_and_a_type(name: str) -> None:
    options = describe(name).options
    assert options
    assert len({option.name for option in options}) == len(options)
    for option in options:
        assert option.meaning, option.name
        assert option.type, option.name
        assert not option.choices or option.default in option.choices


@pytest.mark.parametrize("name", ["linear", "proto", "lora", "head", "prompt", "efl", "anil"])
def test_the_defaults_are_those_of_the_built_method(name: str, words: TextEncoder) -> None:
    """Every option with its default is taken, and changes nothing."""
    options = {o.name: o.default for o in describe(name).options}
    if name in ("prompt", "efl"):
        options.pop("embeddings")  # of tune=full alone
    if name == "anil":
        options.pop("prepared")
    built: Any = build_method(name, words, options=options)
    plain: Any = build_method(name, words)
    for field in ("settings", "train", "adaptation"):
        assert getattr(built, field, None) == getattr(plain, field, None)


def test_settings_of_adapt_have_meanings() -> None:
    assert all(info.meaning for info in options_of(AdaptSettings))


def test_the_families_stand_together() -> None:
    families = [info.family for info in describe_all()]
    assert families == sorted(families, key=FAMILIES.index)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("pet", {"seads": 2}, "method 'pet' has no option 'seads'. Did you mean seeds"),
        ("pet", {"seeds": "two"}, "seeds='two': must be a whole number. The default is 1."),
        ("zero-shot", {"rank": 3}, "method 'zero-shot' has no option 'rank'."),
        (
            "auto",
            {"tempurature": 1},
            "method 'auto' has no option 'tempurature'. Did you mean temp",
        ),
        ("maml", {"held_out": 1}, "held_out=1: must be true or false. The default is true."),
    ],
)
def test_options_are_checked_before_a_model_is_loaded(
    name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError) as caught:
        check_method_options(name, options)
    assert message in str(caught.value)


def test_an_unknown_method_gets_the_nearest() -> None:
    with pytest.raises(OptionError, match=r"no method 'lineer'\. Did you mean linear"):
        describe("lineer")


@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        ("linear", {}, 0),
        ("head", {}, 0),
        ("zero-shot", {}, 0),
        ("lora", {}, 1),
        ("together", {"members": "lora, linear, lora"}, 2),
        (
            "pet",
            {"templates": ["[MASK] {text}", "{text} [MASK]"], "seeds": 3, "generations": 1},
            12,
        ),
    ],
)
def test_the_trainings_of_a_fit_are_counted(
    name: str, options: dict[str, Any], count: int, words: TextEncoder
) -> None:
    support = Dataset.from_texts(["a b", "c d"], ["x", "y"])
    assert len(build_method(name, words, options=options).trainings(support)) == count
