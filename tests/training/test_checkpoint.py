"""An interrupted training continues, and ends at the very same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fsl_nlp.errors import OptionError
from fsl_nlp.seeding import seeded
from fsl_nlp.training import checkpoint
from fsl_nlp.training.checkpoint import checkpoints
from fsl_nlp.training.interrupts import ending_early
from fsl_nlp.training.settings import TrainSettings
from fsl_nlp.training.trainer import Trainer

CPU = torch.device("cpu")
X = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
Y = (X.sum(1) > 0).long()
SETTINGS = TrainSettings(epochs=6, batch_size=8, patience=9)


class KilledError(Exception):
    pass


@pytest.fixture(autouse=True)
def _always_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)


def train(kill_at: int = -1, seed: int = 0, stop_at: int = -1) -> tuple[Tensor, list[int]]:
    """The weights, and the steps that were taken for them. Dropout and batches are random."""
    steps: list[int] = []

    def on_step(step: dict[str, float]) -> None:
        if step["step"] == kill_at:
            raise KilledError
        if step["step"] == stop_at:
            raise KeyboardInterrupt
        steps.append(int(step["step"]))

    with seeded(seed):
        net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
        rng = np.random.default_rng(seed)

        def loss(rows: list[int]) -> Tensor:
            return nn.functional.cross_entropy(net(X[rows]), Y[rows])

        trainer = Trainer([(list(net.parameters()), 1e-2)], SETTINGS, CPU, on_step)
        trainer.run([[0]] * 32, lambda: rng.permutation(32).reshape(4, 8).tolist(), loss)
    return torch.cat([p.detach().flatten() for p in net.parameters()]), steps


def test_an_interrupted_training_ends_at_the_same_weights(tmp_path: Path) -> None:
    whole, steps = train()
    assert steps == list(range(24))
    folder = tmp_path / "state"
    with pytest.raises(KilledError), checkpoints(folder, "it"):
        train(kill_at=14)
    assert [path.name for path in folder.iterdir()] == ["training-1.safetensors"]
    with checkpoints(folder, "it"):
        again, steps = train()
    assert steps == list(range(12, 24))  # the epoch that was under way begins again
    assert torch.equal(again, whole)
    assert list(folder.iterdir()) == []


def test_what_was_finished_is_not_done_again(tmp_path: Path) -> None:
    first, second = train(seed=1)[0], train(seed=2)[0]

    def both(kill_at: int = -1) -> list[tuple[Tensor, list[int]]]:
        with checkpoints(tmp_path, "both"):
            return [train(seed=1), train(seed=2, kill_at=kill_at)]

    with pytest.raises(KilledError):
        both(kill_at=9)
    again = both()
    assert [steps[:1] for _, steps in again] == [[], [8]]
    assert torch.equal(again[0][0], first)
    assert torch.equal(again[1][0], second)
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with checkpoints(None, "it"):
        train()
    assert list(tmp_path.iterdir()) == []


def test_only_its_own_files_are_removed(tmp_path: Path) -> None:
    with pytest.raises(KilledError), checkpoints(tmp_path, "it"):
        train(kill_at=14)
    before = (tmp_path / "training-1.safetensors").read_bytes()
    with pytest.raises(OptionError, match="other data or"), checkpoints(tmp_path, "other"):
        raise AssertionError
    with checkpoints(tmp_path, "it"):
        pass  # what never trains
    assert (tmp_path / "training-1.safetensors").read_bytes() == before


def test_a_training_that_ctrl_c_ended_is_finished(tmp_path: Path) -> None:
    """Ctrl-C ends the first, a crash the second: the first does not continue."""

    def both(stop_at: int = -1, kill_at: int = -1) -> list[tuple[Tensor, list[int]]]:
        with checkpoints(tmp_path, "both"), ending_early():
            return [train(seed=1, stop_at=stop_at), train(seed=2, kill_at=kill_at)]

    with pytest.raises(KilledError):
        both(stop_at=9, kill_at=9)
    with ending_early():
        stopped = train(seed=1, stop_at=9)[0]
    (again, steps), _ = both()
    assert steps == []
    assert torch.equal(again, stopped)


def test_a_folder_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with (
        pytest.raises(OptionError, match="cannot be written to"),
        checkpoints(file / "state", "it"),
    ):
        raise AssertionError


def test_files_of_another_training_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KilledError), checkpoints(tmp_path, "it"):
        train(kill_at=14)
    with (
        pytest.raises(OptionError, match="other data or other settings"),
        checkpoints(tmp_path, "another"),
    ):
        train()
    file = tmp_path / "training-1.safetensors"
    assert file.is_file()
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(OptionError, match="is not a checkpoint"), checkpoints(tmp_path, "it"):
        train()
    with pytest.raises(OptionError, match="is a file"), checkpoints(file, "it"):
        train()
