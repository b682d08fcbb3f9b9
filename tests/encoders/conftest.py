"""Tiny models with random weights, as the libraries save them."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, BertConfig

from fsl_nlp.encoders.cache import VectorCache

from ..conftest import SPECIAL, save_model

WORDS = ["hello", "world", "where", "is", "my", "parcel", "refund", "please", "the", "?"]
PIECES = [*string.ascii_lowercase, *(f"##{letter}" for letter in string.ascii_lowercase)]
SIZE = {
    "vocab_size": len(SPECIAL) + len(WORDS) + len(PIECES),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}


@dataclass(frozen=True)
class Tiny:
    """A model to save. `pooling` and what follows make it one of sentence-transformers."""

    config: Any = field(default_factory=lambda: BertConfig(**SIZE))
    kind: Any = AutoModel  # what saves it, such as AutoModelForMaskedLM
    seed: int = 0
    words: tuple[str, ...] = tuple(WORDS)
    bert_tokenizer: bool = True
    pooling: dict[str, Any] | None = None
    normalize: bool = True
    prompts: dict[str, Any] | None = None
    transformer: dict[str, Any] | None = None
    dense: bool = False

    def save(self, folder: Path) -> Path:
        words = [*self.words, *PIECES]
        save_model(
            folder, self.config, words, kind=self.kind, seed=self.seed, bert=self.bert_tokenizer
        )
        if self.pooling is not None:
            self._save_modules(folder)
        return folder

    def _save_modules(self, folder: Path) -> None:
        kinds = ["Transformer", "Pooling"] + ["Dense"] * self.dense + ["Normalize"] * self.normalize
        paths = ["", *(f"{i}_{kind}" for i, kind in enumerate(kinds) if i)]
        for path in paths:
            (folder / path).mkdir(exist_ok=True)
        modules = [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (kind, path) in enumerate(zip(kinds, paths, strict=True))
        ]
        write_json(folder / "modules.json", modules)
        write_json(folder / "1_Pooling/config.json", self.pooling)
        if self.prompts:
            write_json(folder / "config_sentence_transformers.json", self.prompts)
        if self.transformer:
            write_json(folder / "sentence_bert_config.json", self.transformer)
        if self.dense:
            from safetensors.torch import save_file

            size = {"in_features": 32, "out_features": 8, "bias": True}
            tanh = {"activation_function": "torch.nn.modules.activation.Tanh"}
            write_json(folder / "2_Dense/config.json", size | tanh)
            random = torch.Generator().manual_seed(self.seed)
            weights = {
                "linear.weight": torch.randn(8, 32, generator=random),
                "linear.bias": torch.randn(8, generator=random),
            }
            save_file(weights, folder / "2_Dense/model.safetensors")


def write_json(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values), encoding="utf-8")


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that tests only read."""
    return Tiny().save(tmp_path_factory.mktemp("tiny") / "bert")


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Saves a tiny model in a fresh folder; the settings are those of `Tiny`."""

    def save(**settings: Any) -> Path:
        folder = tmp_path / f"model{len(list(tmp_path.glob('model*')))}"
        return Tiny(**settings).save(folder)

    return save


@pytest.fixture
def cache(tmp_path: Path) -> VectorCache:
    return VectorCache(tmp_path / "vectors" / "vectors.sqlite")
