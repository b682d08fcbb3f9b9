"""The commands as they are typed: what goes to stdout, what to stderr, and the exit status."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fsl_nlp import Dataset, FewShotClassifier, TextEncoder, __version__, load_dataset
from fsl_nlp.cli.demo import next_commands
from fsl_nlp.cli.options import parse_options
from fsl_nlp.decision.calibration_error import expected_calibration_error
from fsl_nlp.decision.targets import DEFAULT_REJECT
from fsl_nlp.runtime import Bot

Cli = Callable[..., Any]


@pytest.fixture(scope="session")
def bot(shop: FewShotClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop.save(tmp_path_factory.mktemp("cli") / "bot")


@pytest.fixture
def train(tmp_path: Path, texts: list[str], labels: list[str]) -> Path:
    rows = [f"{text},{label}" for text, label in zip(texts, labels, strict=True)]
    path = tmp_path / "train.csv"
    path.write_text("\n".join(["text,label", *rows]) + "\n")
    return path


def labels_in(result: Any) -> list[str | None]:
    return [prediction["label"] for prediction in result.json["predictions"]]


# the way of a newcomer


def test_fit_predict_evaluate(run: Cli, train: Path, tmp_path: Path) -> None:
    out = tmp_path / "my bot"
    fitted = run("fit", train, "--out", out)
    assert (fitted.status, fitted.err) == (0, "")
    assert "Learned 3 labels from 9 texts in" in fitted.out
    assert f"Saved in {out}. Ask it: fsl-nlp predict '{out}' \"...\"" in fitted.out

    asked = run("predict", out, "where is my parcel", " ", "--nearest", 1)
    assert asked.status == 0
    first, *rest = asked.out.splitlines()
    assert first.endswith("%  track_order  <- where is my parcel")
    assert rest[1] == "        like 1.00 track_order: where is my parcel"
    assert rest[2] == "    --  no answer (the text is empty)"

    scored = run("evaluate", out, train)
    assert re.search(r"\nanswered  \d+\.\d\d%   \(\d+\.\d\d% right, 95% interval", scored.out)
    assert scored.status == 0
    assert "texts     9\naccuracy  100.00%   (95% interval 70.09% to 100.00%)" in scored.out
    assert "macro-F1  100.00%" in scored.out
    assert "Worst" not in scored.out
    assert "ECE" not in scored.out  # nine texts are too few

    many = tmp_path / "many.csv"
    header, *rows = train.read_text().splitlines()
    dots = [row.replace(",", "." * i + ",") for row in rows for i in range(1, 13)]
    many.write_text("\n".join([header, *dots]) + "\n")
    assert re.search(r"\nECE +\d", run("evaluate", out, many).out)
    answers = run("predict", out, "--file", many, "--json").json["predictions"]
    confidence = np.array([answer["confidence"] for answer in answers])
    targets = [row.partition(",")[2] for row in dots]
    correct = np.array([a["label"] == t for a, t in zip(answers, targets, strict=True)])
    score = run("evaluate", out, many, "--json").json
    assert 0 < score["answered"]["value"] <= 1
    assert score["answered"]["count"] == score["count"]
    expected = expected_calibration_error(confidence, correct)
    assert score["calibration_error"] == pytest.approx(expected, abs=1e-6)


def test_a_chinese_bot(run: Cli, multilingual: TextEncoder, tmp_path: Path) -> None:
    train = tmp_path / "训练.csv"
    train.write_text("文本,标签\n我的快递到哪了,查询物流\n我要退款,退款\n", "utf-8")
    assert run("fit", train, "--out", tmp_path / "机器人", "--quiet").status == 0
    asked = run("predict", tmp_path / "机器人", "包裹在哪里", "--json")
    assert labels_in(asked) == ["查询物流"]
    assert "查询物流" in asked.out  # readable, not escaped


def test_the_demo_of_both_languages(
    run: Cli, english: TextEncoder, multilingual: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a fourth of its data."""

    def load_some(name: str, **options: Any) -> Dataset:
        return Dataset.from_examples(load_dataset(name, **options).examples[::4], name=name)

    monkeypatch.setattr("fsl_nlp.data.loading.load_dataset", load_some)
    result = run("demo", "--json", "--quiet")
    assert (result.status, result.err) == (0, "")
    for sample, language in zip(result.json["samples"], ("en", "zh"), strict=True):
        assert (sample["name"], sample["examples"]) == (f"support_{language}", 45)
        assert sample["score"]["accuracy"] > 0.5
        assert sample["answered"] >= sample["out_of_scope"]["answered"]
        assert [answer["text"] for answer in sample["answers"]] == sample["questions"]
    assert result.json["next"] == next_commands()


