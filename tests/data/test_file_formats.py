"""Every format of file, and the files that are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fsl_nlp.data import load_dataset

PAIRS = [("where is my parcel", "track"), ("查询物流", "物流"), ("a, b", "send-back")]
LINES = "".join(
    json.dumps({"text": text, "label": label}, ensure_ascii=False) + "\n" for text, label in PAIRS
)
ROWS = [{"text": text, "label": label} for text, label in PAIRS]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'text,label\nwhere is my parcel,track\n查询物流,物流\n"a, b",send-back\n'),
        ("a.CSV", 'label,text\ntrack,where is my parcel\n物流,查询物流\nsend-back,"a, b"'),
        ("a.csv", "text;label\nwhere is my parcel;track\n查询物流;物流\na, b;send-back\n"),
        ("a.csv", "text\tlabel\nwhere is my parcel\ttrack\n查询物流\t物流\na, b\tsend-back\n"),
        ("a.csv", "text|label\nwhere is my parcel|track\n查询物流|物流\na, b|send-back\n"),
        (
            "a.csv",
            "sep=;\ntext;label\nwhere is my parcel;track\n查询物流;物流\na, b;send-back\n",
        ),
        (
            "a.csv",
            "\ufeffSEP=,\ntext,label,,\nwhere is my parcel,track,,\n查询物流,物流,,\n,,,\n"
            '"a, b",send-back,,\n',
        ),
        ("a.txt", "text\tlabel\nwhere is my parcel\ttrack\n查询物流\t物流\na, b\tsend-back\n"),
        ("a.tsv", "text\tlabel\nwhere is my parcel\ttrack\n查询物流\t物流\na, b\tsend-back\n"),
        ("a.jsonl", LINES),
        ("a.ndjson", LINES),
        ("a.json", LINES),
        ("a.json", json.dumps(ROWS)),
        ("a.json", "\n " + json.dumps(ROWS, indent=2, ensure_ascii=False)),
        ("a.json", json.dumps({"version": 1, "data": ROWS}, indent=1)),
        ("a.json", '{"data": [\n{"text": "x", "label": "y"}]}'),
        ("a.json", json.dumps({label: [text] for text, label in PAIRS})),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_text_formats(write, pairs, name, content, line_end):
    data = load_dataset(write(name, content.replace("\n", line_end)))
    expected = [("x", "y")] if '"y"' in content else PAIRS
    assert pairs(data) == expected
    assert data.name == "a"
    assert set(data.labels) == {label for _, label in expected}


def test_blank_lines_are_left_out(write, pairs):
    file = write("a.csv", "\n  \ntext,label\n\na,b\n   \n\r\nc,d\n\n")
    assert pairs(load_dataset(file)) == [("a", "b"), ("c", "d")]
    file = write("a.jsonl", '\n{"text": "a", "label": "b"}\n \n\r\n{"text": "c", "label": "d"}\n')
    assert pairs(load_dataset(file)) == [("a", "b"), ("c", "d")]


def test_texts_and_labels_are_stripped(write, pairs):
    file = write("a.csv", 'text,label\n  a b ,  c d \n" e\n","\tf "\n')
    assert pairs(load_dataset(file)) == [("a b", "c d"), ("e", "f")]


def test_one_object_in_a_json_file_is_a_line(write, pairs):
    assert pairs(load_dataset(write("a.json", '{"text": "a", "label": 1}'))) == [("a", 1)]


def test_label_map_may_name_a_label_data(write, pairs):
    file = write("a.json", '{"data": ["a"], "other": ["b", "c"]}')
    assert pairs(load_dataset(file)) == [("a", "data"), ("b", "other"), ("c", "other")]


def test_quotes_inside_an_unquoted_field_are_text(write, pairs):
    file = write("a.csv", 'text,label\nthe 5" screen broke,"a ""b"""\n')
    assert pairs(load_dataset(file)) == [('the 5" screen broke', 'a "b"')]


