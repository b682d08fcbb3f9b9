"""Tokens back to sentences: where spaces stand, and where every token went."""

from __future__ import annotations

import pytest

from fsl_nlp.data.detokenise import detokenise, splits_hyphens


def joined(text: str, *, split_hyphens: bool = False) -> str:
    return detokenise(text.split(" "), split_hyphens=split_hyphens).text


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("Ann , who left ; Bob : no ! yes ? ok .", "Ann, who left; Bob: no! yes? ok."),
        ("a ( b [ c ] ) d", "a (b [c]) d"),
        ("a -LRB- b -rrb- and -lsb- c -RSB-", "a (b) and [c]"),
        ("it costs $ 5 or 3 % of £ 9", "it costs $5 or 3% of £9"),
        ("ranked # 1 , at 53 ° north", "ranked #1, at 53° north"),
        ("Wait ... what", "Wait... what"),
        ("Ann 's dog ca n't , they 're sure I 'd go", "Ann's dog can't, they're sure I'd go"),
        ("Ann ’s dog is n’t here", "Ann’s dog isn’t here"),
        ("GEORGE 'S DOG DOES N'T", "GEORGE'S DOG DOESN'T"),
        ("Smith & Sons -- well , a + b", "Smith & Sons -- well, a + b"),
    ],
)
def test_punctuation(tokens, text):
    assert joined(tokens) == text


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("he said , `` Go . '' Then", 'he said, "Go." Then'),
        ("`` Go , '' he said , `` now . ''", '"Go," he said, "now."'),
        ("''It is , '' he said", '"It is," he said'),
        ("the end of it , '' he said", 'the end of it," he said'),
        ("of it , '' he said . `` Then", 'of it," he said. "Then'),
        ("they cried `` stop thief ! `` .", 'they cried "stop thief!".'),
        ('the film " Far Off " and " Near "', 'the film "Far Off" and "Near"'),
        ('the end of it . "', 'the end of it."'),
        ('he said : " Go', 'he said: "Go'),
        ('( " Far Off " )', '("Far Off")'),
    ],
)
def test_double_quotes(tokens, text):
    assert joined(tokens) == text


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("the girls ' team beat the boys ' team", "the girls' team beat the boys' team"),
        ("Guns N ' Roses", "Guns N' Roses"),
        ("the ' green ' one", "the 'green' one"),
        ("the 'green ' one", "the 'green' one"),
        ("' Green ' is in", "'Green' is in"),
        ("a saga , ' Soldier ' , and", "a saga, 'Soldier', and"),
        ("near the 3 ' end of the 5 ' region", "near the 3' end of the 5' region"),
        ("the dog of the Joneses '", "the dog of the Joneses'"),
    ],
)
def test_single_quotes(tokens, text):
    assert joined(tokens) == text


@pytest.mark.parametrize(
    ("tokens", "text", "split_hyphens"),
    [
        ("a 23 - year - old ( 1990 - 2010 )", "a 23-year-old (1990-2010)", True),
        ("a well-known man - or so", "a well-known man - or so", False),
        ("- Signed by Ann", "- Signed by Ann", True),
        ("the Ost – West line – a good one", "the Ost–West line – a good one", False),
        ("the AC / DC song", "the AC/DC song", False),
        ("caspase -mediated death", "caspase-mediated death", False),
        ("kinase ( erk ) /mapk , kinase 1 /2", "kinase (erk)/mapk, kinase 1/2", False),
        ("from -2 to -6 and -10", "from -2 to -6 and -10", False),
        ("il -6 , -7", "il-6, -7", False),
        ("anti- apoptotic but mid- and late", "anti-apoptotic but mid- and late", False),
        ("the station -is closed", "the station -is closed", False),
    ],
)
def test_hyphens_and_slashes(tokens, text, split_hyphens):
    assert joined(tokens, split_hyphens=split_hyphens) == text


def test_spans_are_those_of_the_tokens():
    tokens = ["``", "Ann", "'s", "\n", "end", "-rrb-", "''", " "]
    sentence = detokenise(tokens)
    assert sentence.text == '"Ann\'s end)"'
    written = [sentence.text[start:end] for start, end in sentence.spans]
    assert written == ['"', "Ann", "'s", "", "end", ")", '"', ""]


def test_white_space():
    assert detokenise([" ", "a\u00a0 b", "\n\n", "c", "\t"]).text == "a b c"
    assert detokenise([]).text == ""
    assert detokenise(["\n"]).spans == ((0, 0),)


def test_nothing_but_white_space_changes():
    """Whatever the tokens are, their characters come back in order."""
    marks = ["a", "'", '"', "-", "/", "-b", "c-", ",", "(", "$", "’", "–"]
    for first in marks:
        for second in marks:
            for third in marks:
                text = detokenise([first, second, third], split_hyphens=True).text
                assert text.replace(" ", "") == first + second + third


def test_conventions():
    assert splits_hyphens([["a", "long", "-", "lived", "one"]])
    assert not splits_hyphens([["a", "long-lived", "one", "-", "or", "is", "it-not"]])
    assert not splits_hyphens([["1990-2010", "I-95"]])
    assert not splits_hyphens([])