# --json


def test_json_is_one_object_and_nothing_else(run: Cli, bot: Path, train: Path) -> None:
    for words in (
        ("predict", bot, "hi"),
        ("evaluate", bot, train),
        ("models",),
        ("data", "list"),
        ("fit", train, "--out", train.parent / "bot"),
    ):
        result = run(*words, "--json")
        assert (result.status, result.err) == (0, ""), words
        assert isinstance(result.json, dict)


def test_predictions_in_json(run: Cli, bot: Path, shop: FewShotClassifier) -> None:
    result = run("predict", bot, "where is my parcel", "", "--json", "--top-k", 2, "--nearest", 1)
    assert result.json["model_version"] == shop.model_version_
    first, second = result.json["predictions"]
    assert (first["text"], first["label"], first["reason"]) == (
        "where is my parcel",
        "track_order",
        "ok",
    )
    assert len(first["alternatives"]) == 1
    assert first["nearest"][0]["label"] == "track_order"
    assert (second["label"], second["reason"]) == (None, "empty")


def test_evaluation_in_json(run: Cli, bot: Path, train: Path) -> None:
    score = run("evaluate", bot, train, "--json").json
    assert (score["count"], score["accuracy"], score["macro_f1"]) == (9, 1, 1)
    assert score["accuracy_interval"] == pytest.approx([0.7009, 1], abs=1e-4)  # Wilson's, 9 of 9


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("predict", "nowhere", "hi"), 1),
        (("fit", "nowhere.csv", "--out", "bot"), 1),
        (("predict", "nowhere", "hi", "--top-k", "0"), 2),
        (("fit", "train.csv"), 2),
        (("nonsense",), 2),
    ],
)
def test_an_error_is_one_json_object_too(words: tuple[str, ...], status: int, run: Cli) -> None:
    result = run(*words, "--json")
    assert result.status == status
    assert result.json["error"]
    assert result.err
    assert "Traceback" not in result.err
    assert run(*words).out == ""


# where texts come from


def test_lines_of_stdin(run: Cli, bot: Path) -> None:
    lines = b"\xef\xbb\xbfwhere is my parcel\r\n\nrefund me\xe2\x80\xa8now"
    result = run("predict", bot, "--json", stdin=lines)
    assert [p["text"] for p in result.json["predictions"]] == [
        "where is my parcel",
        "",
        "refund me\u2028now",
    ]
    assert labels_in(result) == ["track_order", None, "get_refund"]


def test_no_lines_of_stdin(run: Cli, bot: Path) -> None:
    result = run("predict", bot, stdin=b"")
    assert (result.status, result.out) == (0, "")
    assert result.err == "note: stdin is empty, so there is nothing to label.\n"
    assert run("predict", bot, "--json", "--quiet", stdin=b"").json["predictions"] == []


def test_bytes_that_are_no_text(run: Cli, bot: Path) -> None:
    result = run("predict", bot, stdin=b"hello\nw\xff\xfe\xfdrld\n")
    assert result.status == 1
    assert "error: stdin: the byte at offset 7 (line 2) is not UTF-8" in result.err


def test_gb18030_is_read_and_said(run: Cli, bot: Path, tmp_path: Path) -> None:
    text = "我的快递到哪了，怎么还没有送到"
    path = tmp_path / "问题.txt"
    path.write_bytes(text.encode("gb18030"))
    result = run("predict", bot, "--file", path, "--json")
    assert result.json["predictions"][0]["text"] == text
    assert result.err == f"note: {path} is not UTF-8: it was read as GB18030.\n"


