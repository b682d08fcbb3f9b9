"""The attention for short texts gives what torch's own gives."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModel, BertConfig, GPT2Config, ModernBertConfig, T5Config
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from fsl_nlp.encoders.attention import NAME, attend, use_short_attention

ENCODER: Any = SimpleNamespace(is_causal=False)


def inputs(length: int, *, seed: int = 0) -> list[Tensor]:
    make = torch.Generator().manual_seed(seed)
    return [torch.randn(3, 2, length, 8, generator=make, requires_grad=True) for _ in range(3)]


def masks(length: int) -> dict[str, Tensor | None]:
    seen = torch.ones(3, 1, length, length, dtype=torch.bool)
    seen[1, :, :, (length + 1) // 2 :] = False
    return {"none": None, "seen": seen, "added": torch.zeros(seen.shape).masked_fill(~seen, -1e9)}


@pytest.mark.parametrize("length", [1, 2, 13, 128, 129])
@pytest.mark.parametrize("mask", ["none", "seen", "added"])
@pytest.mark.parametrize("scaling", [None, 0.5])
def test_it_equals_torch_s_attention_and_its_gradient(
    length: int, mask: str, scaling: float | None
) -> None:
    chosen = masks(length)[mask]
    ours, theirs = inputs(length), inputs(length)
    computed, _ = attend(ENCODER, *ours, chosen, scaling=scaling)
    expected, _ = sdpa_attention_forward(ENCODER, *theirs, chosen, scaling=scaling)
    torch.testing.assert_close(computed, expected, atol=1e-5, rtol=1e-5)
    weights = torch.randn_like(computed)
    (computed * weights).sum().backward()
    (expected * weights).sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, atol=1e-5, rtol=1e-4)


def test_scores_of_any_size_stay_finite() -> None:
    query, key, value = (x.detach() for x in inputs(5))
    computed, _ = attend(ENCODER, query * 1e4, key * 1e4, value, None)
    assert torch.isfinite(computed).all()


def test_dropout_takes_away_whole_weights_and_keeps_the_mean() -> None:
    query, key, _ = (x.detach() for x in inputs(8))
    torch.manual_seed(0)
    ones = torch.ones_like(query)
    dropped = torch.stack([attend(ENCODER, query, key, ones, None, 0.5)[0] for _ in range(400)])
    assert dropped.std() > 0.1
    assert dropped.mean().item() == pytest.approx(1, abs=0.02)


SMALL = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}


@pytest.mark.parametrize(
    "config",
    [
        BertConfig(**SMALL, intermediate_size=16),
        ModernBertConfig(**SMALL, intermediate_size=16, pad_token_id=0, local_attention=4),
        GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2),
        T5Config(vocab_size=50, d_model=16, d_kv=8, d_ff=16, num_layers=2, num_heads=2),
    ],
    ids=lambda config: config.model_type,
)
def test_models_give_the_same_states_with_it(config: Any) -> None:
    model = AutoModel.from_config(config, attn_implementation="sdpa").eval()
    if config.is_encoder_decoder:
        model = model.get_encoder()
    batch = {
        "input_ids": torch.arange(1, 25).view(2, 12),
        "attention_mask": torch.tensor([[1] * 12, [1] * 7 + [0] * 5]),
    }
    with torch.no_grad():
        expected = model(**batch).last_hidden_state
        use_short_attention(model)
        assert model.config._attn_implementation == NAME
        computed = model(**batch).last_hidden_state
    seen = batch["attention_mask"].bool()
    torch.testing.assert_close(computed[seen], expected[seen], atol=1e-5, rtol=1e-4)
