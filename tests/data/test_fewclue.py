"""FewCLUE's tasks of one sentence, from files with the quirks of the published ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fsl_nlp.data import load_dataset


@pytest.fixture
def put(tmp_path):
    """Writes a split of a task, an object a line."""

    def put(path: str, *rows: dict, end: str = "\n") -> Path:
        file = tmp_path / "fewclue" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = (json.dumps(row, ensure_ascii=False) + end for row in rows)
        file.write_bytes("".join(lines).encode())
        return tmp_path

    return put


def test_numbers_are_names(put):
    rows = (
        {"label": 103, "label_desc": "news_sports", "sentence": "赢了", "keywords": "", "id": 7},
        {"label": 9, "label_desc": "news_car", "sentence": "新车", "keywords": "车", "id": 9},
    )
    folder = put("tnews/train_0.json", *rows)
    data = load_dataset("tnews:train_0", data_dir=folder)
    assert data.labels == ("103", "9")
    assert data.texts == ["赢了", "新车"]
    assert [example.id for example in data] == ["7", "9"]
    assert data.info["103"].name == "news sports"
    names = {"label": "103", "label_desc": "news_sports", "label_zh": "体育"}
    other = {"label": "5", "label_desc": "news_x", "label_zh": "别的"}
    put("tnews/label_index2en2zh.json", names, other)
    info = load_dataset("tnews:train_0", data_dir=folder).info
    assert info["103"].name == "体育"
    assert info["103"].description == "news sports"
    assert info["9"].name == "news car"
    assert set(info) == {"103", "9"}


def test_windows_line_ends_and_unicode_line_separators(put):
    rows = (
        {"id": 0, "sentence": "一行\u2028两行", "label": "Negative"},
        {"id": 1, "sentence": "好\u0085", "label": "Positive"},
    )
    folder = put("eprstmt/dev_few_all.json", *rows, end="\r\n")
    data = load_dataset("eprstmt:dev_few_all", data_dir=folder)
    assert data.texts == ["一行\u2028两行", "好"]
    assert data.labels == ("Negative", "Positive")
    assert data.info == {}


def test_names_of_other_fields(put):
    row = {"label": 8, "label_des": "公共交通", "sentence": "地铁", "id": 1}
    folder = put("iflytek/dev_1.json", row)
    data = load_dataset("iflytek:dev_1", data_dir=folder)
    assert data.labels == ("8",)
    assert data.info["8"].name == "公共交通"
    folder = put("csldcp/train_4.json", {"content": "摘要", "label": "力学", "id": 3})
    data = load_dataset("csldcp:train_4", data_dir=folder)
    assert data.texts == ["摘要"]
    assert data.labels == ("力学",)


def test_unlabelled(put, refusal):
    folder = put("eprstmt/unlabeled.json", {"sentence": "好", "id": 4}, {"sentence": "好", "id": 5})
    assert "no label column" in refusal("eprstmt:unlabeled", data_dir=folder)
    data = load_dataset("eprstmt:unlabeled", data_dir=folder, labelled=False)
    assert data.texts == ["好", "好"]
    assert data.labels == ()


def test_doubles_stay(put):
    """Merged files of FewCLUE hold doubles; the published scores count them."""
    row = {"id": 0, "sentence": "好", "label": "Positive"}
    folder = put("eprstmt/train_few_all.json", row, row, {**row, "label": "Negative"})
    assert len(load_dataset("eprstmt:train_few_all", data_dir=folder)) == 3


@pytest.mark.parametrize("task", ["eprstmt", "tnews", "csldcp", "iflytek"])
def test_a_split_must_be_named(task, refusal, tmp_path):
    assert f"as in {task}:train_0" in refusal(task, data_dir=tmp_path)
