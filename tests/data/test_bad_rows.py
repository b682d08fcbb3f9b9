"""Rows that cannot be used: what is said of them, and what is left out."""

from __future__ import annotations

import json

import pytest

from fsl_nlp.data import load_dataset
from fsl_nlp.errors import OptionError


def problem_lines(message: str) -> list[str]:
    return [line.strip() for line in message.split("\n") if line.startswith("  ")]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (",x", "the text is empty"),
        ('"  ",x', "the text is empty"),
        ("\u2028,x", "the text is empty"),
        ("a,", "the label is missing"),
        ('a," "', "the label is missing"),
        ("a,b,c", "too many fields: 3, and the header has 2"),
        ("查询物流", "too few fields: 1, and the header has 2"),
        ("a\0b,x", "the text holds a NUL character"),
        ("a,x\0", "the label holds a NUL character"),
        ('"a" b,x', "text follows a closing quote"),
        ('"a,x', "a quote opens here and is never closed"),
    ],
)
def test_bad_csv_rows(write, refusal, pairs, row, problem):
    file = write("a.csv", f"text,label\nfine,y\n{row}\nlast,z\n")
    message = refusal(file)
    assert message.startswith(f"{file}: 1 row cannot be used.\n  {file}:3: {problem}")
    assert message.endswith('leave them out with on_error="skip" (--on-error skip).')
    with pytest.warns(UserWarning, match=r"skipped 1 row \(line 3\)") as caught:
        data = load_dataset(file, on_error="skip")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert pairs(data) == [("fine", "y"), ("last", "z")]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"text": "a"', "invalid JSON at column"),
        ("nonsense", "invalid JSON at column 1"),
        ("[1]", "not a JSON object"),
        ('"a"', "not a JSON object"),
        ('{"label": "x"}', "the text is missing"),
        ('{"text": null, "label": "x"}', "the text is missing"),
        ('{"text": 5, "label": "x"}', "the text is not a string but 5 (int)"),
        ('{"text": ["a"], "label": "x"}', "the text is not a string but ['a'] (list)"),
        ('{"text": "", "label": "x"}', "the text is empty"),
        ('{"text": "a"}', "the label is missing"),
        ('{"text": "a", "label": NaN}', "the label is missing"),
        ('{"text": "a", "label": true}', "the label True (bool)"),
        ('{"text": "a", "label": 2.5}', "the label 2.5 (float)"),
        ('{"text": "a", "label": Infinity}', "the label inf (float)"),
        ('{"text": "a", "label": ["x"]}', "the label ['x'] (list)"),
        ('{"text": "a\\u0000", "label": "x"}', "the text holds a NUL character"),
        ('{"text": "a\\ud83d", "label": "x"}', "the text holds half a character"),
        ("[" * 100_000, "invalid JSON"),
    ],
)
def test_bad_json_lines(write, refusal, line, problem):
    good = '{"text": "fine", "label": "y"}'
    file = write("a.jsonl", f"{good}\n{line}\n")
    assert problem_lines(refusal(file))[0].startswith(f"{file}:2: {problem}")
    with pytest.warns(UserWarning, match=r"skipped 1 row \(line 2\)"):
        assert load_dataset(file, on_error="skip").texts == ["fine"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            '[\n {"text": "a", "label": 1},\n\n {"text": " ",\n "label": 2}\n]',
            "4: the text is empty",
        ),
        ('[{"text": "a", "label": 1},\n 3]', "2: not a JSON object"),
        ('{"v": 1, "data": [\n{"text": "a"},\n{"text": "b", "label": 1}]}', "2: the label is"),
        ('{"x": ["a",\n "b"],\n "y": [\n"c", 7]}', "4: the text is not a string but 7"),
        ('{"x:,]": ["a", ":,]}"],\n "y": [ \n]\n, "z": ["", "d"]}', "4: the text is empty"),
    ],
)
def test_lines_of_json_documents(write, refusal, content, problem):
    file = write("a.json", content)
    assert problem_lines(refusal(file))[0].startswith(f"{file}:{problem}")