def test_csv_labels_are_strings_and_json_labels_keep_their_type(write):
    assert load_dataset(write("a.csv", "text,label\na,1\nb,2.5\nc,true\n")).targets == [
        "1",
        "2.5",
        "true",
    ]
    lines = '{"text": "a", "label": 1}\n{"text": "b", "label": "1"}\n{"text": "c", "label": 2.0}\n'
    data = load_dataset(write("a.jsonl", lines))
    assert data.targets == [1, "1", 2]
    assert [type(label) for label in data.targets] == [int, str, int]


def test_ids(write):
    file = write("a.csv", "ID,text,label\n7,a,x\n,b,y\n")
    assert [example.id for example in load_dataset(file)] == ["7", None]
    file = write("a.jsonl", '{"guid": "dev-1", "text": "a", "label": 1}\n')
    assert load_dataset(file).examples[0].id == "dev-1"
    file = write("a.jsonl", '{"idx": 3, "text": "a", "label": 1}\n{"text": "b", "label": 1}\n')
    assert [example.id for example in load_dataset(file)] == ["3", None]


def test_texts_without_labels(write, pairs, refusal):
    file = write("questions.csv", "text\nwhere is it\n退货\nwhere is it\n")
    message = refusal(file)
    assert "In Python, pass labelled=False." in message
    assert f"`fsl-nlp predict FOLDER --file {file}`" in message
    data = load_dataset(file, labelled=False)
    # Answers are written beside the questions, so doubles stay.
    assert pairs(data) == [("where is it", None), ("退货", None), ("where is it", None)]
    assert data.labels == ()


def test_labels_are_read_where_there_are_some(write, pairs):
    file = write("a.csv", "text,label\na,x\nb,\nb,y\n")
    assert pairs(load_dataset(file, labelled=False)) == [("a", "x"), ("b", None), ("b", "y")]
    file = write("a.csv", "text,label,intent\na,x,y\n")
    assert pairs(load_dataset(file, labelled=False)) == [("a", None)]
    assert pairs(load_dataset(file, labelled=False, label="intent")) == [("a", "y")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", ""),
        ("a.csv", "\n \n"),
        ("a.csv", "text,label\n"),
        ("a.csv", "text,label"),
        ("a.csv", "\ufefftext,label\r\n\r\n"),
        ("a.tsv", ""),
        ("a.jsonl", ""),
        ("a.jsonl", "\n\n"),
        ("a.json", ""),
        ("a.json", "[]"),
        ("a.json", "{}"),
        ("a.json", '{"data": []}'),
        ("a.json", '{"label": []}'),
    ],
)
def test_files_without_rows(write, refusal, name, content):
    file = write(name, content)
    assert refusal(file).startswith(f"{file} holds no rows")


def test_a_file_with_only_a_header_says_so(write, refusal):
    assert "below its header" in refusal(write("a.csv", "text,label\n"))


def test_missing_file(tmp_path: Path, refusal):
    assert refusal(tmp_path / "no.csv") == f"There is no file {tmp_path / 'no.csv'}."
    assert refusal("no.csv") == "There is no file no.csv."


def test_folder(tmp_path: Path, refusal):
    assert refusal(tmp_path).startswith(f"{tmp_path} is a folder. Name a file in it, or a folder")


def test_a_text_on_each_line(write, refusal):
    path = write("logs.txt", "where is it\r\n\nsend it back\n")
    assert load_dataset(path, labelled=False).texts == ["where is it", "send it back"]
    assert "logs.txt has no labels." in refusal(path)


EXCEL_TEXT = "问题\t意图\r\n快递到哪了\t物流\r\n我要退货\t退货\r\n"


def test_unicode_text_of_excel(write, pairs):
    file = write("bot.txt", EXCEL_TEXT.encode("utf-16"))
    with pytest.warns(UserWarning, match="read as UTF-16"):
        assert pairs(load_dataset(file)) == [("快递到哪了", "物流"), ("我要退货", "退货")]
    with pytest.warns(UserWarning, match="read as UTF-16"):
        assert load_dataset(file, labelled=False).texts == ["快递到哪了", "我要退货"]


