"""The language of templates: what each part means, and where each mistake is."""

from __future__ import annotations

import pytest

from fsl_nlp.errors import OptionError
from fsl_nlp.prompts import Template
from fsl_nlp.prompts.template import FieldPart, MaskPart, SoftPart, Words


def test_parts() -> None:
    parts = Template("[SOFT:新闻]{text:start} 这是[MASK*2][SOFT*2]{text_b:keep}{{x}}").parts
    assert parts == (
        SoftPart("新闻"),
        FieldPart("text", "start"),
        Words(" 这是"),
        MaskPart(2),
        SoftPart(),
        SoftPart(),
        FieldPart("text_b", "keep"),
        Words("{x}"),
    )


def test_brackets_that_mean_nothing_stay() -> None:
    assert Template("[a] {text} [MASK]").parts[0] == Words("[a] ")


def test_marked_words_are_kept_whole() -> None:
    assert Template("{text}{tail}[MASK]{head}").parts[1] == FieldPart("tail", "keep")


@pytest.mark.parametrize(
    ("source", "what", "column"),
    [
        ("{text}", "there is no mask", 6),
        ("很{txt}[MASK]", "there is no field 'txt'", 3),
        ("新闻{text[MASK]", "this { has no }", 4),
        ("{text}} [MASK]", "this } has no {", 6),
        ("{text:left}[MASK]", "'left' is not a way to shorten", 6),
        ("{text}[MASK", "write [MASK]", 6),
        ("{text}[MASK*0]", "at least one token", 6),
        ("{text}[SOFT:]", "at least one token", 6),
        ("{text}[MASK:好]", "a mask takes no word", 6),
        ("{text}[MASK]和[MASK]", "there is a mask already", 14),
        ("[MASK]。", "there is no field", 8),
    ],
)
def test_a_mistake_is_shown_with_a_caret(source: str, what: str, column: int) -> None:
    """The caret stands under the place as a terminal shows it: Chinese is two columns wide."""
    with pytest.raises(OptionError) as caught:
        Template(source)
    message, template, caret = str(caught.value).split("\n")
    assert message.startswith("template: ")
    assert what in message
    assert template == f"  {source}"
    assert caret == f"  {' ' * column}^"


def test_a_blank_is_the_mask() -> None:
    assert Template("{text}", blank="#idiom#").mask == MaskPart()
    with pytest.raises(OptionError, match=r"Leave \[MASK\] out"):
        Template("{text}[MASK]", blank="#idiom#")
    with pytest.raises(OptionError, match="must occur once"):
        Template("{text}{text}", blank="#idiom#")
    with pytest.raises(OptionError, match="blank=''"):
        Template("{text}", blank="")


def test_what_is_no_text() -> None:
    with pytest.raises(OptionError, match="template=3: must be a text"):
        Template(3)  # type: ignore[arg-type]
