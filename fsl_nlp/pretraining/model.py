"""A trainable copy of a masked model, and the model folder that it is written to."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from fsl_nlp.encoders.catalogue import locate
from fsl_nlp.encoders.loading import quiet_transformers
from fsl_nlp.errors import ModelError
from fsl_nlp.prompts.masked_model import MaskedNet, load_masked_net, split_masked_model
from fsl_nlp.prompts.pieces import Pieces
from fsl_nlp.prompts.soft import SoftEmbedding
from fsl_nlp.seeding import seeded
from fsl_nlp.training.adaptation import Adaptation, Parameters
from fsl_nlp.training.copies import private_copy, thaw

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder

_WEIGHTS = ("model.safetensors", "pytorch_model.bin", "tf_model.h5", "flax_model.msgpack")


def trainable_copy(
    encoder: TextEncoder, adaptation: Adaptation, seed: int
) -> tuple[MaskedNet, Parameters, bool]:
    """A copy of the model, its parameters that train, and whether its head is new.

    The vector of the mask trains, too: it is a soft token, with the id after the last word.
    """
    net, fresh = _with_head(encoder, seed)
    copy: Any = private_copy(net)
    base: Any = copy.base
    words = base.get_input_embeddings()
    mask = words.weight[Pieces(encoder).mask].detach().clone().unsqueeze(0)
    base.set_input_embeddings(SoftEmbedding(words, mask))
    copy, names = adaptation.apply(copy, encoder.name)
    extra = [
        name
        for name, _ in copy.named_parameters()
        if name.startswith(("head.", "bias.")) or name.endswith(".soft")
    ]
    return copy, {**names, **thaw(copy, [n for n in extra if n not in names])}, fresh


def _with_head(encoder: TextEncoder, seed: int) -> tuple[MaskedNet, bool]:
    try:
        return load_masked_net(encoder), False
    except ModelError:
        if encoder.pooling.custom:
            raise
        return split_masked_model(_new_model(encoder, seed), encoder.module, encoder), True


def _new_model(encoder: TextEncoder, seed: int) -> Any:
    """A masked model of the architecture, with random weights."""
    from transformers import AutoModelForMaskedLM

    with seeded(seed), quiet_transformers():
        try:
            return AutoModelForMaskedLM.from_config(encoder.module.config)
        except ValueError as error:
            raise ModelError(
                f"{encoder.name} has an architecture without a masked language model."
            ) from error


def write_model(
    net: MaskedNet, encoder: TextEncoder, folder: Path, *, unseen: Tensor | None = None
) -> None:
    """Write the copy as a Hugging Face folder, with its adapters merged.

    `unseen` are the words that a new head was not trained on; they get the smallest bias.
    """
    _merge_adapters(net)
    base: Any = net.base
    soft: Any = base.get_input_embeddings()
    words = soft.words.weight.detach().clone()
    words[Pieces(encoder).mask] = soft.soft.detach()[0]
    table = nn.Embedding(1, 1)
    table.num_embeddings, table.embedding_dim = words.shape
    table.weight = nn.Parameter(words, requires_grad=False)
    base.set_input_embeddings(table)
    model = _new_model(encoder, 0)
    state = model.state_dict()
    head = {
        n: t for n, t in net.head.state_dict().items() if n in state and t.shape == state[n].shape
    }
    model.load_state_dict(head, strict=False)
    setattr(model, model.base_model_prefix, base)
    bias = net.bias.weight.detach()[:, 0].clone()
    if unseen is not None and 0 < len(unseen) < len(bias):
        seen = torch.ones(len(bias), dtype=torch.bool)
        seen[unseen] = False
        bias[unseen] = bias[seen].min()
    _set_last_matrix(model, words, bias)
    with quiet_transformers():
        model.float().cpu().save_pretrained(folder)
    _copy_other_files(locate(encoder.name), folder)


def _set_last_matrix(model: Any, words: Tensor, bias: Tensor) -> None:
    if hasattr(model, "lm_predictions"):
        model.lm_predictions.lm_head.bias = nn.Parameter(bias)
        return
    decoder = model.get_output_embeddings()
    # Also if the model has a separate last matrix: the word vectors are a better start.
    decoder.weight = model.get_input_embeddings().weight
    if decoder.bias is not None:
        old = decoder.bias
        decoder.bias = nn.Parameter(bias)
        for part in model.modules():
            for name, parameter in list(part.named_parameters(recurse=False)):
                if parameter is old:
                    setattr(part, name, decoder.bias)


def _merge_adapters(net: nn.Module) -> None:
    """Merge LoRA matrices into copies of the matrices that they change."""
    from peft.tuners.lora import LoraLayer

    layers = [(name, part) for name, part in net.named_modules() if isinstance(part, LoraLayer)]
    thaw(net, [f"{name}.base_layer.weight" for name, _ in layers])
    for name, layer in layers:
        layer.merge()
        parent, _, child = name.rpartition(".")
        setattr(net.get_submodule(parent), child, layer.get_base_layer())


def _copy_other_files(source: Path, folder: Path) -> None:
    """Copy all files but weights and configuration, such as tokenizer and pooling."""
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source)
        if not path.is_file() or name.parts[0].startswith(".") or name.suffix not in _COPIED:
            continue
        if name.name in ("config.json", "fsl_nlp.json", *_WEIGHTS) and len(name.parts) == 1:
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)


_COPIED = (".json", ".txt", ".model")


def trained_parameters(net: MaskedNet, names: Parameters) -> dict[str, Tensor]:
    """The trained tensors, by name."""
    parameters = dict(net.named_parameters())
    return {name: parameters[name].detach().cpu().contiguous() for name in names}
