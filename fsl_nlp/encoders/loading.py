"""Load a pretrained model and its tokenizer; errors say what is wrong with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_nlp.encoders.attention import use_short_attention
from fsl_nlp.encoders.catalogue import default_prefix, locate, log
from fsl_nlp.encoders.model_files import check_files
from fsl_nlp.encoders.pooling import LONGEST, Pooling, read_pooling
from fsl_nlp.errors import ModelError, first_line

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

# Tells tokenizers apart: case, accents, widths, scripts, digits.
_PROBE = "Hello wörld 你好，ＡＢＣ ﬁne 2024 \u3000ไทย 🙂"

# Architectures whose positions begin after the padding index, by parts of their names.
_LATE_POSITIONS = (
    "roberta", "camembert", "mpnet", "longformer", "data2vec", "xmod", "ibert", "luke", "esm",
)  # fmt: skip

# No network, and no code from the folder.
LOCAL_ONLY: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


@dataclass(frozen=True)
class LoadedModel:
    """The parts of a pretrained model that an encoder uses."""

    module: torch.nn.Module
    tokenizer: PreTrainedTokenizerBase
    pooling: Pooling
    fingerprint: str


def load_model(name: str, device: torch.device) -> LoadedModel:
    """Load a model in fp32 for inference. `name` is of the catalogue, a folder or a hub id."""
    folder = locate(name)
    with _helpful_errors(name), quiet_transformers():
        import torch
        from transformers import AutoConfig, AutoTokenizer

        from fsl_nlp.seeding import seeded

        check_files(folder)
        config = AutoConfig.from_pretrained(folder, **LOCAL_ONLY)
        tokenizer = AutoTokenizer.from_pretrained(folder, **LOCAL_ONLY)
        if tokenizer.vocab_size <= len(tokenizer.all_special_ids):
            raise ValueError(
                "there are no tokenizer files; save the tokenizer with save_pretrained, too"
            )
        pooling = read_pooling(
            partial(_read_json, folder),
            positions=_longest_input(config, tokenizer),
            default_prefix=default_prefix(name),
        )
        with seeded(0):  # transformers draws weights before it reads them
            module = _whole_pipeline(folder) if pooling.custom else _token_states(folder, config)
        module = module.to(device, torch.float32).eval().requires_grad_(False)
        check_finite(module)
        if device.type == "cpu":
            use_short_attention(module)
    if not (folder / "modules.json").is_file():
        log.warning(f"{name} does not say how to pool (no modules.json): its means are normalised.")
    return LoadedModel(module, tokenizer, pooling, fingerprint(module, tokenizer))


def _token_states(folder: Path, config: Any) -> torch.nn.Module:
    """The model that gives the states of the tokens."""
    from transformers import AutoModel

    config.use_cache = False  # keys and values for generating text
    module, report = AutoModel.from_pretrained(
        folder,
        config=config,
        use_safetensors=True,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
        **LOCAL_ONLY,
    )
    # transformers would continue with random weights.
    keys = [*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])]
    unused = ("pooler.", "decoder.") if config.is_encoder_decoder else ("pooler.",)
    lacking = [key for key in keys if not key.startswith(unused)]
    if lacking:
        raise ValueError(
            f"the weights do not fit config.json: {len(lacking)} are missing or of another "
            f"shape, {min(lacking)} among them"
        )
    return module.get_encoder() if config.is_encoder_decoder else module


def _whole_pipeline(folder: Path) -> torch.nn.Module:
    """The whole model, if it does more than pool and normalise."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(
        str(folder),
        device="cpu",
        model_kwargs={"use_safetensors": True},
        **LOCAL_ONLY,
    )


def check_finite(module: torch.nn.Module) -> None:
    """Refuse weights that are NaN or infinite: each answer would be NaN."""
    for name, weights in module.named_parameters():
        # The sum shows one such value, and takes a tenth of the time of a look at each.
        if weights.sum().isfinite():
            continue
        if count := int((~weights.isfinite()).sum()):
            raise ModelError(
                f"{count} weights of {name} are NaN or infinite. Perhaps its training diverged: "
                "take an earlier state of it"
            )


def _longest_input(config: Any, tokenizer: Any) -> int:
    """The largest number of tokens in an input."""
    positions = getattr(config.get_text_config(), "max_position_embeddings", None) or LONGEST
    if any(part in config.model_type for part in _LATE_POSITIONS):
        positions -= 2
    return int(min(positions if positions > 0 else LONGEST, tokenizer.model_max_length))


def fingerprint(module: torch.nn.Module, tokenizer: Any) -> str:
    """A hash of the weights and the tokenizer, whatever the format of their files.

    BERT's pooler is left out: it is not used, and where a model lacks it, transformers makes a
    random one.
    """
    digest = hashlib.sha256()
    for key, tensor in sorted(module.state_dict().items()):
        if "pooler." not in key:
            digest.update(f"{key}{tuple(tensor.shape)}".encode())
            digest.update(memoryview(tensor.detach().cpu().contiguous().numpy()).cast("B"))
    digest.update(str(tokenizer(_PROBE)["input_ids"]).encode())
    return digest.hexdigest()


def _read_json(folder: Path, path: str) -> Any:
    file = folder / path
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


@contextmanager
def _helpful_errors(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # each library has its own, and none names the model
        raise ModelError(f"The model {name} cannot be loaded: {first_line(error)}.") from error


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Turn off the progress bars and reports of transformers inside a `with` block."""
    from transformers.utils import logging

    shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()
