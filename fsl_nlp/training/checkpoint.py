"""Where a training that was stopped goes on.

    with checkpoints(folder, name):
        method.fit(support)

Within it every training writes its state to the folder now and then. The same again, after the
process was killed, skips the trainings that were finished and goes on with the one that was not.
When all are done the files are removed.
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

from fsl_nlp.errors import OptionError
from fsl_nlp.folders import write_atomically

# Seconds between two states of a training.
EVERY = 30.0
_RANDOM = "random"
_RANDOM_CUDA = "random.cuda"
_PARAMETER = "parameter"
_OPTIMISER = "optimiser"


@dataclass
class Place:
    """How far a training has come."""

    epoch: int = 0
    step: int = 0
    lowest: float = float("inf")  # loss of an epoch
    waited: int = 0  # epochs since
    rate: float = 1.0  # of the learning rates asked for
    finished: bool = False


@dataclass
class Checkpoint:
    """The file of one training."""

    path: Path
    name: str  # of what is learned
    saved: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        return time.monotonic() - self.saved >= EVERY

    def save(
        self, place: Place, parameters: Sequence[Tensor], optimiser: torch.optim.Optimizer
    ) -> None:
        from safetensors.torch import save

        tensors = {_RANDOM: torch.get_rng_state()}
        if parameters[0].device.type == "cuda":
            tensors[_RANDOM_CUDA] = torch.cuda.get_rng_state(parameters[0].device)
        for i, parameter in enumerate(parameters):
            tensors[f"{_PARAMETER}.{i}"] = parameter.detach().cpu().contiguous()
        tensors |= optimiser_tensors(optimiser, _numbered(parameters), _OPTIMISER)
        about = {"name": self.name, "place": json.dumps(asdict(place))}
        write_atomically(self.path, save(tensors, about))
        self.saved = time.monotonic()

    def check(self) -> None:
        """Refuse a file that is not of this training."""
        from safetensors import safe_open

        try:
            with safe_open(self.path, "pt") as file:
                about = file.metadata() or {}
        except Exception as error:
            raise OptionError(f"{self.path} is no checkpoint. Give another folder.") from error
        if about.get("name") != self.name:
            raise OptionError(
                f"{self.path.parent} holds a training on other data or with other settings. Give "
                "the same to go on with it, or another folder."
            )

    def load(self, parameters: Sequence[Tensor], optimiser: torch.optim.Optimizer) -> Place | None:
        """Put back what was saved, if anything was; random numbers, too."""
        from safetensors import safe_open

        if not self.path.is_file():
            return None
        with safe_open(self.path, "pt") as file:
            place = json.loads(file.metadata()["place"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        with torch.no_grad():
            for i, parameter in enumerate(parameters):
                parameter.copy_(tensors[f"{_PARAMETER}.{i}"])
        put_optimiser(optimiser, _numbered(parameters), tensors, _OPTIMISER)
        torch.set_rng_state(tensors[_RANDOM])
        if _RANDOM_CUDA in tensors:
            torch.cuda.set_rng_state(tensors[_RANDOM_CUDA], parameters[0].device)
        return Place(**place)


def optimiser_tensors(
    optimiser: torch.optim.Optimizer, named: Mapping[str, Tensor], prefix: str
) -> dict[str, Tensor]:
    """What the optimiser keeps of the parameters, as PREFIX.NAME.KEY."""
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
    """Put back what `optimiser_tensors` gave, where there is anything."""
    # A fused optimiser wants the count of steps beside the rest, another one on the processor.
    fused = bool(optimiser.defaults.get("fused"))
    for name, parameter in named.items():
        start = f"{prefix}.{name}."
        state = {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}
        if state:
            optimiser.state[parameter] = {
                key: tensor if key == "step" and not fused else tensor.to(parameter.device)
                for key, tensor in state.items()
            }


def _numbered(parameters: Sequence[Tensor]) -> dict[str, Tensor]:
    return {str(i): parameter for i, parameter in enumerate(parameters)}


@dataclass
class _Files:
    folder: Path
    name: str
    given: list[Checkpoint] = field(default_factory=list)

    def next(self) -> Checkpoint:
        path = self.folder / f"training-{len(self.given) + 1}.safetensors"
        self.given.append(Checkpoint(path, self.name))
        return self.given[-1]


_files: ContextVar[_Files | None] = ContextVar("checkpoints", default=None)


@contextmanager
def checkpoints(folder: str | Path | None, name: str) -> Iterator[None]:
    """Trainings in here go on where they were stopped; `name` is of all that they learn from."""
    if folder is None:
        yield
        return
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("training-*.safetensors"):
            Checkpoint(path, name).check()
        write_atomically(folder / "writable", b"")
        (folder / "writable").unlink()
    except FileExistsError:
        raise OptionError(f"{folder} is a file. Give a folder for checkpoints.") from None
    except OSError as error:
        raise OptionError(f"No checkpoint can be kept in {folder}: {error.strerror}.") from error
    files = _Files(folder, name)
    token = _files.set(files)
    try:
        yield
    finally:
        _files.reset(token)
    for checkpoint in files.given:
        checkpoint.path.unlink(missing_ok=True)


def next_checkpoint() -> Checkpoint | None:
    """Of the training that begins now, if it is to have one."""
    files = _files.get()
    return files.next() if files else None
