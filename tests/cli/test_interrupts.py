"""Ctrl-C while a command trains: status 130, one line, and nothing is saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoModelForMaskedLM

from fsl_nlp import FewShotClassifier
from fsl_nlp.meta.trainer import MetaTrainer
from fsl_nlp.training.trainer import Trainer

from ..command_line import Result
from ..conftest import save_model, tiny_bert

WORDS = ["track", "where", "is", "my", "parcel", "refund", "me", *"我的订单在哪退款"]
ROWS = [("where is my parcel", "track"), ("refund me", "refund"), ("我的订单在哪", "track")]
ROWS += [("where is 我的订单", "track"), ("退款 me", "refund"), ("我的退款", "refund")]
SHAPE = "--way 2 --shot 1 --query 1 --episodes 3"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = tiny_bert(WORDS, num_hidden_layers=1)
    folder = tmp_path_factory.mktemp("model")
    return save_model(folder, config, WORDS, kind=AutoModelForMaskedLM)


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """`interrupt(at=3)` lets Ctrl-C come at the third step of training, and counts the steps."""

    def patch(trainer: type = Trainer, *, at: int) -> list[int]:
        steps, take = list[int](), trainer._step  # type: ignore[attr-defined]

        def step(self: object, *args: object) -> object:
            steps.append(len(steps) + 1)
            if len(steps) == at:
                raise KeyboardInterrupt
            return take(self, *args)

        monkeypatch.setattr(trainer, "_step", step)
        return steps

    return patch


@pytest.mark.parametrize(
    "command",
    [
        "fit train.csv --out bot --method full",
        "fit train.csv --out bot --method prompt",
        "fit train.csv --out bot --method together --option members=lora,full",
        "fit train.csv --out bot --method pet",
        f"episodes train.csv {SHAPE} --method full --out result.json --progress-file rows.jsonl",
        "curve train.csv --out c.json --method full --way 2 --shot 1 --query 1 --episodes 2",
        "meta-train train.csv --out meta --method anil --way 2 --shot 1 --query 1",
    ],
)
def test_ctrl_c_in_the_first_epoch(
    run: Callable[..., Result],
    command: str,
    model: Path,
    interrupt: Callable[..., list[int]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = ["", " now", " please", " today"] if "meta" in command else [""]
    rows = [f"{text}{more},{label}{more}\n" for more in labels for text, label in ROWS]
    (tmp_path / "train.csv").write_text("text,label\n" + "".join(rows), "utf-8")
    monkeypatch.chdir(tmp_path)
    steps = interrupt(MetaTrainer if "meta" in command else Trainer, at=1)
    result = run(*command.split(), "--encoder", str(model), "--quiet")
    assert (result.status, result.out) == (130, "")
    assert result.err.startswith("Stopped")
    assert result.err.count("\n") == 1
    assert steps == [1]
    # An interrupted meta-training goes on from its folder.
    files = {path.stem for path in tmp_path.rglob("*") if path.is_file()}
    assert files <= {"train", "progress"}


@pytest.mark.parametrize("method", ["pet", "together"])
def test_ctrl_c_ends_all_trainings_of_a_method(
    model: Path, interrupt: Callable[..., list[int]], method: str
) -> None:
    options = {"members": "full, lora"} if method == "together" else {"epochs": 4}
    steps = interrupt(at=3)  # of the third epoch
    with pytest.raises(KeyboardInterrupt):
        FewShotClassifier(method, str(model), **options).fit(*zip(*ROWS, strict=True))
    assert steps == [1, 2, 3]


def test_an_episode_that_was_cut_short_does_not_count(
    run: Callable[..., Result], model: Path, interrupt: Callable[..., list[int]], tmp_path: Path
) -> None:
    train, progress = tmp_path / "train.csv", tmp_path / "rows.jsonl"
    train.write_text("text,label\n" + "".join(f"{t},{label}\n" for t, label in ROWS), "utf-8")
    interrupt(at=2)  # of the second epoch
    words = f"episodes {train} {SHAPE} --method full --option loss_temperature=1 -q"
    where = ("--encoder", str(model), "--progress-file", str(progress))
    result = run(*words.split(), *where)
    assert (result.status, result.out, result.err) == (130, "", "Stopped.\n")
    assert not progress.exists() or '"predicted"' not in progress.read_text()
