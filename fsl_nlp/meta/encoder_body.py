"""The top layers of an encoder as a body. The layers below are frozen and run once for each text.

A row holds the token states below the layers that adapt and their mask, padded to a fixed number of
tokens and flattened: [T, D + 1]. If all layers adapt, it holds the token ids and the mask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from fsl_nlp.encoders.pooling import pool
from fsl_nlp.errors import ModelError, OptionError
from fsl_nlp.forks import Lock
from fsl_nlp.heads.projection import whitened
from fsl_nlp.meta.bodies import Body, BodySettings, source_whitening
from fsl_nlp.meta.task_heads import Tensors
from fsl_nlp.seeding import seeded
from fsl_nlp.training.adaptation import Adaptation, BiasTuning, FullTuning, LoraTuning
from fsl_nlp.training.copies import thaw
from fsl_nlp.training.frozen_layers import FrozenLayers
from fsl_nlp.training.layers import layer_stack

if TYPE_CHECKING:
    from fsl_nlp.encoders.encoder import TextEncoder

# Texts from which the whitening is computed; more would not change it.
_WHITENING_ROWS = 4000
# Numbers that each layer stores for a token when gradients are computed, in token states.
_COPIES = 40


@dataclass(frozen=True, eq=False)
class EncoderBody(Body):
    """A body of encoder layers. Its features are whitened like those of `MetricBody`."""

    encoder: TextEncoder
    name: str
    settings: BodySettings
    module: nn.Module
    start: Tensors  # the parameters that may be learned, with the values of the encoder
    frozen: int  # the number of frozen layers, from the lowest
    below: FrozenLayers | None
    precision: str = "fp32"  # of the layers that adapt
    _lock: Lock = field(default_factory=Lock, repr=False)

    @classmethod
    def build(
        cls, name: str, settings: BodySettings, encoder: TextEncoder, precision: str = "fp32"
    ) -> EncoderBody:
        """A body on a private copy of the encoder; `name` is one of `ENCODER_BODIES`."""
        if encoder.pooling.custom:
            raise ModelError(
                f"{encoder.name} has modules of its own after the transformer, so no part of it "
                "can adapt. Use body='metric', or a model that only pools and normalises."
            )
        base = cls.base_module(encoder)
        count = len(layer_stack(base))
        if settings.layers > count:
            raise OptionError(f"layers={settings.layers}: {encoder.name} has {count} layers.")
        frozen = 0 if name == "everything" else count - settings.layers
        adaptation = _adaptation(name, frozen, settings)
        with seeded(0):
            module, parameters = adaptation.apply(base, encoder.name)
        _in_fp32_above(module, frozen)
        config: Any = getattr(module, "config", None)
        if getattr(config, "_attn_implementation", None) == "sdpa":
            # The fused attention of torch has no second derivative.
            module.set_attn_implementation("eager")  # type: ignore[operator]
        module.eval().requires_grad_(False)
        # The output of the pooler is not used.
        start = {n: p.detach().float() for n, p in parameters.items() if "pooler." not in n}
        below = FrozenLayers(module, frozen) if frozen else None
        return cls(encoder, name, settings, module, start, frozen, below, precision)

    @staticmethod
    def base_module(encoder: TextEncoder) -> nn.Module:
        """The module whose states are used; it shares the tensors of the encoder."""
        return encoder.module

    @property
    def width(self) -> int:
        """The numbers of a token in a row: its state and the mask, or its id and the mask."""
        return self.encoder.dimensions + 1 if self.frozen else 2

    def initial(self, row: int, seed: int) -> Tensors:
        """The parameters of the encoder."""
        return {name: tensor.clone() for name, tensor in self.start.items()}

    def source_statistics(self, tensors: Tensors, rows: Tensor, classes: Tensor) -> Tensors:
        """The mean and the whitening of the vectors of some rows."""
        sample = random_rows(rows, _WHITENING_ROWS)
        vectors = self.in_parts(partial(self._vectors, tensors), rows[sample])
        if not torch.isfinite(vectors).all():
            raise ModelError(
                f"The top layers of {self.encoder.name} cannot run separately: they give NaN. Use "
                "body='metric'."
            )
        index = torch.unique(classes[sample.to(classes.device)], return_inverse=True)[1]
        return source_whitening(vectors, index, self.settings.shrinkage)

    def updated_statistics(self, tensors: Tensors, rows: Tensor, classes: Tensor) -> Tensors:
        """The mean and the whitening of the vectors as trained."""
        return self.source_statistics(tensors, rows, classes)

    def in_parts(self, function: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
        """The function applied to a few rows at a time, without gradients."""
        with torch.no_grad():
            return torch.cat([function(self.trim(part)) for part in torch.split(rows, 64)])

    def features(self, tensors: Tensors, rows: Tensor) -> Tensor:
        """Whitened vectors from the layers that adapt."""
        vectors = self._vectors(tensors, rows)
        return whitened(vectors, tensors["mean"], tensors["whitening"])

    def dimensions(self, row: int) -> int:
        """The length of the vectors of the encoder."""
        return self.encoder.dimensions

    def trim(self, rows: Tensor) -> Tensor:
        """Rows without the tokens that are padding in all of them."""
        tokens = rows.unflatten(-1, (-1, self.width))  # type: ignore[no-untyped-call]
        used = tokens[..., -1].flatten(0, -2).amax(0) > 0
        return tokens[..., : int(used.sum()), :].flatten(-2)

    def activation_size(self, row: int) -> int:
        """Numbers for all tokens of a row, in all layers that adapt."""
        size = self.encoder.dimensions
        return row // self.width * size * (len(layer_stack(self.module)) - self.frozen) * _COPIES

    def options(self) -> dict[str, Any]:
        """The name of the body, and its settings."""
        return {"body": self.name, **vars(self.settings)}

    def rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The rows [n, T * width] of texts; each distinct text is computed once."""
        tokens = self.settings.tokens
        if not texts:
            return np.zeros((0, tokens * self.width), np.float32)
        keys = [self.encoder.key(text, f"states {self.frozen} {tokens}") for text in texts]
        return self.encoder.cached_vectors(
            keys, lambda indices: self._compute_rows([texts[i] for i in indices]), on_disk=False
        )

    def _compute_rows(self, texts: list[str]) -> NDArray[np.float32]:
        limit = min(self.settings.tokens, self.encoder.pooling.max_length)
        ids = self.encoder.tokenize(texts, truncation=True, max_length=limit)["input_ids"]
        rows = np.zeros((len(ids), self.settings.tokens, self.width), np.float32)
        for row, tokens in zip(rows, ids, strict=True):
            row[: len(tokens), -1] = 1
            if not self.frozen:
                row[: len(tokens), 0] = tokens
        if self.below is not None:
            self.fill_states(ids, rows[..., :-1])
        return rows.reshape(len(ids), -1)

    def fill_states(self, ids: list[list[int]], out: NDArray[np.float32]) -> None:
        """Write the states below the layers that adapt into `out` [n, T, D]."""
        assert self.below
        with self._lock, self._autocast(self.encoder.precision):
            self.below.cache_states(ids, lambda rows: self.encoder.features([ids[i] for i in rows]))
            for row, states in zip(out, self.below.states, strict=True):
                row[: len(states)] = states.float().cpu().numpy()
            self.below.clear()

    def _vectors(self, tensors: Tensors, rows: Tensor) -> Tensor:
        """Vectors [n, D] of rows [n, T * width]."""
        tokens = rows.view(len(rows), -1, self.width)
        mask = tokens[..., -1]
        return pool(self.states(tensors, tokens[..., :-1], mask), mask, self.encoder.pooling)

    def states(self, tensors: Tensors, tokens: Tensor, mask: Tensor) -> Tensor:
        """States of the last layer [n, T, D], from states below [n, T, D] or ids [n, T, 1]."""
        # A 4-dimensional mask that is added: models inspect other masks, which vmap cannot do.
        hidden = (1 - mask)[:, None, None, :] * torch.finfo(torch.float32).min
        parameters = {name: tensors[name] for name in self.start}
        if self.below is None:
            inputs = {"input_ids": tokens[..., 0].long(), "attention_mask": hidden}
            return self._run(parameters, inputs)
        with self._lock, self.below.use_states(tokens):
            return self._run(parameters, {"inputs_embeds": tokens, "attention_mask": hidden})

    def _run(self, parameters: Tensors, inputs: dict[str, Tensor]) -> Tensor:
        with self._autocast(self.precision):
            states: Tensor = functional_call(self.module, parameters, (), inputs).last_hidden_state
        return states.float()

    def _autocast(self, precision: str) -> torch.autocast:
        enabled = precision == "bf16"
        return torch.autocast(self.encoder.device.type, dtype=torch.bfloat16, enabled=enabled)


def random_rows(rows: Tensor, most: int) -> Tensor:
    """The indices of at most `most` rows, drawn at random with a fixed seed."""
    drawn = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    return drawn[:most].to(rows.device)


def _adaptation(name: str, frozen: int, settings: BodySettings) -> Adaptation:
    if name == "lora":
        return LoraTuning(freeze_layers=frozen, rank=settings.rank or LoraTuning.rank)
    if name == "norms":
        return BiasTuning(freeze_layers=frozen)
    return FullTuning(freeze_layers=frozen)


def _in_fp32_above(module: nn.Module, frozen: int) -> None:
    """Second derivatives of bf16 are mostly noise. The frozen layers stay as they are."""
    names = [name for name, _ in module.named_parameters()]
    last = -1
    if frozen:
        highest = f"{layer_stack(module)[frozen - 1][0]}."
        last = max(i for i, name in enumerate(names) if name.startswith(highest))
    thaw(module, set(names[last + 1 :]))
