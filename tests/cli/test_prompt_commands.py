"""`adapt` and prompts in `fit`, as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]
ROWS = [("不好快递", "bad"), ("不好我的", "bad"), ("很好新闻", "good"), ("很好订单", "good")]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.csv"
    rows = [f"{'我的' * n}快递到哪了{'新闻' * m}" for n in range(1, 6) for m in range(1, 6)]
    path.write_text("\n".join(["text", *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def train(tmp_path: Path) -> Path:
    path = tmp_path / "train.csv"
    path.write_text("text,label\n" + "".join(f"{t},{label}\n" for t, label in ROWS))
    return path


@pytest.fixture(scope="module")
def model(save: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> str:
    return save("bert", tmp_path_factory.mktemp("bert"))


def test_zero_shot_says_what_it_learned_from(
    run: Call, train: Path, model: str, tmp_path: Path
) -> None:
    fitted = run(
        "fit", train, "--method", "zero-shot", "--encoder", model, "--out", tmp_path / "bot",
        "--option", 'words={"good": "好", "bad": "不"}', "--option", "template={text}很[MASK]。",
    )  # fmt: skip
    assert fitted.status == 0, fitted.err
    first, *_, second = fitted.out.splitlines()
    assert first == (
        f"Ready: it tells 2 labels apart by their names or words (zero-shot on {model}). "
        "zero-shot learns nothing from the 4 texts; prompt does."
    )
    assert second.startswith(f"Saved in {tmp_path / 'bot'}. Ask it: ")


@pytest.mark.slow
def test_adapt_then_fit(run: Call, texts: Path, train: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "adapted"
    words = ["adapt", model, texts, "--out", out, "--steps", 4, "--option", "batch_size=8"]
    status, text, _ = run(*words, "--stop-after", 2)
    assert status == 0
    assert text.startswith("2 of 4 steps on 23 texts")
    assert "The same command continues the run" in text
    status, text, _ = run(*words, "--json")
    result = json.loads(text)
    assert (result["step"], result["interval_over"]) == (4, f"{result['hidden']:,} hidden pieces")
    status, text, _ = run(
        "fit", train, "--method", "pet", "--encoder", out, "--unlabelled", texts, "--out",
        tmp_path / "bot", "--option", "epochs=1", "--option",
        'templates=["{text}很[MASK]。", "[MASK]：{text}"]', "--option",
        'words={"good": "好", "bad": "不"}',
    )  # fmt: skip
    assert status == 0, text
    status, text, _ = run("predict", tmp_path / "bot", "很好我的", "--json")
    assert status == 0
    assert json.loads(text)["predictions"][0]["label"] in ("good", "bad", None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--option", "nonsense=1"], "adapt has no option 'nonsense'. It has: batch_size"),
        (["--option", "rate=2"], "rate=2: must be from 0.01 to 0.9"),
        (["--option", "steps=2"], "adapt has no option 'steps'"),
    ],
)
def test_adapt_refuses(
    run: Call, texts: Path, model: str, tmp_path: Path, words: list[str], message: str
) -> None:
    status, out, err = run("adapt", model, texts, "--out", tmp_path / "out", *words)
    assert (status, out) == (1, "")
    assert err.startswith("error: ")
    assert message in err