@pytest.mark.parametrize("name", ["questions.txt", "QUESTIONS.TXT"])
def test_a_text_file_has_one_text_a_line(name: str, run: Cli, bot: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes("where is my parcel\r\nrefund me\u2028now\n".encode())
    result = run("predict", bot, "--file", tmp_path / name, "--json")
    assert [p["text"] for p in result.json["predictions"]] == [
        "where is my parcel",
        "refund me\u2028now",
    ]


def test_a_table_has_a_column_of_texts(run: Cli, bot: Path, tmp_path: Path) -> None:
    path = tmp_path / "questions.csv"
    path.write_text('id,question,said\n1,x,"refund me\u2028now, please"\n2,y,my parcel\n', "utf-8")
    result = run("predict", bot, "--file", path, "--text-column", "said", "--json")
    assert [p["text"] for p in result.json["predictions"]] == [
        "refund me\u2028now, please",
        "my parcel",
    ]


def test_a_text_that_begins_with_a_dash(run: Cli, bot: Path) -> None:
    assert run("predict", bot, "--json", "--", "--json").json["predictions"][0]["text"] == "--json"
    # What follows -- is text: it asks neither for JSON nor for a traceback.
    refused = run("predict", "nowhere", "--", "--json", "--debug")
    assert (refused.status, refused.out) == (1, "")
    assert "Traceback" not in refused.err


# what a user can get wrong


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("predict", "BOT", "--file", "none.txt"), "none.txt cannot be read: No such file"),
        (("predict", "BOT", "--file", "DIR"), "is a folder. Name a file in it, or a folder with"),
        (("predict", "BOT", "--file", "none.csv"), "There is no file none.csv."),
        (("predict", "DIR", "hi"), "There is no classifier in"),
        (
            ("predict", "BOT", "hi", "--device", "foo"),
            "device='foo': choose one of 'auto', 'cpu', ",
        ),
        (("evaluate", "BOT", "support_en:out_of_scope"), "`fsl-nlp predict FOLDER --file "),
        (("fit", "none.csv", "--out", "x"), "There is no file none.csv."),
        (("fit", "TRAIN", "--out", "x", "--method", "liner"), "'liner'. Did you mean linear? `fsl"),
        (("fit", "train.cvs", "--out", "x"), "There is no file train.cvs. Did you mean train.csv?"),
        (
            ("fit", "TRAIN", "--out", "x", "--method", "linear", "--report"),
            "--report is for --method auto; linear compares no methods.",
        ),
        (("fit", "support_eng", "--out", "x"), "Did you mean support_en"),
        (("fit", "TRAIN", "--out", "TRAIN"), "train.csv is a file. Give a folder"),
        (("fit", "TRAIN", "--out", "DIR"), "holds other files (train.csv) and no classifier"),
        (("fit", "TRAIN", "--out", "x", "--text-column", "said"), "said"),
        (
            ("fit", "TRAIN", "--out", "x", "--method", "magic"),
            "There is no method 'magic'. Choose one of auto, ",
        ),
        (("fit", "TRAIN", "--out", "x", "--encoder", "/none"), "There is no folder /none."),
        (("fit", "TRAIN", "--out", "x", "--option", "C"), "write it as NAME=VALUE"),
        (("fit", "TRAIN", "--out", "x", "--option", "C=big"), "C='big': must be a number. The def"),
        (("fit", "TRAIN", "--out", "x", "--option", "shots=3"), "has no option 'shots'. It has:"),
        (("fit", "TRAIN", "--out", "x", "--option", "seed=3"), "write it as --seed 3."),
        (("fit", "TRAIN", "--out", "x", "--option", "fit=3"), "has no option 'fit'."),
        (
            ("fit", "TRAIN", "--out", "x", "--descriptions", "none.json"),
            "none.json cannot be read: No such file",
        ),
        (("evaluate", "BOT", "support_zh:test"), "15 labels are unknown to the classifier: '"),
        (("evaluate", "BOT", "support_en:tset"), 'support_en has no split "tset".'),
    ],
)
def test_a_users_error_is_said_in_words(
    words: tuple[str, ...],
    message: str,
    run: Cli,
    bot: Path,
    train: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(train.parent)
    places = {"BOT": bot, "TRAIN": train, "DIR": train.parent}
    result = run(*(places.get(word, word) for word in words))
    assert (result.status, result.out) == (1, "")
    assert result.err.startswith("error: ")
    assert message in result.err
    assert "Unexpected" not in result.err
    assert [path.name for path in train.parent.iterdir()] == ["train.csv"]


def test_a_mistyped_model_without_a_network_is_said_soon(
    run: Cli, train: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    start = time.perf_counter()
    result = run("fit", train, "--out", tmp_path / "bot", "--encoder", "bert-bas-uncased")
    assert time.perf_counter() - start < 5
    assert (result.status, result.out) == (1, "")
    assert "error: 'bert-bas-uncased' is no folder here, and the Hugging Face hub" in result.err
    assert "Check the name. Without a network, install the embedded models" in result.err
    assert not (tmp_path / "bot").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", 'write {"label": "what it means", ...}'),
        ("{", "is not JSON"),
        ('{"log_in": 3}', "descriptions['log_in'][0] must be a string, got int 3."),
    ],
)
def test_wrong_descriptions(
    content: str, message: str, run: Cli, train: Path, tmp_path: Path
) -> None:
    path = tmp_path / "meanings.json"
    path.write_text(content)
    result = run("fit", train, "--out", tmp_path / "bot", "--descriptions", path)
    assert result.status == 1
    assert message in result.err


