"""FewCLUE's tasks of one sentence, from files with the quirks of the published ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fsl_nlp.data import load_dataset
from fsl_nlp.data.fewclue_prompts import read_prompts, task_prompts
from fsl_nlp.errors import DataError

TASKS = ["eprstmt", "tnews", "csldcp", "iflytek", "ocnli", "bustm", "csl", "chid", "cluewsc"]


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
    assert data.info["Positive"].words == ("很",)
    assert data.info["Positive"].name is None


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


@pytest.mark.parametrize("task", TASKS)
def test_a_split_must_be_named(task, refusal, tmp_path):
    assert f"as in {task}:train_0" in refusal(task, data_dir=tmp_path)


def test_pairs(put):
    row = {"id": 3, "sentence1": "他走了\u2028吗", "sentence2": "他去哪", "label": "0"}
    data = load_dataset(
        "bustm:train_0", data_dir=put("bustm/train_0.json", row, {**row, "label": "1"}, end="\r\n")
    )
    example = data.examples[0]
    assert (example.text, example.text_b) == ("他走了\u2028吗", "他去哪")
    assert (example.label, example.id) == ("0", "3")
    assert data.info["0"].words == ("不",)


def test_keywords(put, refusal):
    row = {"id": 1, "abst": "摘要", "keyword": ["图像", "噪声"], "label": "1"}
    folder = put("csl/train_0.json", row, {**row, "label": "0"})
    assert load_dataset("csl:train_0", data_dir=folder).examples[0].text_b == "图像、噪声"
    put("csl/train_1.json", {**row, "keyword": []})
    assert "1: 'keyword' is not a list" in refusal("csl:train_1", data_dir=folder)


IDIOM = {
    "id": 24,
    "content": "他#idiom#地走了",
    "candidates": [
        "一心一意",
        "三心二意",
        "四面八方",
        "五光十色",
        "六神无主",
        "七上八下",
        "九死一生",
    ],
    "answer": 4,
}


def test_idioms(put):
    data = load_dataset(
        "chid:dev_0", data_dir=put("chid/dev_0.json", IDIOM, {**IDIOM, "answer": 0})
    )
    assert data.labels == (0, 4)
    assert data.examples[0].candidates[4] == "六神无主"
    assert data.examples[0].label == 4
    assert data.examples[0].text.count("#idiom#") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"candidates": IDIOM["candidates"][:6]}, "there are 6 candidates, not 7"),
        ({"candidates": None}, "there are 0 candidates, not 7"),
        ({"answer": 7}, "the answer 7 is not 0 to 6"),
        ({"answer": None}, "the label is missing"),
        ({"content": "没有"}, "holds 0 times #idiom#"),
    ],
)
def test_idioms_that_cannot_be_used(put, refusal, change, message):
    folder = put("chid/dev_0.json", IDIOM, {**IDIOM, **change})
    assert f"dev_0.json:2: {message}" in refusal("chid:dev_0", data_dir=folder).replace(
        "the text holds", "holds"
    )


PRONOUN = {
    "idx": 5,
    "text": " 树叶落了，它黄了",
    "target": {"span1_index": 1, "span1_text": "树叶", "span2_index": 6, "span2_text": "它"},
    "label": "true",
}


def test_pronouns(put, refusal):
    """Spans count from the start of the text without the space before it."""
    folder = put("cluewsc/train_0.json", PRONOUN, {**PRONOUN, "label": "false"})
    example = load_dataset("cluewsc:train_0", data_dir=folder).examples[0]
    assert (example.head, example.tail, example.id) == ((0, 2), (5, 6), "5")
    assert example.text[slice(*example.tail)] == "它"
    moved = {**PRONOUN, "target": {**PRONOUN["target"], "span2_index": 7}}
    put("cluewsc/train_0.json", moved)
    assert "span2_text '它' is not at" in refusal("cluewsc:train_0", data_dir=folder)
    put("cluewsc/test.json", {"id": 9, **{k: PRONOUN[k] for k in ("text", "target")}})
    assert "has no labels" in refusal("cluewsc:test", data_dir=folder)
    assert load_dataset("cluewsc:test", data_dir=folder, labelled=False).examples[0].id == "9"


def test_a_missing_split_says_where_it_was_looked_for(put, refusal):
    folder = put("ocnli/train_0.json", {"sentence1": "一", "sentence2": "二", "label": "neutral"})
    message = refusal("ocnli:dev_0", data_dir=folder)
    assert f"there is no {folder / 'fewclue/ocnli/dev_0.json'}" in message


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_patterns_and_words(task):
    prompts = task_prompts(task)
    assert len(prompts.patterns) >= 3
    words = [word for found in prompts.words.values() for word in found]
    assert len(set(words)) == len(words)
    assert len(words) == {"tnews": 15, "csldcp": 67, "iflytek": 119, "ocnli": 3, "chid": 0}.get(
        task, 2
    )
    if task in ("tnews", "csldcp", "iflytek"):
        assert {len(word) for word in words} == {2}
    for pattern in prompts.patterns:
        assert set(pattern.words) in (set(), set(prompts.words))


def test_prompts_that_cannot_be_read(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("words: {}\n")
    with pytest.raises(DataError, match="it must hold patterns"):
        read_prompts(file)
