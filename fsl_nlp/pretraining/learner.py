"""Masked language modelling: steps, evaluation on held-out texts, checkpoints."""

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
from fsl_nlp.folders import PRIVATE_FILE, write_atomically
from fsl_nlp.heads.options import (
    option,
    require_above,
    require_between,
    require_choice,
    require_count,
    require_rate,
)
from fsl_nlp.json_text import parse_json
from fsl_nlp.pretraining.corpus import Corpus, MaskedBatch
from fsl_nlp.pretraining.model import trained_parameters
from fsl_nlp.progress import track
from fsl_nlp.prompts.masked_model import MaskedNet
from fsl_nlp.runtime.batches import batches_by_length
from fsl_nlp.seeding import seeded
from fsl_nlp.training.adaptation import Adaptation, FullTuning, LoraTuning, Parameters
from fsl_nlp.training.checkpoint import optimiser_tensors, put_optimiser
from fsl_nlp.training.trainer import rate_share

CHECKPOINT = "adapt"  # the files adapt.json and adapt.safetensors
TUNE: dict[str, Callable[[int], Adaptation]] = {
    "lora": lambda rank: LoraTuning(rank=rank, alpha=2 * rank, targets="all"),
    "full": lambda _: FullTuning(),
}
_RATES = {"lora": 1e-3, "full": 1e-4}
# Tokens, padding included, in one pass: on a CPU a gigabyte of activations.
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
            require_rate("learning_rate", self.learning_rate)


