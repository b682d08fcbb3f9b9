"""Networks that say whether one text entails another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from fsl_nlp.encoders.catalogue import locate
from fsl_nlp.encoders.loading import LOCAL_ONLY, check_finite, quiet_transformers
from fsl_nlp.encoders.model_files import check_files
from fsl_nlp.encoders.pooling import pool
from fsl_nlp.errors import ModelError
from fsl_nlp.seeding import seeded

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder


class EntailmentNet(nn.Module):
    """A transformer and what turns a pair of texts into one score."""

    def __init__(self, base: nn.Module, head: nn.Module, pooling: Any) -> None:
        super().__init__()
        self.base = base
        self.head = head  # D -> 1
        self.pooling = pooling

    def forward(self, features: dict[str, Tensor]) -> Tensor:
        """[B]: log-odds that the first text entails the second."""
        states = self.base(**features).last_hidden_state
        vectors = pool(states, features["attention_mask"], self.pooling)
        # Unit vectors are small for a head; the factor makes its inputs about 1 each.
        return self.head(vectors * vectors.shape[1] ** 0.5)[:, 0]


class InferenceNet(nn.Module):
    """A model with a head for natural language inference."""

    def __init__(self, model: nn.Module, entailment: int) -> None:
        super().__init__()
        self.model = model
        self.entailment = entailment

    def forward(self, features: dict[str, Tensor]) -> Tensor:
        """[B]: log p(entailment) - log p(anything else)."""
        log_probabilities = self.model(**features).logits.float().log_softmax(-1)
        entailed = log_probabilities[:, self.entailment]
        return entailed - torch.log1p(-entailed.exp().clamp(max=1 - 1e-6))


def has_inference_head(encoder: TextEncoder) -> bool:
    """Whether the model was trained on inference and has a head for it."""
    return _entailment(encoder) is not None


def _entailment(encoder: TextEncoder) -> int | None:
    """The index of the entailment label in the model's configuration; None without one."""
    config: Any = encoder.module.config
    for index, name in (config.id2label or {}).items():
        if str(name).lower().startswith("entail"):
            return int(index)
    return None


def load_net(encoder: TextEncoder, seed: int) -> nn.Module:
    """The model before training, on the encoder's own weights."""
    if encoder.pooling.custom:
        raise ModelError(
            f"{encoder.name} has modules after the transformer, so it cannot read pairs."
        )
    entailment = _entailment(encoder)
    if entailment is None:
        with seeded(seed), torch.no_grad():
            head = nn.Linear(encoder.dimensions, 1, device=encoder.device)
            head.weight.normal_(
                0, 0.02, generator=torch.Generator(encoder.device).manual_seed(seed)
            )
            head.bias.zero_()
        net = EntailmentNet(encoder.module, head, encoder.pooling)
        return net.requires_grad_(False)
    from transformers import AutoModelForSequenceClassification

    encoder.check_unchanged()
    folder = locate(encoder.name)
    check_files(folder)
    with quiet_transformers(), seeded(0):
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, use_safetensors=True, **LOCAL_ONLY
        ).to(encoder.device, torch.float32)
    check_finite(model)
    setattr(model, model.base_model_prefix, encoder.module)
    return InferenceNet(model.eval().requires_grad_(False), entailment)
