"""Checkpoints, from which an interrupted training continues.

    with checkpoints(folder, name):
        method.fit(support)

Inside the block every training writes its state to the folder from time to time. If the process is
killed, run the same again: finished trainings are skipped, and the interrupted one continues. At
the end of the block the files are removed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from fsl_nlp.errors import OptionError, first_line
from fsl_nlp.folders import PRIVATE_FILE, make_folder, write_atomically
from fsl_nlp.json_text import parse_json
from fsl_nlp.seeding import random_states, set_random_states

# Seconds between two checkpoints of a training.
EVERY = 30.0
# The states of the generators: "random" is that of the CPU, "random.cuda:0" of the first GPU.
_RANDOM = "random"
_PARAMETER = "parameter"
_OPTIMISER = "optimiser"


@dataclass
class TrainingState:
    """The progress of a training. Checkpoints have these names."""

    epoch: int = 0
    step: int = 0
    lowest: float = float("inf")  # loss of an epoch
    waited: int = 0  # epochs since the loss last improved
    rate: float = 1.0  # a factor of the learning rates
    finished: bool = False


@dataclass
class Checkpoint:
    """The file of one training."""

    path: Path
    name: str  # names the data and the settings
    saved: float = field(default_factory=time.monotonic)

    def is_due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() - self.saved >= EVERY

    def save(
        self, state: TrainingState, parameters: Sequence[Tensor], optimiser: torch.optim.Optimizer
    ) -> None:
        """Write the parameters, the optimiser, the random state and the progress."""
        from safetensors.torch import save

        tensors = {_random_name(device): state for device, state in random_states().items()}
        for i, parameter in enumerate(parameters):
            tensors[f"{_PARAMETER}.{i}"] = parameter.detach().cpu().contiguous()
        tensors |= optimiser_tensors(optimiser, _numbered(parameters), _OPTIMISER)
        metadata = {"name": self.name, "place": json.dumps(asdict(state))}
        write_atomically(self.path, save(tensors, metadata), mode=PRIVATE_FILE)
        self.saved = time.monotonic()

    def check(self) -> None:
        """Raise an error if the file is of another training."""
        from safetensors import safe_open

        try:
            with safe_open(self.path, "pt") as file:
                metadata = file.metadata() or {}
        except Exception as error:
            raise OptionError(f"{self.path} is not a checkpoint. Use another folder.") from error
        if metadata.get("name") != self.name:
            raise OptionError(
                f"{self.path.parent} has checkpoints of other data or other settings. Use the same "
                "data and settings to continue, or another folder."
            )

    def load(
        self, parameters: Sequence[Tensor], optimiser: torch.optim.Optimizer
    ) -> TrainingState | None:
        """Restore everything that was saved, and give the progress; None without a file."""
        from safetensors import safe_open

        if not self.path.is_file():
            return None
        try:
            with safe_open(self.path, "pt") as file:
                state = TrainingState(**parse_json(file.metadata()["place"]))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            with torch.no_grad():
                for i, parameter in enumerate(parameters):
                    parameter.copy_(tensors[f"{_PARAMETER}.{i}"])
            put_optimiser(optimiser, _numbered(parameters), tensors, _OPTIMISER)
            set_random_states(
                {_device_of(n): tensor for n, tensor in tensors.items() if n.startswith(_RANDOM)}
            )
        except Exception as error:  # of safetensors or torch: the file has been altered
            raise OptionError(
                f"{self.path} is damaged ({first_line(error)}). Delete it to train from the start."
            ) from error
        return state


def optimiser_tensors(
    optimiser: torch.optim.Optimizer, named: Mapping[str, Tensor], prefix: str
) -> dict[str, Tensor]:
    """The state of the optimiser for these parameters, as PREFIX.NAME.KEY."""
    return {
        f"{prefix}.{name}.{key}": value.detach().cpu().contiguous()
        for name, parameter in named.items()
        for key, value in optimiser.state[parameter].items()
    }


def put_optimiser(
    optimiser: torch.optim.Optimizer,
    named: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    prefix: str,
) -> None:
    """Restore the state that `optimiser_tensors` gave."""
    # A fused optimiser has the step count on the device of the parameter, others on the CPU.
    fused = bool(optimiser.defaults.get("fused"))
    for name, parameter in named.items():
        start = f"{prefix}.{name}."
        state = {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}
        if state:
            optimiser.state[parameter] = {
                key: tensor if key == "step" and not fused else tensor.to(parameter.device)
                for key, tensor in state.items()
            }


def _random_name(device: str) -> str:
    return _RANDOM if device == "cpu" else f"{_RANDOM}.{device}"


def _device_of(name: str) -> str:
    return name.removeprefix(_RANDOM).removeprefix(".") or "cpu"


def _numbered(parameters: Sequence[Tensor]) -> dict[str, Tensor]:
    return {str(i): parameter for i, parameter in enumerate(parameters)}


@dataclass
class _Files:
    folder: Path
    name: str
    started: list[Checkpoint] = field(default_factory=list)

    def next(self) -> Checkpoint:
        path = self.folder / f"training-{len(self.started) + 1}.safetensors"
        self.started.append(Checkpoint(path, self.name))
        return self.started[-1]


_files: ContextVar[_Files | None] = ContextVar("checkpoints", default=None)


@contextmanager
def checkpoints(folder: str | Path | None, name: str) -> Iterator[None]:
    """Continue trainings from a folder. `name` identifies the data and the settings."""
    if folder is None:
        yield
        return
    folder = Path(folder)
    try:
        make_folder(folder)
        for path in folder.glob("training-*.safetensors"):
            Checkpoint(path, name).check()
        write_atomically(folder / "writable", b"")
        (folder / "writable").unlink()
    except FileExistsError:
        raise OptionError(f"{folder} is a file. Checkpoints need a folder.") from None
    except OSError as error:
        raise OptionError(
            f"Checkpoints cannot be written to {folder}: {error.strerror}."
        ) from error
    files = _Files(folder, name)
    token = _files.set(files)
    try:
        yield
    finally:
        _files.reset(token)
    for checkpoint in files.started:
        checkpoint.path.unlink(missing_ok=True)


def next_checkpoint() -> Checkpoint | None:
    """The checkpoint of the training that begins now; None outside of `checkpoints`."""
    files = _files.get()
    return files.next() if files else None
