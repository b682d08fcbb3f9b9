"""Sheets that are not one sentence a row, and files without a header row."""

from __future__ import annotations

import pytest

from fsl_nlp.data import load_dataset
from fsl_nlp.errors import OptionError

COLUMNS = [
    ("where is my parcel", "track_order"),
    ("give me my money back", "refund"),
    ("cancel my order", "cancel_order"),
    ("has it been shipped", "track_order"),
    ("I want a refund", "refund"),
]
ROWS = [
    ("where is my parcel", "track"),
    ("has it been shipped", "track"),
    ("send it back please", "return"),
    ("return this order", "return"),
    ("it does not fit me", "return"),
]


@pytest.mark.parametrize(
    "content",
    [
        "track_order,refund,cancel_order\n"
        "where is my parcel,give me my money back,cancel my order\n"
        "has it been shipped,I want a refund,\n",
        "track_order;refund;cancel_order;;\n"
        "where is my parcel;give me my money back;cancel my order;;\n"
        "has it been shipped;I want a refund;;;\n",
    ],
)
def test_one_label_a_column(write, pairs, content):
    with pytest.warns(UserWarning, match=r"read as one label a column.* track_order \(2\)") as seen:
        data = load_dataset(write("a.csv", content))
    assert len(seen) == 1
    assert pairs(data) == COLUMNS


def test_one_label_a_column_in_chinese(write, pairs):
    content = "物流,退款,取消\n我的快递到哪了,我要退钱,取消我的订单\n快递三天没动了,,不想要了取消\n"
    with pytest.warns(UserWarning, match="one label a column"):
        data = load_dataset(write("a.csv", content))
    assert pairs(data) == [
        ("我的快递到哪了", "物流"),
        ("我要退钱", "退款"),
        ("取消我的订单", "取消"),
        ("快递三天没动了", "物流"),
        ("不想要了取消", "取消"),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "intent,example 1,example 2,example 3",
        "Absicht,Satz1,Satz2,Satz3",
        "label,text,text 2,text 3",
        "意图,问法１,问法２,问法３",
        "intent,examples,,",
        "intent,,,",
    ],
)
def test_one_label_a_row(write, pairs, header):
    content = (
        f"{header}\ntrack,where is my parcel,has it been shipped,\n"
        "return,send it back please,return this order,it does not fit me\n"
    )
    with pytest.warns(UserWarning, match="read as one label a row, .* in 3 columns"):
        data = load_dataset(write("a.csv", content))
    assert pairs(data) == ROWS


@pytest.mark.parametrize(
    "content",
    [
        # questions and answers
        "Frage,Antwort\nWo ist mein Paket?,Es ist unterwegs.\nWo ist mein Geld?,Es kommt bald.\n",
        "用户怎么问,客服怎么答\n我的快递在哪里,您的快递在路上\n我的钱在哪里,您的钱明天到\n",
        # translations
        "English,Deutsch\nwhere is it,wo ist es\nsend it back,schick es zurück\n",
        # one intent a column, perhaps
        "shipping,refund\nwhere is it,give it back\nis it sent,send it back\n",
        "problem_description,solution_steps\nit is broken,turn it off\nit is lost,look again\n",
        "customer_asks,agent_says\nwhere is it,it is on the way\nis it sent,\n",
    ],
)
def test_sheets_of_sentences_that_may_be_anything(write, refusal, content):
    message = refusal(write("a.csv", content))
    assert "all columns hold sentences" in message
    assert "Write one sentence a row, with its intent beside it" in message
    assert "load_dataset(" not in message  # no column is named as the one to take


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("text,label,answer 1,answer 2\nis it here,a,it is here now,it is on the way\n", 1),
        ("text,label,\nis it here,a,a note of mine\nis it there,a,another note\n", 2),
        ("text,label,score 1,score 2\nis it here,a,0.5,0.7\n", 1),
    ],
)
def test_other_columns_beside_texts_and_labels_are_left_out(write, content, expected):
    data = load_dataset(write("a.csv", content))
    assert len(data) == expected
    assert data.texts[0] == "is it here"


def test_named_columns_are_not_reshaped(write, pairs):
    file = write("a.csv", "intent,text 1,text 2,text 3\nx,is it here,is it there,is it gone\n")
    assert pairs(load_dataset(file, text="text 2")) == [("is it there", "x")]


def test_columns_by_position(write, refusal, pairs):
    file = write("a.csv", "where is it,track\nis it sent,track\nsend it back,return\n")
    expected = [("where is it", "track"), ("is it sent", "track"), ("send it back", "return")]
    assert pairs(load_dataset(file, header=False)) == expected
    assert pairs(load_dataset(file, header=False, text="1", label="2")) == expected
    assert load_dataset(file, header=False, labelled=False).texts == [t for t, _ in expected]
    assert 'The columns are: "1", "2".' in refusal(file, header=False, text="text", label="2")


def test_labels_before_texts_are_not_taken_for_texts(write, refusal, pairs):
    file = write("a.csv", "track,where is it\ntrack,is it sent\nreturn,send it back\n")
    message = refusal(file)
    call = f'load_dataset("{file}", text="2", label="1", header=False)'
    assert call in message
    assert call in refusal(file, header=False)
    assert pairs(load_dataset(file, header=False, text="2", label="1")) == [
        ("where is it", "track"),
        ("is it sent", "track"),
        ("send it back", "return"),
    ]


def test_no_header_without_rows_and_columns(write, refusal):
    with pytest.raises(OptionError, match="has no header row: leave out header=False"):
        load_dataset(write("a.jsonl", '{"text": "a", "label": "b"}\n'), header=False)
    with pytest.raises(OptionError, match="for files that have rows and columns"):
        load_dataset("support_en", header=False)
    assert "has one column, and no labels" in refusal(write("a.csv", "a b\nc d\n"), header=False)
    assert "There is no file" in refusal("none.csv", header=False)