def test_all_problems_come_together(write, refusal):
    file = write("a.csv", 'text,label\n,x\n"two\nlines",y\na\nb,\n"c" d,z\n"e\n')
    assert [line.removeprefix(f"{file}:")[:1] for line in problem_lines(refusal(file))] == [
        "2",
        "5",
        "6",
        "7",
        "8",
    ]


def test_long_lists_are_cut(write, refusal):
    file = write("a.csv", "text,label\n" + "fine,y\n" + ",x\n" * 33)
    lines = problem_lines(refusal(file))
    assert len(lines) == 21
    assert lines[-1] == "and 13 more"
    with pytest.warns(UserWarning, match=r"skipped 33 rows \(lines 3, 4, 5, 6, 7, ...\)\."):
        load_dataset(file, on_error="skip")


def test_skipping_every_row_is_an_error(write, refusal):
    message = refusal(write("a.csv", "text,label\n,x\n"), on_error="skip")
    assert "the text is empty" in message
    assert "No row is left" in message
    assert "No row is left" in refusal(write("a.jsonl", "nonsense\n"), on_error="skip")


def test_an_unclosed_quote_costs_one_line(write, refusal, pairs):
    content = 'text,label\n"where is it,track\nsend it back,return\n"hello, you",greet\n"a\nb",c\n'
    file = write("a.csv", content)
    assert problem_lines(refusal(file)) == [
        f"{file}:2: a quote opens here and is not closed before the next quote, on line 4"
    ]
    with pytest.warns(UserWarning, match="skipped 1 row"):
        data = load_dataset(file, on_error="skip")
    assert pairs(data) == [("send it back", "return"), ("hello, you", "greet"), ("a\nb", "c")]


def test_the_line_where_the_quote_opens_is_named(write, refusal):
    file = write("a.csv", 'text,label\n"one\ntwo","never closed\nd,e\n')
    assert problem_lines(refusal(file)) == [f"{file}:3: a quote opens here and is never closed"]


def test_an_unclosed_quote_in_the_header(write, refusal):
    file = write("a.csv", '"text,label\na,b\n')
    assert refusal(file) == f"{file}:1: a quote opens here and is never closed (in the header row)"


def test_line_numbers_count_physical_lines(write, refusal):
    file = write("a.csv", 'text,label\r\n"a\r\n\r\nb",x\r\n\r\nc\u2028d\u0085e\x0bf,y\r\n,z\r\n')
    assert problem_lines(refusal(file)) == [f"{file}:7: the text is empty"]


def test_doubles_are_merged(write):
    data = load_dataset(write("a.csv", "id,text,label\n1,a,x\n2, a ,x\n3,b,x\n4,a,x\n"))
    assert [(example.id, example.text) for example in data] == [("1", "a"), ("3", "b")]


def test_one_text_under_two_labels(write, refusal, pairs):
    file = write("a.csv", "text,label\n退货,return\nb,x\n 退货,refund\nc,x\n退货,return\n")
    message = refusal(file)
    assert message.startswith(f"{file}: 3 rows cannot be used.")
    assert problem_lines(message) == [
        f'{file}:2: "退货" has more than one label: {file}:2 "return", {file}:4 "refund"'
    ]
    with pytest.warns(UserWarning, match=r"skipped 3 rows \(lines 2, 4, 6\)"):
        data = load_dataset(file, on_error="skip")
    assert pairs(data) == [("b", "x"), ("c", "x")]


def test_numbers_and_strings_are_different_labels(write, refusal):
    rows = [{"text": "a", "label": 1}, {"text": "a", "label": "1"}]
    file = write("a.jsonl", "\n".join(map(json.dumps, rows)))
    assert f'{file}:1 1, {file}:2 "1"' in refusal(file)


def test_unknown_way_with_errors(write):
    with pytest.raises(OptionError, match="must be 'raise' or 'skip'"):
        load_dataset(write("a.csv", "text,label\na,b\n"), on_error="ignore")