def test_tabs_in_lines_of_text_do_not_make_a_table(write, refusal):
    file = write("logs.txt", "where is it\tnow\nsend\tit\tback\nhi\n")
    assert load_dataset(file, labelled=False).texts == [
        "where is it\tnow",
        "send\tit\tback",
        "hi",
    ]
    assert "logs.txt has no labels." in refusal(file)


def test_a_table_in_a_txt_file_with_other_names(write, pairs, refusal):
    file = write("a.txt", "Satz\tArt\nwo ist es\tversand\ngeld zurück\terstattung\n")
    expected = [("wo ist es", "versand"), ("geld zurück", "erstattung")]
    assert pairs(load_dataset(file, text="Satz", label="Art")) == expected
    assert load_dataset(file, text="Satz", labelled=False).texts == [t for t, _ in expected]
    assert 'The columns are: "Satz", "Art".' in refusal(file)
    file = write("b.txt", "wo ist es\tversand\ngeld zurück\terstattung\n")
    assert pairs(load_dataset(file, header=False)) == expected


def test_the_line_that_names_the_separator_counts(write, refusal):
    assert "a.csv:4: the text is empty" in refusal(write("a.csv", "sep=;\ntext;label\nb;c\n;x\n"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("text;label\na, b;x\nc, d;y\n", [("a, b", "x"), ("c, d", "y")]),
        ('text,label\n"a;b",x\nc;d,y\n', [("a;b", "x"), ("c;d", "y")]),
        ("text\tlabel, or none\na, b\tx\nc\ty\n", None),
        ('text,label\n"a\r\nb",x\r\nc,y\nd,z\r\n', [("a\r\nb", "x"), ("c", "y"), ("d", "z")]),
        ("text,label\na,b,,\nc,d,\n", [("a", "b"), ("c", "d")]),
    ],
)
def test_the_separator_divides_all_rows_alike(write, pairs, content, expected):
    file = write("a.csv", content)
    if expected is None:
        assert pairs(load_dataset(file, label="label, or none")) == [("a, b", "x"), ("c", "y")]
    else:
        assert pairs(load_dataset(file)) == expected


def test_columns_without_a_name(write, pairs, refusal):
    file = write("a.csv", ",text,,label,\n1,a,,x,\n2,b,,y,\n")
    assert pairs(load_dataset(file)) == [("a", "x"), ("b", "y")]
    assert pairs(load_dataset(file, label="column 1")) == [("a", "1"), ("b", "2")]
    assert '"column 1", "text", "label"' in refusal(file, text="none")


def test_a_device_is_no_file(tmp_path, refusal):
    (tmp_path / "a.csv").symlink_to("/dev/zero")
    assert "a.csv is neither a file nor a pipe" in refusal(tmp_path / "a.csv")


def test_unknown_extension(write, refusal):
    message = refusal(write("a.docx", "x"))
    assert "the extension .docx is not supported" in message
    for known in (".csv", ".tsv", ".xlsx", ".jsonl", ".ndjson", ".json", ".parquet"):
        assert known in message
    assert "without an extension" in refusal(write("train", "x"))


def test_unreadable_file(write, refusal, monkeypatch):
    file = write("a.csv", "text,label\na,b\n")

    def refuse(_path: Path, _mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert refusal(file) == f"{file} cannot be read: Permission denied."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[\n{"text": "a",\n]', "a.json:3: invalid JSON at column 1"),
        ('{"a": 1,\n "b": 2}', "the shape of this JSON is not supported"),
        ('"text"', "the shape of this JSON is not supported"),
        ("text,label", "a.json:1: invalid JSON at column 1"),
        ("[" * 100_000, "a.json:1: invalid JSON"),
    ],
)
def test_bad_json_documents(write, refusal, content, message):
    assert message in refusal(write("a.json", content))


def test_old_mac_line_ends(write, pairs):
    assert pairs(load_dataset(write("a.csv", "text,label\ra,b\r"))) == [("a", "b")]


def test_home_folder_is_expanded(write, pairs, monkeypatch):
    file = write("a.csv", "text,label\na,b\n")
    monkeypatch.setenv("HOME", str(file.parent))
    monkeypatch.setenv("USERPROFILE", str(file.parent))
    assert pairs(load_dataset("~/a.csv")) == [("a", "b")]
