"""`fsl-nlp export`, and predicting with what it wrote, or from a stream without end."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier
from fsl_nlp.loading import load_bot
from fsl_nlp.runtime import Bot

Cli = Any


@pytest.fixture(scope="session")
def saved(shop: FewShotClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop.save(tmp_path_factory.mktemp("bots") / "saved")


def test_export_and_predict(run: Cli, saved: Path, tmp_path: Path) -> None:
    out = tmp_path / "my bot"
    exported = run("export", saved, "--out", out)
    assert exported.status == 0
    assert "9 training examples, in fp32: 0 answers changed" in exported.out
    assert "In Python it needs only numpy, onnxruntime, tokenizers and safetensors" in exported.out
    assert f"The command fsl-nlp predict '{out}' needs the whole package." in exported.out
    asked = run("predict", out, "where is my parcel", "", "--nearest", 1)
    assert "track_order  <- where is my parcel" in asked.out
    assert "like 1.00 track_order: where is my parcel" in asked.out
    assert "    --  no answer (the text is empty)" in asked.out
    again = run("export", saved, "--out", out)
    assert again.status == 1
    assert "exists. Give a new folder" in again.err


def test_export_in_int8_reports(run: Cli, saved: Path, tmp_path: Path) -> None:
    result = run("export", saved, "--out", tmp_path / "b", "--int8", "--max-changed", 1, "--json")
    report = result.json
    assert report["precision"] == "int8"
    assert report["examples"] == 9
    assert 0.9 < report["least_cosine"] < 1
    assert report["megabytes"] < 30
    assert run("predict", report["folder"], "where is my parcel", "--json").json["predictions"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--encoder-only",), "did not tune its encoder"),
        (("--encoder-only", "--int8"), "Leave --int8 and --scripts out"),
        (("--scripts", "latin"), "--scripts is for embedded:multilingual; this bot uses "),
    ],
)
def test_what_cannot_be_exported(
    run: Cli, saved: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    result = run("export", saved, "--out", tmp_path / "bot", *words)
    assert result.status == 1
    assert message in result.err
    assert not (tmp_path / "bot").exists()


def test_a_saved_bot_answers_without_torch(saved: Path) -> None:
    """Its graph is in the cache: a process that only asks loads no torch."""
    assert isinstance(load_bot(saved), Bot)
    script = (
        "import sys; sys.argv = ['fsl-nlp', 'predict', sys.argv[1], 'where is my parcel'];"
        "from fsl_nlp.cli import main\n"
        "try: main()\n"
        "finally: assert not {'torch', 'transformers', 'sklearn'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(saved)], capture_output=True, text=True, check=False
    )
    assert "track_order" in done.stdout, done.stderr
    assert done.stderr == ""


def test_without_its_graph_torch_answers(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fsl_nlp.runtime.graph.cache_folder", lambda: tmp_path)
    assert isinstance(load_bot(saved), FewShotClassifier)
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert isinstance(load_bot(saved), FewShotClassifier)


def test_the_backend_can_be_chosen(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSL_NLP_BACKEND", "torch")
    assert isinstance(load_bot(saved), FewShotClassifier)
    monkeypatch.setenv("FSL_NLP_BACKEND", "onnx")
    assert isinstance(load_bot(saved), Bot)


def test_an_exported_bot_answers_as_it_is(run: Cli, saved: Path, tmp_path: Path) -> None:
    """In int8, and not through the encoder that it was made from."""
    out = tmp_path / "int8"
    assert run("export", saved, "--out", out, "--int8", "--max-changed", 1).status == 0
    asked = run("predict", out, "where is my parcel", "--json").json["predictions"][0]
    whole = run("predict", saved, "where is my parcel", "--json").json["predictions"][0]
    assert asked["confidence"] != whole["confidence"]
    assert asked["confidence"] == pytest.approx(
        Bot.load(out).classify("where is my parcel").confidence
    )
    test = tmp_path / "test.csv"
    test.write_text("text,label\nwhere is my parcel,track_order\n")
    assert run("evaluate", out, test, "--json").json["accuracy"] == 1
    again = run("export", out, "--out", tmp_path / "again")
    assert again.status == 1
    assert "exported in int8" in again.err


def test_json_stays_whole_where_a_line_is_broken(run: Cli, saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    long_line = b"where is it " * 8000 + b"\n"
    path.write_bytes(long_line * 12 + b"bad \xff line\n")
    result = run("predict", saved, "--file", path, "--json", "--top-k", 1)
    assert result.status == 1
    assert "line 13 is not UTF-8" in result.json["error"]
    assert len(result.json["predictions"]) == 5


@pytest.mark.slow
def test_more_lines_than_are_read_at_once(run: Cli, saved: Path, tmp_path: Path) -> None:
    lines = [f"where is parcel {i}" if i % 3 else "" for i in range(2501)]
    path = tmp_path / "log.txt"
    path.write_bytes("\r\n".join(lines).encode())
    result = run("predict", saved, "--file", path, "--json")
    predictions = result.json["predictions"]
    assert [p["text"] for p in predictions] == lines
    assert [p["reason"] for p in predictions[:3]] == ["empty", "ok", "ok"]
    text = run("predict", saved, "--file", path)
    assert text.out.count("<- where is parcel") == sum(map(bool, lines))


def test_answers_come_before_the_questions_end(saved: Path) -> None:
    """A pipe that stays open."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "fsl_nlp", "predict", str(saved)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    given_up = threading.Timer(120, process.kill)
    given_up.start()
    process.stdin.write(b"where is my parcel\n")
    process.stdin.flush()
    assert b"where is my parcel" in process.stdout.readline()
    process.stdin.close()
    process.stdout.read()
    assert process.wait() == 0
    given_up.cancel()


def test_the_machine_is_named(run: Cli) -> None:
    machine = run("models", "--json").json["machine"]
    assert "cores" in machine
    assert f"This machine: {machine}" in run("models").out


def test_json_of_nothing(run: Cli, saved: Path) -> None:
    assert json.loads(run("predict", saved, "--json", "-q", stdin=b"").out)["predictions"] == []
