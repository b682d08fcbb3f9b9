"""What learns to fill in texts: its steps, its judgement on held-out texts, its checkpoints."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fsl_nlp.encoders import TextEncoder
from fsl_nlp.encoders.hardware import has_bf16
from fsl_nlp.errors import DataError, ModelError, OptionError
from fsl_nlp.folders import write_atomically
from fsl_nlp.heads.options import (
    option,
    require_above,
    require_between,
    require_choice,
    require_count,
)
from fsl_nlp.pretraining.corpus import Corpus, Hidden
from fsl_nlp.pretraining.model import trained
from fsl_nlp.progress import track
from fsl_nlp.prompts.masked_model import MaskedNet
from fsl_nlp.runtime.batches import batches_by_length
from fsl_nlp.training.adaptation import Adaptation, FullTuning, LoraTuning, Parameters
from fsl_nlp.training.checkpoint import optimiser_tensors, put_optimiser
from fsl_nlp.training.trainer import seeded

CHECKPOINT = "adapt"  # the files adapt.json and adapt.safetensors
TUNE: dict[str, Callable[[int], Adaptation]] = {
    "lora": lambda rank: LoraTuning(rank=rank, alpha=2 * rank, targets="all"),
    "full": lambda _: FullTuning(),
}
_RATES = {"lora": 1e-3, "full": 1e-4}
# At once through the layers, padding included: on a CPU a gigabyte of activations.
_PASS_TOKENS = {"cpu": 1024, "cuda": 65536}


@dataclass(frozen=True)
class AdaptSettings:
    """Options of `adapt`."""

    steps: int = option(2000, "steps of training")
    batch_size: int = option(64, "texts in a step")
    tune: str = option(
        "lora", "low-rank additions, merged in the end, or all layers (full)", choices=TUNE
    )
    rank: int = option(16, "rank of the low-rank additions")
    learning_rate: float | None = option(None, "None is 1e-3 for lora, 1e-4 for full")
    weight_decay: float = option(0.01, "weight decay of AdamW")
    warmup: float = option(0.05, "share of the steps in which the rate rises; then it falls to 0")
    rate: float = option(0.2, "share of the tokens that are hidden")
    longest: int = option(128, "tokens read of a text at a time")
    held_out: int = option(500, "texts kept for the masked accuracy, at most a tenth")
    dropout: bool = option(False, "use dropout: for few texts that are read many times")
    save_minutes: float = option(5.0, "minutes between two checkpoints")

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "rank", "held_out"):
            require_count(name, getattr(self, name))
        require_count("longest", self.longest, 8)
        require_choice("tune", self.tune, list(TUNE))
        require_between("rate", self.rate, 0.01, 0.9)
        require_between("warmup", self.warmup, 0, 1)
        require_between("weight_decay", self.weight_decay, 0, 10)
        require_above("save_minutes", self.save_minutes, 0)
        if self.learning_rate is not None:
            require_above("learning_rate", self.learning_rate, 0)


@dataclass
class Learner:
    encoder: TextEncoder
    net: MaskedNet
    parameters: Parameters
    settings: AdaptSettings
    corpus: Corpus
    seed: int
    name: str  # of what the run is about: a checkpoint of another run is not taken

    def __post_init__(self) -> None:
        settings = self.settings
        self.rows = torch.from_numpy(self.corpus.occurring()).to(self.encoder.device)  # [R]
        self.place = torch.full((self.net.vocabulary,), 0, device=self.encoder.device)
        self.place[self.rows] = torch.arange(len(self.rows), device=self.encoder.device)
        matrices = [p for p in self.parameters.values() if p.ndim > 1 and p.shape[-1] > 1]
        others = [p for p in self.parameters.values() if not (p.ndim > 1 and p.shape[-1] > 1)]
        rate = settings.learning_rate or _RATES[settings.tune]
        groups = [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW([g for g in groups if g["params"]], lr=rate, fused=True)
        self.rate = rate

    def begin_with_frequencies(self) -> None:
        """A new head knows at least how often each piece occurs."""
        pieces, counts = np.unique(np.concatenate(self.corpus.texts), return_counts=True)
        often = torch.from_numpy(np.log(counts / counts.sum())).float().to(self.place.device)
        with torch.no_grad():
            self.net.bias.weight[torch.from_numpy(pieces).to(self.place.device), 0] = often

    def train(
        self,
        folder: Path,
        first: int,
        last: int,
        report: Callable[[dict[str, float]], object] | None,
    ) -> None:
        saved = time.monotonic()
        batches: list[list[int]] = []
        epoch = -1
        per_epoch = max(1, -(-len(self.corpus.texts) // self.settings.batch_size))
        self.net.train(self.settings.dropout)
        with seeded(self.seed, self.encoder.device), track(last - first, "Adapting") as progress:
            for step in range(first, last):
                if step // per_epoch != epoch:
                    epoch = step // per_epoch
                    batches = self.corpus.batches(epoch, self.settings.batch_size, self.seed)
                loss = self._step(batches[step % per_epoch], step)
                if report:
                    report({"step": step, "loss": loss})
                progress(1)
                if time.monotonic() - saved > self.settings.save_minutes * 60:
                    self.save(folder, step + 1)
                    saved = time.monotonic()
        self.net.eval()
        self.save(folder, last)

    def _step(self, chosen: list[int], step: int) -> float:
        torch.manual_seed(self.seed * 1_000_003 + step)  # dropout; resuming must not change it
        rng = np.random.default_rng([self.seed, 1, step])
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * _share(step, self.settings.steps, self.settings.warmup)
        self.optimiser.zero_grad(set_to_none=True)
        hidden = self.corpus.hide(chosen, self.net.vocabulary, self.settings.rate, rng)
        total = 0.0
        with self._autocast():
            for part in self._parts(hidden):
                loss = self._losses(part).sum() / len(hidden.pieces)
                loss.backward()  # type: ignore[no-untyped-call]
                total += float(loss.detach())
        if not math.isfinite(total):
            raise ModelError(
                f"The loss is no number any more, at step {step}. Start again with a lower "
                "learning rate and another folder."
            )
        torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), 1.0)
        self.optimiser.step()
        return total

    def _parts(self, hidden: Hidden) -> list[Hidden]:
        """As much at once as fits in memory."""
        budget = _PASS_TOKENS.get(self.encoder.device.type, 1024)
        parts = []
        for rows in batches_by_length(hidden.ids, budget):
            at = {row: i for i, row in enumerate(rows)}
            mine = [k for k, row in enumerate(hidden.rows) if row in at]
            parts.append(
                Hidden(
                    [hidden.ids[row] for row in rows],
                    [at[hidden.rows[k]] for k in mine],
                    [hidden.places[k] for k in mine],
                    [hidden.pieces[k] for k in mine],
                )
            )
        return parts

    def _logits(self, hidden: Hidden) -> Tensor:
        """[M, R]: over the pieces that occur, for each hidden piece."""
        states = self.net.base(**self.encoder.features(hidden.ids)).last_hidden_state
        read = self.net.read(states[hidden.rows, hidden.places].unsqueeze(0))
        return self.net.logits(read, self.rows)[0]

    def _losses(self, hidden: Hidden) -> Tensor:
        targets = self.place[torch.tensor(hidden.pieces, device=self.place.device)]
        return F.cross_entropy(self._logits(hidden).float(), targets, reduction="none")

    def judge(self, corpus: Corpus) -> dict[str, float]:
        """On held-out texts, always the same pieces hidden; of those that occur in training."""
        mask, rng = self.net.vocabulary, np.random.default_rng([self.seed, 2])
        hidden = corpus.hide(range(len(corpus.texts)), mask, self.settings.rate, rng)
        known = set(self.rows.tolist())
        hits, losses = [0.0], [0.0]
        with torch.inference_mode(), self._autocast():
            for part in self._parts(hidden):
                here = [k for k, piece in enumerate(part.pieces) if piece in known]
                if not here:
                    continue
                targets = self.place[torch.tensor([part.pieces[k] for k in here])]
                logits = self._logits(part).float()[here]
                hits += (logits.argmax(-1) == targets).float().tolist()
                losses += F.cross_entropy(logits, targets, reduction="none").tolist()
        # A piece that is not among the words counts as wrong.
        return {
            "accuracy": sum(hits) / len(hidden.pieces),
            "loss": sum(losses) / max(1, len(losses) - 1),
            "count": len(hidden.pieces),
        }

    def _autocast(self) -> torch.autocast:
        device = self.encoder.device
        return torch.autocast(device.type, dtype=torch.bfloat16, enabled=has_bf16(device))

    def save(self, folder: Path, step: int) -> None:
        from safetensors.torch import save

        tensors = trained(self.net, self.parameters)
        tensors |= optimiser_tensors(self.optimiser, self._numbered(), "optimiser")
        content = save(tensors)
        about = {
            "step": step,
            "name": self.name,
            "settings": asdict(self.settings),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        write_atomically(folder / f"{CHECKPOINT}.safetensors", content)
        write_atomically(folder / f"{CHECKPOINT}.json", json.dumps(about, indent=1) + "\n")

    def resume(self, folder: Path, settings: AdaptSettings) -> int:
        """The step to go on from."""
        from safetensors.torch import load

        about_file, weights = (folder / f"{CHECKPOINT}.{end}" for end in ("json", "safetensors"))
        if not about_file.is_file():
            return 0
        about = json.loads(about_file.read_text(encoding="utf-8"))
        wanted, found = asdict(settings), about["settings"]
        others = {n for n in wanted if wanted[n] != found.get(n)} - {"save_minutes", "held_out"}
        if about["name"] != self.name or others:
            what = (
                f"other {', '.join(sorted(others))}" if others else "another model, texts or seed"
            )
            raise OptionError(
                f"{folder} holds a run with {what}. Give the same to go on with it, or another "
                "folder."
            )
        content = weights.read_bytes()
        if hashlib.sha256(content).hexdigest() != about["sha256"]:
            raise DataError(f"{weights} is cut off or altered. Delete it and {about_file.name}.")
        tensors = load(content)
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[name])
        put_optimiser(self.optimiser, self._numbered(), tensors, "optimiser")
        return int(about["step"])

    def _numbered(self) -> dict[str, Tensor]:
        return {str(i): parameter for i, parameter in enumerate(self.parameters.values())}


def _share(step: int, steps: int, warmup: float) -> float:
    """Of the full rate: up over the warm-up, then down to 0, both in straight lines."""
    rising = max(1, round(steps * warmup))
    return min((step + 1) / rising, (steps - step) / max(1, steps - rising))
