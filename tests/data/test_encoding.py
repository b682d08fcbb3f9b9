"""UTF-8 and the encodings that are recognised beside it."""

from __future__ import annotations

import pytest

from fsl_nlp.data import load_dataset

CHINESE = "文本,标签\n查询物流,物流\n我想退货😀,售后\n"
PAIRS = [("查询物流", "物流"), ("我想退货😀", "售后")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf8(write, pairs, encoding):
    assert pairs(load_dataset(write("a.csv", CHINESE.encode(encoding)))) == PAIRS


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (CHINESE.encode("gb18030"), "GB18030"),
        (CHINESE.encode("utf-16"), "UTF-16"),
        (b"\xff\xfe" + CHINESE.encode("utf-16-le"), "UTF-16"),
        (b"\xfe\xff" + CHINESE.encode("utf-16-be"), "UTF-16"),
    ],
)
def test_other_encodings_are_recognised_and_said(write, pairs, data, name):
    file = write("a.csv", data)
    with pytest.warns(UserWarning, match="is not UTF-8: it was read as") as caught:
        assert pairs(load_dataset(file)) == PAIRS
    assert len(caught) == 1
    message = str(caught[0].message)
    assert message.startswith(f"{file} is not UTF-8: it was read as {name}.")
    assert f"iconv -f {name} -t UTF-8" in message
    assert caught[0].filename == __file__


@pytest.mark.parametrize("text", ["查", "我的包裹還沒有到，請幫我查詢", "退货" * 50])
def test_short_long_and_traditional_gb18030(write, text):
    with pytest.warns(UserWarning, match="GB18030"):
        data = load_dataset(write("a.csv", f"text,label\n{text},x\n".encode("gb18030")))
    assert data.texts == [text]


def test_jsonl_in_gb18030(write, pairs):
    with pytest.warns(UserWarning, match="GB18030"):
        data = load_dataset(write("a.jsonl", '{"text": "退货", "label": "售后"}'.encode("gb18030")))
    assert pairs(data) == [("退货", "售后")]


@pytest.mark.parametrize(
    "data",
    [
        "text,label\ndéjà vu,x\n".encode("latin-1"),
        # These bytes are GB18030 too, but what they would say is not Chinese.
        "text,label\nfür dich,größe\nmüde,größe\n".encode("latin-1"),
        "text,label\nこんにちは,挨拶\n".encode("shift-jis"),
        # A UTF-8 file with a broken character stays a UTF-8 file.
        "text,label\n查询物流我要退货,售后".encode() + "退".encode()[:2] + b"\n",
        "text,label\n查询物流我要退货,".encode() + "退货".encode("gb18030") + b"\n",
    ],
)
def test_anything_else_is_refused_with_its_offset(write, refusal, data):
    with pytest.raises(UnicodeDecodeError) as caught:
        data.decode()
    file = write("a.csv", data)
    message = refusal(file)
    assert message.startswith(f"{file}: the byte at offset {caught.value.start} (line 2) is not")
    assert "Save it as UTF-8" in message


def test_broken_utf16(write, refusal):
    data = "text,label\na,b\n".encode("utf-16") + b"\x00\xd8"
    assert "is not UTF-16" in refusal(write("a.csv", data))


def test_utf16_without_a_mark(write, refusal):
    message = refusal(write("a.csv", "text,label\na,b\n".encode("utf-16-le")))
    assert "UTF-16 without a byte order mark" in message


def test_both_warnings_can_come_together(write):
    file = write("a.csv", (CHINESE + ",x\n").encode("gb18030"))
    with (
        pytest.warns(UserWarning, match="GB18030"),
        pytest.warns(UserWarning, match=r"skipped 1 row \(line 4\)"),
    ):
        load_dataset(file, on_error="skip")
