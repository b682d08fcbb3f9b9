"""Layers and adapter targets are found in every architecture, whatever its names."""

from __future__ import annotations

from typing import Any

import pytest
from transformers import (
    AlbertConfig,
    AutoModel,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ModernBertConfig,
    MPNetConfig,
    RobertaConfig,
    T5Config,
)

from fsl_nlp.training.layers import adapter_targets, layer_stack

BERT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "vocab_size": 50,
}
SEPARATE = 4  # query, key, value, output
FUSED = 2
MODELS: list[tuple[Any, int]] = [
    (BertConfig(**BERT), SEPARATE),
    (RobertaConfig(**BERT), SEPARATE),
    (ElectraConfig(**BERT, embedding_size=16), SEPARATE),
    (MPNetConfig(**BERT), SEPARATE),
    (DebertaV2Config(**BERT), SEPARATE),
    (DistilBertConfig(vocab_size=50, dim=32, hidden_dim=64, n_layers=3, n_heads=4), SEPARATE),
    (ModernBertConfig(**BERT, pad_token_id=0, cls_token_id=1, sep_token_id=2), FUSED),
    (T5Config(vocab_size=50, d_model=32, d_ff=64, d_kv=8, num_layers=3, num_heads=4), SEPARATE),
]


def load(config: Any) -> Any:
    model = AutoModel.from_config(config)
    return model.get_encoder() if config.is_encoder_decoder else model


@pytest.mark.parametrize(("config", "maps"), MODELS, ids=[c.model_type for c, _ in MODELS])
def test_layers_and_their_attention(config: Any, maps: int) -> None:
    model = load(config)
    assert len(layer_stack(model)) == 3
    targets = adapter_targets(model, "attention", "the model")
    assert len(targets) == 3 * maps
    every = adapter_targets(model, "all", "the model")
    assert set(targets) < set(every)
    assert not any("pooler" in name or "embeddings" in name for name in every)


def test_shared_layers_are_found_once() -> None:
    model = load(AlbertConfig(**BERT, embedding_size=16))
    assert len(adapter_targets(model, "attention", "the model")) == SEPARATE


def test_targets_by_the_ends_of_their_names() -> None:
    model = load(BertConfig(**BERT))
    assert len(adapter_targets(model, "query, value", "the model")) == 6
    assert len(adapter_targets(model, "attention.output.dense", "the model")) == 3
