"""`fsl-nlp inspect`: a saved bot in words and as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import FewShotClassifier, TextEncoder, inspect_bot

Cli = Any
FORMAT_1 = Path(__file__).parents[1] / "artifact" / "format_1"


def test_a_bot_in_words(run: Cli) -> None:
    shown = run("inspect", FORMAT_1 / "head")
    assert shown.status == 0
    lines = {" ".join(line.split()) for line in shown.out.splitlines()}
    assert {
        "kind classifier",
        "format 1",
        "method head",
        "options epochs=5, loss_temperature=0.1",
        "temperature 1.2",
        "without torch after fsl-nlp export, or where the cache has its encoder's graph",
        "track_order 3",
        "label stored examples",
    } <= lines


def test_a_bot_as_json(run: Cli) -> None:
    shown = run("inspect", FORMAT_1 / "linear", "--json").json
    assert shown == json.loads(json.dumps(inspect_bot(FORMAT_1 / "linear").to_dict()))


def test_a_meta_train_folder(run: Cli) -> None:
    shown = run("inspect", FORMAT_1 / "meta")
    assert "2-way 1-shot tasks with 1 queries a class" in shown.out
    assert "colours (10 classes)" in shown.out
    assert run("inspect", FORMAT_1 / "meta", "--json").json["sources"] == {"colours": 10}


def test_the_report_of_auto(
    run: Cli, words: TextEncoder, texts: list[str], labels: list[str], tmp_path: Path
) -> None:
    model = FewShotClassifier("auto", words).fit(texts, labels)
    assert model.report_
    shown = run("inspect", model.save(tmp_path / "bot"))
    assert f"auto chose {model.method_}: {model.report_.why}" in shown.out


def test_labels_are_shown_as_they_are(run: Cli, words: TextEncoder, tmp_path: Path) -> None:
    model = FewShotClassifier("proto", words).fit(["red", "blue"], ["[red]", ":smile:"])
    shown = run("inspect", model.save(tmp_path / "bot", store_examples=False))
    assert "[red]" in shown.out
    assert ":smile:" in shown.out


@pytest.mark.parametrize("content", [None, "{", '{"format": 99}'])
def test_bad_folders(run: Cli, tmp_path: Path, content: str | None) -> None:
    if content:
        (tmp_path / "classifier.json").write_text(content)
    shown = run("inspect", tmp_path)
    assert shown.status == 1
    expected = {None: "There is no classifier", "{": "is damaged"}.get(content, "newer version")
    assert expected in shown.err


def test_torch_is_not_loaded() -> None:
    code = (
        "import sys; from fsl_nlp.cli import main\n"
        f"sys.argv[1:] = ['inspect', {str(FORMAT_1 / 'lora')!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print({'torch', 'transformers', 'sklearn', 'onnxruntime'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