@dataclass
class MaskedTrainer:
    """Trains a masked language model on a corpus."""

    encoder: TextEncoder
    net: MaskedNet
    parameters: Parameters
    settings: AdaptSettings
    corpus: Corpus
    seed: int
    name: str  # identifies the run: checkpoints of other runs are refused

    def __post_init__(self) -> None:
        settings = self.settings
        self.piece_ids = torch.from_numpy(self.corpus.piece_ids()).to(self.encoder.device)  # [R]
        self.column_of = torch.full((self.net.vocabulary,), 0, device=self.encoder.device)
        self.column_of[self.piece_ids] = torch.arange(
            len(self.piece_ids), device=self.encoder.device
        )
        matrices = [p for p in self.parameters.values() if p.ndim > 1 and p.shape[-1] > 1]
        no_decay = [p for p in self.parameters.values() if not (p.ndim > 1 and p.shape[-1] > 1)]
        rate = settings.learning_rate or _RATES[settings.tune]
        groups = [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": no_decay, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW([g for g in groups if g["params"]], lr=rate, fused=True)
        self.rate = rate

    def set_bias_to_frequencies(self) -> None:
        """Start a new head with the log frequency of each piece as its bias."""
        pieces, counts = np.unique(np.concatenate(self.corpus.texts), return_counts=True)
        log_frequencies = (
            torch.from_numpy(np.log(counts / counts.sum())).float().to(self.column_of.device)
        )
        with torch.no_grad():
            self.net.bias.weight[torch.from_numpy(pieces).to(self.column_of.device), 0] = (
                log_frequencies
            )

    def train(
        self,
        folder: Path,
        first: int,
        last: int,
        report: Callable[[dict[str, float]], object] | None,
    ) -> None:
        """Take the steps from `first` to `last`, and save the state from time to time."""
        saved = time.monotonic()
        batches: list[list[int]] = []
        epoch = -1
        per_epoch = max(1, -(-len(self.corpus.texts) // self.settings.batch_size))
        self.net.train(self.settings.dropout)
        with track(last - first, "Adapting") as progress:
            for step in range(first, last):
                if step // per_epoch != epoch:
                    epoch = step // per_epoch
                    batches = self.corpus.batches(epoch, self.settings.batch_size, self.seed)
                # Dropout is the same after a resume.
                with seeded(self.seed * 1_000_003 + step):
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
        rng = np.random.default_rng([self.seed, 1, step])
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * rate_share(step, self.settings.steps, self.settings.warmup)
        self.optimiser.zero_grad(set_to_none=True)
        batch = self.corpus.mask_pieces(chosen, self.net.vocabulary, self.settings.rate, rng)
        total = 0.0
        with self._autocast():
            for part in self._parts(batch):
                loss = self._losses(part).sum() / len(batch.pieces)
                loss.backward()  # type: ignore[no-untyped-call]
                total += float(loss.detach())
        if not math.isfinite(total):
            raise ModelError(
                f"The loss is not a number at step {step}. Start again with a lower learning_rate "
                "and another folder."
            )
        torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), 1.0)
        self.optimiser.step()
        return total

    def _parts(self, batch: MaskedBatch) -> list[MaskedBatch]:
        """Parts of the batch that fit into memory."""
        budget = _PASS_TOKENS.get(self.encoder.device.type, 1024)
        parts = []
        for rows in batches_by_length(batch.ids, budget):
            row_of = {row: i for i, row in enumerate(rows)}
            indices = [k for k, row in enumerate(batch.rows) if row in row_of]
            parts.append(
                MaskedBatch(
                    [batch.ids[row] for row in rows],
                    [row_of[batch.rows[k]] for k in indices],
                    [batch.positions[k] for k in indices],
                    [batch.pieces[k] for k in indices],
                )
            )
        return parts

    def _logits(self, batch: MaskedBatch) -> Tensor:
        """The scores [M, R] of the pieces that occur, for each masked piece."""
        states = self.net.base(**self.encoder.features(batch.ids)).last_hidden_state
        outputs = self.net.hidden_states(states[batch.rows, batch.positions].unsqueeze(0))
        return self.net.logits(outputs, self.piece_ids)[0]

    def _losses(self, batch: MaskedBatch) -> Tensor:
        targets = self.column_of[torch.tensor(batch.pieces, device=self.column_of.device)]
        return F.cross_entropy(self._logits(batch).float(), targets, reduction="none")

    def evaluate(self, corpus: Corpus) -> dict[str, float]:
        """Masked accuracy and loss on a corpus; the same pieces are masked at each call."""
        mask_id, rng = self.net.vocabulary, np.random.default_rng([self.seed, 2])
        batch = corpus.mask_pieces(range(len(corpus.texts)), mask_id, self.settings.rate, rng)
        trained_pieces = set(self.piece_ids.tolist())
        hits, losses = [0.0], [0.0]
        with torch.inference_mode(), self._autocast():
            for part in self._parts(batch):
                indices = [k for k, piece in enumerate(part.pieces) if piece in trained_pieces]
                if not indices:
                    continue
                targets = self.column_of[torch.tensor([part.pieces[k] for k in indices])]
                logits = self._logits(part).float()[indices]
                hits += (logits.argmax(-1) == targets).float().tolist()
                losses += F.cross_entropy(logits, targets, reduction="none").tolist()
        # Pieces that do not occur in training count as wrong, and not in the loss.
        return {
            "accuracy": sum(hits) / len(batch.pieces),
            "loss": sum(losses) / max(1, len(losses) - 1),
            "count": len(batch.pieces),
        }

    def _autocast(self) -> torch.autocast:
        device = self.encoder.device
        return torch.autocast(device.type, dtype=torch.bfloat16, enabled=has_bf16(device))

    def save(self, folder: Path, step: int) -> None:
        """Write the state before a step."""
        from safetensors.torch import save

        tensors = trained_parameters(self.net, self.parameters)
        tensors |= optimiser_tensors(self.optimiser, self._numbered(), "optimiser")
        content = save(tensors)
        metadata = {
            "step": step,
            "name": self.name,
            "settings": asdict(self.settings),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        write_atomically(folder / f"{CHECKPOINT}.safetensors", content, mode=PRIVATE_FILE)
        text = json.dumps(metadata, indent=1) + "\n"
        write_atomically(folder / f"{CHECKPOINT}.json", text, mode=PRIVATE_FILE)

    def resume(self, folder: Path, settings: AdaptSettings) -> int:
        """Restore the saved state, and give its step; 0 if there is none."""
        from safetensors.torch import load

        metadata_file, weights = (folder / f"{CHECKPOINT}.{end}" for end in ("json", "safetensors"))
        if not metadata_file.is_file():
            return 0
        delete = f"Delete it and {CHECKPOINT}.* beside it to begin again."
        try:
            metadata = parse_json(metadata_file.read_bytes())
            name, digest = str(metadata["name"]), str(metadata["sha256"])
            step, stored = int(metadata["step"]), dict(metadata["settings"])
            content = weights.read_bytes()
        except (OSError, ValueError, KeyError, TypeError):
            raise DataError(f"{metadata_file} is damaged. {delete}") from None
        expected = asdict(settings)
        changed = {n for n in expected if expected[n] != stored.get(n)} - {
            "save_minutes",
            "held_out",
        }
        if name != self.name or changed:
            difference = (
                f"other {', '.join(sorted(changed))}" if changed else "another model, texts or seed"
            )
            raise OptionError(
                f"{folder} has a run with {difference}. Use the same to continue it, or another "
                "folder."
            )
        if hashlib.sha256(content).hexdigest() != digest:
            raise DataError(f"{weights} is cut off or altered. {delete}")
        tensors = load(content)
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[name])
        put_optimiser(self.optimiser, self._numbered(), tensors, "optimiser")
        return step

    def _numbered(self) -> dict[str, Tensor]:
        return {str(i): parameter for i, parameter in enumerate(self.parameters.values())}