@pytest.mark.parametrize(
    "words",
    [
        ("predict",),
        ("predict", "bot", "hi", "--file", "x.txt"),
        ("predict", "bot", "hi", "--top-k", "none"),
        ("predict", "bot", "hi", "--nearest", "-1"),
        ("fit", "train.csv", "--out", "bot", "--seed", "-1"),
        ("evaluate", "bot"),
        ("data", "lost"),
        ("--nonsense",),
    ],
)
def test_wrong_usage_is_status_two(words: tuple[str, ...], run: Cli) -> None:
    result = run(*words)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("Usage: ")
    assert "Try '" in result.err


def test_a_terminal_without_a_text_is_told(run: Cli, bot: Path) -> None:
    result = run("predict", bot, terminal=True)
    assert result.status == 2
    assert "Give a text, --file, or lines on stdin." in result.err


def test_a_failure_of_ours_shows_no_traceback_unless_asked(
    run: Cli, bot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(Bot, "load", broken)
    result = run("predict", bot, "hi", "--json")
    message = "Unexpected ZeroDivisionError: by zero. Run it again with --debug to see where"
    assert result.status == 1
    assert message in result.err
    assert message in result.json["error"]
    assert "Traceback" not in result.err
    with pytest.raises(ZeroDivisionError):
        run("predict", bot, "hi", "--debug")


# options of fit


def test_options_of_the_method_are_passed_on(run: Cli, train: Path, tmp_path: Path) -> None:
    out = tmp_path / "bot"
    result = run(
        "fit", train, "--out", out, "--method", "proto", "--seed", 5, "--no-store-examples",
        "--option", "distance=euclidean", "--option", "label_names=false", "--json",
    )  # fmt: skip
    assert (result.status, result.json["method"]) == (0, "proto")
    model = FewShotClassifier.load(out)
    assert model.get_params() == {
        "method": "proto",
        "encoder": "embedded:en",
        "seed": 5,
        "device": "auto",
        "budget": 0,
        "reject": DEFAULT_REJECT,
        "coverage": None,
        "precision": None,
        "distance": "euclidean",
        "label_names": False,
    }
    assert model.examples_ == ()


@pytest.mark.slow
def test_a_training_is_announced_and_stays_the_same(
    run: Cli, tmp_path: Path, texts: list[str]
) -> None:
    """The measured steps leave no trace in what is learned."""
    words = ("fit", "support_en", "--shot", 2, "--method", "bitfit", "--option", "epochs=4")
    words = (*words, "--json")
    loud = run(*words, "--out", tmp_path / "loud")
    assert re.fullmatch(
        r"note: training of bitfit on 30 texts of 15 labels: about \d+ s, then again on fewer "
        r"texts, to learn when not to answer \(not with --reject none\)\.\n",
        loud.err,
    )
    quiet = run(*words, "--out", tmp_path / "quiet", "--quiet")
    assert quiet.err == ""
    assert quiet.json["model_version"] == loud.json["model_version"]
    first, second = (FewShotClassifier.load(tmp_path / name) for name in ("loud", "quiet"))
    assert first.predict_proba(texts).tolist() == second.predict_proba(texts).tolist()


def test_values_of_options() -> None:
    values = ["a=1", "b=1.5", "c=true", "d=null", "e=text", 'f="1"', "g=", "h=x=y"]
    assert list(parse_options(values).values()) == [1, 1.5, True, None, "text", "1", "", "x=y"]


def test_numbers_as_labels_meet_their_names_in_files(run: Cli, tmp_path: Path) -> None:
    """JSON keys and CSV cells cannot be numbers."""
    train, test = tmp_path / "train.jsonl", tmp_path / "test.csv"
    train.write_text('{"text": "my parcel", "label": 1}\n{"text": "my money", "label": 2}\n')
    test.write_text("text,label\nthe parcel,1\nwhere is the money,2\nany voucher,3\n")
    meanings = tmp_path / "meanings.json"
    meanings.write_text('{"1": "where a parcel is", "3": "coupons and vouchers"}')
    out = tmp_path / "bot"
    assert run("fit", train, "--out", out, "--descriptions", meanings).status == 0
    assert FewShotClassifier.load(out).classifier_.labels == (1, 2, "3")
    assert run("evaluate", out, test, "--json").json["accuracy"] == 1


def test_names_are_shown_as_they_are(run: Cli, tmp_path: Path, words: TextEncoder) -> None:
    """Brackets are no markup, and colons no emoji."""
    test = tmp_path / "test.csv"
    test.write_text("text,label\nwhere is my parcel,[red]b[/red]\nmy money,:smile:\n")
    out = tmp_path / "[bold]bot"
    assert f"Saved in {out}." in run("fit", test, "--out", out).out
    test.write_text("text,label\nwhere is my parcel,:smile:\nmy money,[red]b[/red]\n")
    result = run("evaluate", out, test)
    assert "accuracy  0.00%" in result.out
    assert result.out.count("[red]b[/red]") == result.out.count(":smile:") == 3


def test_quiet_leaves_out_notes(run: Cli, train: Path, tmp_path: Path) -> None:
    train.write_text(train.read_text() + ",log_in\n")
    words = ("fit", train, "--out", tmp_path / "bot", "--on-error", "skip")
    assert "note: " in run(*words).err
    quiet = run(*words, "--quiet")
    assert (quiet.status, quiet.err) == (0, "")
    assert "Learned 3 labels" in quiet.out


# help and lists


def test_the_version(run: Cli) -> None:
    result = run("--version")
    assert (result.status, result.out, result.err) == (0, f"fsl-nlp {__version__}\n", "")


def test_every_command_has_help_with_an_example_and_the_common_options(run: Cli) -> None:
    for words in (
        ("demo",),
        ("fit",),
        ("predict",),
        ("evaluate",),
        ("models",),
        ("methods",),
        ("data", "list"),
    ):
        result = run(*words, "--help")
        assert result.status == 0
        assert f"Example: fsl-nlp {' '.join(words)}" in result.out
        for option in ("--json", "--seed", "--quiet", "--debug"):
            assert option in result.out, words


def test_the_lists_name_what_there_is(run: Cli) -> None:
    models = run("models")
    assert "embedded:en" in models.out
    assert "fsl-nlp methods" in models.out
    assert "support_zh" in run("data", "list").out


# as processes


def command(*words: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    return subprocess.run(
        [sys.executable, "-m", "fsl_nlp", *map(str, words)],
        capture_output=True,
        env=environment,
        timeout=120,
        **options,
    )


@pytest.mark.slow
def test_another_process_learns_the_same(
    train: Path, tmp_path: Path, shop: FewShotClassifier
) -> None:
    out = tmp_path / "bot"
    words = ("--method", "linear", "--reject", "none", "--json", "--debug")
    result = command("fit", train, "--out", out, *words)
    assert (result.returncode, result.stderr) == (0, b"")
    assert json.loads(result.stdout)["model_version"] == shop.model_version_
    questions = ["where is my parcel", "hello", "我的快递"]
    there, here = FewShotClassifier.load(out).classify(questions), shop.classify(questions)
    assert [answer.label for answer in there] == [answer.label for answer in here]
    # Not to the last bit: another batch, another rounding of bf16.
    confidence = [answer.confidence for answer in here]
    assert [answer.confidence for answer in there] == pytest.approx(confidence, abs=5e-3)


@pytest.mark.slow
def test_the_exit_status_reaches_the_shell(tmp_path: Path) -> None:
    wrong = command("fit", "none.csv", "--out", tmp_path / "bot", "--json")
    assert wrong.returncode == 1
    assert json.loads(wrong.stdout) == {"error": "There is no file none.csv."}
    assert wrong.stderr == b"error: There is no file none.csv.\n"
    assert command("predict").returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no closed pipes of this kind")
def test_a_reader_that_leaves_is_no_crash() -> None:
    script = f"{sys.executable} -m fsl_nlp models --json | true"
    result = subprocess.run(["bash", "-c", script], capture_output=True, timeout=60)
    assert result.stderr == b""


def test_the_command_is_installed() -> None:
    beside = Path(sys.executable).parent / "fsl-nlp"
    assert beside.exists() or shutil.which("fsl-nlp")


def test_texts_of_a_test_are_left_out_of_named_texts(
    run: Cli, english: None, tmp_path: Path
) -> None:
    folder = tmp_path / "intents/banking77"
    folder.mkdir(parents=True)
    for split, texts in (("train", ["a b", "c d", "e f"]), ("test", ["E  f"])):
        rows = [json.dumps({"text": text, "label": f"label {i}"}) for i, text in enumerate(texts)]
        (folder / f"{split}.jsonl").write_text("\n".join(rows) + "\n")
    words = ("fit", "support_en", "--shot", 2, "--data-dir", tmp_path, "--out", tmp_path / "bot")
    result = run(*words, "--reject", "none", "--unlabelled", "banking77:train")
    expected = "1 of 3 texts of banking77:train stand in banking77:test: they are left out."
    assert expected in result.err
    named = run(*words, "--reject", "none", "--unlabelled", "banking77:test")
    assert "banking77:test is a test file" in named.err


def test_labels_of_an_unlabelled_file_are_not_looked_at(
    run: Cli, train: Path, tmp_path: Path, texts: list[str]
) -> None:
    """The same texts with wrong labels, and with none: the same classifier."""
    files = {
        "wrong": "text,label\n" + "".join(f"{text} now,wrong\n" for text in texts),
        "bare": "text\n" + "".join(f"{text} now\n" for text in texts),
    }
    found = []
    for name, content in files.items():
        more, out = tmp_path / f"{name}.csv", tmp_path / name
        more.write_text(content)
        done = run("fit", train, "--unlabelled", more, "--method", "linear", "--out", out, "--json")
        assert done.json["labels"] == 3
        found.append((done.json["model_version"], FewShotClassifier.load(out).predict_proba(texts)))
    assert found[0][0] == found[1][0]
    assert found[0][1].tolist() == found[1][1].tolist()


def test_an_old_name_of_an_option_is_noted_once(run: Cli, tmp_path: Path) -> None:
    words = ("fit", "support_en", "--method", "head", "--option", "epochs=1")
    done = run(*words, "--option", "sharpness=0.1", "--out", tmp_path / "bot")
    assert done.status == 0
    note = "note: The option 'sharpness' is now 'loss_temperature'; the old name will be removed."
    assert done.err.count(note) == 1


def test_without_typer_the_error_names_the_package(
    run: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "fsl_nlp.cli.app", raising=False)
    monkeypatch.setitem(sys.modules, "typer", None)
    result = run("predict", "my-bot", "hello")
    assert result.status == 1
    assert result.err.startswith("error: the command line needs the package typer (pip install ")
    assert "from fsl_nlp.runtime import Bot" in result.err


def test_a_label_with_one_example_is_noted(run: Cli, tmp_path: Path) -> None:
    file, logs = tmp_path / "train.csv", tmp_path / "logs.txt"
    file.write_text("text,label\nhello,greet\nhi you,greet\nbye now,other\n", "utf-8")
    logs.write_text("good morning\n\nbye\n", "utf-8")
    words = ("fit", file, "--method", "proto", "--encoder", "embedded:en", "--unlabelled", logs)
    result = run(*words, "--out", tmp_path / "bot")
    assert result.status == 0
    assert "note: 1 label has a single example: other. Its confidence cannot be" in result.err


def test_help_shows_whole_option_names(run: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert "--store-examples / --no-store-examples" in run("fit", "--help").out
    assert "submit-fewrel" not in run("--help").out


def test_labels_of_the_test_file_that_look_like_trained_ones(run: Cli, tmp_path: Path) -> None:
    """White space and the form of Unicode do not count; another case or sign is a typing error."""
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_text("text,label\nwhere is it,café bar\nrefund me,退款_a\n", "utf-8")
    bot = tmp_path / "bot"
    assert run("fit", train, "--method", "proto", "--out", bot).status == 0
    test.write_text("text,label\nwhere is it,cafe\u0301  bar\nrefund me,退款_a\u200b\n", "utf-8")
    assert run("evaluate", bot, test, "--json").json["accuracy"] == 1.0
    test.write_text("text,label\nwhere is it,Café_bar\n", "utf-8")
    refused = run("evaluate", bot, test)
    assert refused.status == 1
    assert "1 label is unknown to the classifier: 'Café_bar'. Did you mean café bar?" in refused.err
