"""Tiny masked language models of each architecture, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import (
    AlbertConfig,
    AutoModelForMaskedLM,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ErnieConfig,
    ModernBertConfig,
    RobertaConfig,
    XLMRobertaConfig,
)

from fsl_nlp import TextEncoder

from ..conftest import SPECIAL, save_model

CHINESE = (
    "这是一条新闻体育财经很好不满意快递到哪了我的订单退款相同吗"
    "心三二四面八方五光十色成语写人地走就差，。？！、"
)
ENGLISH = [
    "it",
    "was",
    "good",
    "bad",
    "about",
    "sport",
    "money",
    "the",
    "parcel",
    "came",
    "late",
    ",",
    ".",
    "?",
    "!",
]
LETTERS = [*"abcdefghijklmnopqrstuvwxyz", *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz")]
WORDS = list(dict.fromkeys([*CHINESE, *ENGLISH, *LETTERS]))
VOCABULARY = [*SPECIAL, *WORDS]

SIZE: dict[str, Any] = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 66,
    "pad_token_id": 0,
}
CONFIGS: dict[str, Callable[[], Any]] = {
    "bert": lambda: BertConfig(**SIZE),
    "roberta": lambda: RobertaConfig(**SIZE, bos_token_id=2, eos_token_id=3),
    "xlm-roberta": lambda: XLMRobertaConfig(**SIZE, bos_token_id=2, eos_token_id=3),
    "albert": lambda: AlbertConfig(**SIZE, embedding_size=16),
    "ernie": lambda: ErnieConfig(**SIZE),
    "electra": lambda: ElectraConfig(**SIZE, embedding_size=24),
    "deberta-v2": lambda: DebertaV2Config(**SIZE, relative_attention=True, pos_att_type=["p2c"]),
    "deberta-v3": lambda: DebertaV2Config(**SIZE, relative_attention=True, legacy=False),
    "modernbert": lambda: ModernBertConfig(
        **SIZE, bos_token_id=2, eos_token_id=3, cls_token_id=2, sep_token_id=3
    ),
    "distilbert": lambda: DistilBertConfig(
        vocab_size=len(VOCABULARY), dim=32, hidden_dim=48, n_layers=2, n_heads=4,
        max_position_embeddings=64, pad_token_id=0,
    ),
}  # fmt: skip


def save_masked(kind: str, folder: Path, *, seed: int = 0, tied: bool = True) -> str:
    config = CONFIGS[kind]()
    if not tied:
        config.tie_word_embeddings = False
    # `noise`: a bias of zeros would hide that it was left out.
    save_model(
        folder, config, WORDS, kind=AutoModelForMaskedLM, seed=seed, noise=0.2, model_max_length=64
    )
    return str(folder)


@pytest.fixture(scope="session")
def save() -> Callable[..., str]:
    """Saves a tiny masked model of some kind in a folder."""
    return save_masked


@pytest.fixture(scope="session")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TextEncoder]:
    """The encoder of a tiny masked model, in fp32."""
    encoders: dict[str, TextEncoder] = {}

    def find(kind: str) -> TextEncoder:
        if kind not in encoders:
            folder = save_masked(kind, tmp_path_factory.mktemp(kind))
            encoders[kind] = TextEncoder(folder, precision="fp32")
        return encoders[kind]

    return find
