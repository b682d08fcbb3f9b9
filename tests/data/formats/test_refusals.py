"""What of an export cannot be read, and parts of it that must be chosen."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fsl_nlp.data import load_dataset
from fsl_nlp.data.formats import files
from fsl_nlp.data.formats.base import Format
from fsl_nlp.data.formats.phrases import Phrases
from fsl_nlp.data.formats.registry import FORMATS
from fsl_nlp.errors import DataError

from .samples import RASA_YAML, SAMPLES, as_json, task


@pytest.fixture
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


@pytest.fixture
def write_all(tmp_path: Path):
    """Writes files into a folder, and returns the folder."""

    def write(contents: dict[str, str | bytes]) -> Path:
        for name, content in contents.items():
            path = tmp_path / "export" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path / "export"

    return write


def test_errors_of_yaml_name_the_line(write, refusal):
    file = write("nlu.yml", 'nlu:\n- intent: a\n  examples: |\n    - x\n    y\n- intent: "b\n')
    assert refusal(file).startswith(f"{file}:7: invalid YAML: ")
    file = write("nlu.yml", "nlu:\n- intent: a\n  examples: |\n    - x\n    y\n    -\n")
    assert refusal(file).splitlines()[1:3] == [
        f'  {file}:5: an example of a must begin with "-"',
        f"  {file}:6: the text is empty",
    ]
    with pytest.warns(UserWarning, match="skipped 2 rows"):
        assert load_dataset(file, on_error="skip").texts == ["x"]


def test_errors_in_a_folder_name_the_file_and_the_line(write_all, refusal):
    block = "nlu:\n- intent: a\n  examples: |\n    - x\n"
    folder = write_all({"nlu/a.yml": block, "nlu/b.yml": block.replace("intent: a", "intent: b")})
    message = refusal(folder)
    assert "2 examples cannot be used" in message
    assert f'{folder}: nlu/a.yml:4 "a", {folder}: nlu/b.yml:4 "b"' in message


def test_words_of_yaml_that_are_no_text_elsewhere_stay_words(write, pairs):
    names = ["yes", "no", "on", "off", "null", "~", "1.0", "007", "2024-01-01", "true", "0x1f"]
    content = "nlu:\n" + "".join(
        f"- intent: {name}\n  examples: |\n    - {name} {number}\n"
        for number, name in enumerate(names)
    )
    data = load_dataset(write("nlu.yml", content))
    assert pairs(data) == [(f"{name} {number}", name) for number, name in enumerate(names)]


def test_an_alias_is_refused(write, refusal):
    levels = ["nlu:", "- &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"- &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    file = write("nlu.yml", "\n".join(levels))
    assert refusal(file) == f"{file}:3: aliases such as *a0 are not supported."


def test_deep_and_double_yaml(write, refusal):
    file = write("nlu.yml", "nlu: " + "[" * 5000)
    assert refusal(file) == f"{file}:1: nested more than 100 levels deep."
    file = write("nlu.yml", "nlu:\n- intent: a\n---\nnlu:\n- intent: b\n")
    assert "a second YAML document" in refusal(file)


def test_a_key_that_is_there_twice(write, refusal):
    file = write("nlu.yml", "nlu:\n- intent: a\n  examples: |\n    - x\nnlu:\n- intent: b\n")
    assert refusal(file) == f'{file}:5: "nlu" is there for a second time.'


@pytest.mark.usefixtures("quiet")
def test_objects_of_yaml_are_not_made(write, tmp_path, refusal):
    file = write("nlu.yml", f"nlu:\n- !!python/object/apply:os.system ['touch {tmp_path}/bad']\n")
    refusal(file)
    assert not (tmp_path / "bad").exists()


def test_deep_json_has_an_error_of_its_own(write, refusal):
    file = write("a.json", '{"intents": ' + "[" * 100_000)
    assert "invalid JSON" in refusal(file)
    deep = [
        write(f"{n}.json", f'[{{"tag": "a", "patterns": ["b"], "x": {"[" * n}{"]" * n}}}]')
        for n in range(900, 1000, 7)
    ]
    for file in deep:  # near the limit of recursion, where the message depends on the Python
        with suppress(DataError):
            load_dataset(file)


def test_yaml_of_another_kind(write, refusal):
    message = refusal(write("domain.yml", "intents:\n- greet\n"))
    assert "neither `nlu:` nor `## intent:`" in message
    assert "neither `nlu:`" in refusal(write("README.md", "# Read me\n"))


def test_a_comment_that_is_not_closed_loses_nothing(write, pairs):
    file = write("nlu.md", "## intent:a\n- x <!-- y\n- z\n\n## intent:b\n- v <!-- c -->\n")
    assert pairs(load_dataset(file)) == [("x <!-- y", "a"), ("z", "a"), ("v", "b")]


@pytest.mark.usefixtures("quiet")
def test_rasa_in_gbk(write, write_all):
    chinese = "nlu:\n- intent: 退货\n  examples: |\n    - 我要退货\n    - 把东西退回去\n"
    with pytest.warns(UserWarning, match="1 file not in UTF-8 read as GB18030"):
        data = load_dataset(write("nlu.yml", chinese.encode("gb18030")))
    assert data.labels == ("退货",)
    folder = write_all({"a.yml": chinese.encode("gb18030"), "b.yml": chinese.encode("utf-16")})
    with pytest.warns(UserWarning, match="2 files not in UTF-8 read as GB18030, UTF-16"):
        assert len(load_dataset(folder)) == 2


def test_a_file_of_an_export_that_cannot_be_decoded_is_not_passed_over(write_all, refusal):
    latin = "nlu:\n- intent: a\n  examples: |\n    - où est-il à été\n".encode("latin-1")
    folder = write_all({"a.yml": latin, "b.yml": RASA_YAML, "logo.md": b"\xff\xfe\x00"})
    assert f"{folder}: a.yml: the byte at offset" in refusal(folder)


def test_a_language_must_be_chosen(write_all, refusal, pairs):
    folder = write_all(dict(SAMPLES["dialogflow-es"].files))
    assert refusal(folder) == (
        f"{folder} holds texts of more than one language: en (3), zh-CN (2). Say which to read, "
        f"as in {folder}:en, or {folder}:all for all."
    )
    assert len(load_dataset(f"{folder}:all")) == 5
    assert pairs(load_dataset(f"{folder}:EN"))[2] == ("I want my money back", "refund")
    assert 'has no part "fr". Its parts are: en, zh-CN.' in refusal(f"{folder}:fr")


@pytest.mark.usefixtures("quiet")
def test_a_test_set_is_left_out_of_training(tmp_path):
    file = SAMPLES["clu"].write(tmp_path)
    assert load_dataset(f"{file}:test").texts == ["is it sent"]
    assert load_dataset(f"{file}:en,Test").texts == ["is it sent"]
    assert len(load_dataset(f"{file}:all")) == 4


def test_a_csv_has_no_parts(write, refusal):
    file = write("a.csv", "text,label\na,b\n")
    assert refusal(f"{file}:en") == f"{file} has no parts such as languages: leave out :en."
    assert refusal(f"{file}x:en").startswith(f"There is no file {file}x:en")


def test_annotators_who_disagree_are_named(write, refusal):
    rows = [task(1, "where is it", ["a"], ["b"]), task(2, "x", ["a", "b"]), task(3, "y", ["b"])]
    file = write("a.json", as_json(rows, indent=None))
    assert refusal(file).splitlines()[1:3] == [
        f'  {file}:1: annotators disagree: "a" (annotation 101 by 1), "b" (annotation 102 by 2)',
        f'  {file}:1: it has 2 labels ("a", "b"), and a text needs one',
    ]
    records = [
        {
            "fields": {"text": "where is it"},
            "responses": {"label": [{"value": v, "user_id": f"user {v}"} for v in "ab"]},
            "suggestions": {},
        },
    ]
    file = write("b.json", as_json(records, indent=None))
    assert 'annotators disagree: "a" (user a), "b" (user b)' in refusal(file)


def test_the_checked_annotation_counts(write, pairs):
    rows = [task(1, "where is it", ["a"], ["b"]), task(2, "money back", ["b"])]
    rows[0]["annotations"][1]["ground_truth"] = True
    assert pairs(load_dataset(write("a.json", as_json(rows)))) == [
        ("where is it", "b"),
        ("money back", "b"),
    ]


def test_tasks_without_labels(write, refusal, pairs):
    rows = [task(1, "where is it"), task(2, "money back", ["b"], was_cancelled=True)]
    file = write("a.json", as_json(rows))
    note = "no annotation is a choice: these tasks have no labels; 1 skipped task"
    with pytest.warns(UserWarning, match=note):
        assert pairs(load_dataset(file, labelled=False)) == [
            ("where is it", None),
            ("money back", None),
        ]
    rows.append(task(3, "y", ["b"]))
    del rows[1]
    assert "the label is missing" in refusal(write("b.json", as_json(rows)))


def test_a_question_must_be_chosen(write, refusal, pairs):
    rows = [task(1, "where is it", ["a"]), task(2, "money back", ["b"])]
    for row in rows:
        second = json.loads(json.dumps(row["annotations"][0]["result"][0]))
        row["annotations"][0]["result"].append({**second, "from_name": "mood"})
    file = write("a.json", as_json(rows))
    assert "more than one question: intent (2), mood (2)" in refusal(file)
    assert pairs(load_dataset(f"{file}:mood")) == [("where is it", "a"), ("money back", "b")]


@pytest.mark.usefixtures("quiet")
def test_a_suggestion_is_no_label(write, refusal):
    row = {"fields": {"text": "x"}, "responses": {}, "suggestions": {"label": {"value": "a"}}}
    file = write("a.json", as_json([row]))
    assert "the label is missing" in refusal(file)
    with pytest.warns(UserWarning, match="1 record with a suggestion and no response"):
        load_dataset(file, labelled=False)


def test_an_unknown_folder_says_what_was_looked_for(write_all, refusal, tmp_path):
    folder = write_all({"a.csv": "text,label\na,b\n", "b.csv": "text,label\na,b\n"})
    message = refusal(folder)
    assert message.startswith(f"{folder} is a folder. Name a file in it, or a folder with one of")
    assert "intents/NAME_usersays_LANGUAGE.json" in message
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("a.png", "x")
    assert refusal(archive).startswith(f"{archive} is an archive. Unpack it and name a file")


def test_train_and_test_are_no_labels(write_all, refusal):
    folder = write_all({"train.txt": "a\nb\n", "test.txt": "c\n"})
    assert "test is the name of a part of a data set, not of a label" in refusal(folder)


def test_an_archive_with_one_table(tmp_path, pairs):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr("out/train.csv", "text,label\na,b\nc,d\n")
        made.writestr("__MACOSX/out/._train.csv", "x")
    assert pairs(load_dataset(tmp_path / "a.zip")) == [("a", "b"), ("c", "d")]


def test_chinese_names_in_an_archive_of_chinese_windows(tmp_path, pairs):
    plain = SAMPLES["label-files"].zipped(tmp_path / "a.zip")
    # Names in GBK without the flag for UTF-8, as Explorer writes them.
    content = plain.read_bytes().replace("查询物流".encode(), b"\xb2\xe9\xd1\xafwuliuXXX")
    for place in range(len(content) - 10):
        if content[place : place + 4] == b"PK\x03\x04":
            content = content[: place + 7] + b"\0" + content[place + 8 :]
        elif content[place : place + 4] == b"PK\x01\x02":
            content = content[: place + 9] + b"\0" + content[place + 10 :]
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.warns(UserWarning, match="the names of 2 files are the labels"):
        data = load_dataset(tmp_path / "b.zip")
    assert data.labels == ("refund", "查询wuliuXXX")


class TestLimits:
    def test_no_archive(self, write, refusal):
        file = write("a.zip", "no archive")
        assert refusal(file) == (f"{file} cannot be read as a zip archive: File is not a zip file.")

    def test_an_archive_that_expands_without_end(self, tmp_path, monkeypatch, refusal):
        monkeypatch.setattr(files, "MAX_BYTES", 100_000)
        archive = tmp_path / "a.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr("nlu.yml", "nlu:\n" + "#" * 10_000_000)
        assert "nlu.yml is larger than" in refusal(archive)
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
            for number in range(20):
                made.writestr(f"{number}.yml", "nlu:\n" + "#" * 9_000)
        assert "more than 0 MB of text" in refusal(archive)

    def test_an_encrypted_archive(self, tmp_path, refusal):
        content = bytearray(SAMPLES["rasa-yaml"].zipped(tmp_path / "a.zip").read_bytes())
        content[6] |= 1  # the flag of the member, and of its entry in the directory
        content[content.index(b"PK\x01\x02") + 8] |= 1
        (tmp_path / "a.zip").write_bytes(content)
        assert "encrypted" in refusal(tmp_path / "a.zip")

    def test_too_many_files(self, write_all, monkeypatch, refusal):
        monkeypatch.setattr(files, "MAX_FILES", 3)
        folder = write_all({f"{number}.txt": "x" for number in range(5)})
        assert "holds more than 3 files" in refusal(folder)

    def test_devices_and_links_in_a_folder(self, write_all, pairs):
        folder = write_all({"nlu.yml": SAMPLES["rasa-folder"].files["data/nlu/a.yml"]})
        (folder / "zero.yml").symlink_to("/dev/zero")
        (folder / "gone.yml").symlink_to(folder / "nothing")
        (folder / "loop").symlink_to(folder)
        assert pairs(load_dataset(folder)) == [("hi", "greet")]

    @pytest.mark.usefixtures("quiet")
    def test_a_text_of_brackets_is_read_at_once(self, write):
        texts = ["[" * 200_000, "[a](" * 50_000, "[a]{" * 50_000, "[" * 100_000 + "]" * 100_000]
        content = "nlu:\n- intent: a\n  examples: |\n" + "".join(f"    - {t}\n" for t in texts)
        assert load_dataset(write("nlu.yml", content)).texts[0] == texts[0]


def test_columns_of_a_table_that_has_names_of_a_tool(write, pairs):
    file = write("a.csv", "text,label,annotation,prediction,data,annotations\na,b,c,d,e,f\n")
    assert pairs(load_dataset(file)) == [("a", "b")]


def test_a_format_of_ones_own(write_all, monkeypatch, pairs):
    def read(tree):
        phrases = Phrases(tree.source, "lists of words")
        for name in tree.named(".words"):
            label, *lines = tree.text(name).splitlines()
            for number, line in enumerate(lines, 2):
                phrases.add(line, label, number, name)
        return phrases.table(tree=tree) if tree.named(".words") else None

    monkeypatch.setitem(FORMATS, "lists", Format("lists of words", "NAME.words", from_files=read))
    folder = write_all({"1.words": "track\nwhere is it\n", "2.words": "refund\nmoney back\n"})
    assert pairs(load_dataset(folder)) == [("where is it", "track"), ("money back", "refund")]
