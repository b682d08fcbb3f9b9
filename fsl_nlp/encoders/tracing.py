"""Trace a model into an ONNX graph, write it to a folder and check it.

PyTorch's exporter takes any module. Those of optimum and sentence-transformers take whole models
of known architectures, without adapters or marked mentions.
"""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fsl_nlp.encoders.int8 import mention_marks, quantise
from fsl_nlp.encoders.onnx_files import PROBES, save_model
from fsl_nlp.errors import MissingExtraError, ModelError, first_line
from fsl_nlp.runtime.graph import (
    MENTION_MASKS,
    MODEL,
    OUTPUT,
    TOKENIZER,
    Graph,
    GraphInfo,
    write_info,
)
from fsl_nlp.vectors import Matrix, unit

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PreTrainedTokenizerBase

    from fsl_nlp.encoders.encoder import Features

# Opset 17 has layer normalisation as one operator.
OPSET = 17
# Least cosine between a vector of the graph and one of PyTorch.
LEAST_COSINE = {"fp32": 0.99999, "int8": 0.9}


@dataclass(frozen=True)
class TraceableModel:
    """A model in fp32 on the CPU. `vectors` computes [B, D] from it and the features of a batch.

    `encode` gives the reference vectors of texts if the model does more than can be traced.
    """

    module: nn.Module
    tokenizer: PreTrainedTokenizerBase
    vectors: Callable[[nn.Module, Features], Tensor]
    encode: Callable[[list[str]], Matrix] | None = None


def write_graph(folder: Path, info: GraphInfo, load: Callable[[], TraceableModel]) -> GraphInfo:
    """Write the graph of a model to a folder, checked against the model itself."""
    try:
        return _write_graph(folder, info, load())
    except (MissingExtraError, ModelError, OSError):
        raise
    except Exception as error:  # the model's or the exporter's code may raise anything
        raise ModelError(f"It cannot be made into a graph: {first_line(error)}.") from error


def _write_graph(folder: Path, info: GraphInfo, loaded: TraceableModel) -> GraphInfo:
    import torch

    tokenizer = getattr(loaded.tokenizer, "backend_tokenizer", None)
    if tokenizer is None:
        raise ModelError("Its tokenizer is not one of the library `tokenizers`.")
    info = replace(
        info,
        inputs=_input_names(info.kind, loaded.tokenizer),
        pad=loaded.tokenizer.pad_token_id or 0,
        truncate_left=loaded.tokenizer.truncation_side == "left",
    )
    (folder / TOKENIZER).write_text(_plain_tokenizer(tokenizer), encoding="utf-8")
    module = _with_plain_attention(loaded.module)
    features = _probe_features(info, loaded.tokenizer)
    with torch.no_grad():
        expected = (
            loaded.encode(list(PROBES))
            if loaded.encode
            else loaded.vectors(module, features).float().numpy()
        )
    try:
        _write_traced(folder, info, loaded, _with_added_mask(module), features, expected)
    except OSError:
        raise
    except Exception:  # this model does not take an added mask
        _write_traced(folder, info, loaded, module, features, expected)
    return info


def _write_traced(
    folder: Path,
    info: GraphInfo,
    loaded: TraceableModel,
    module: nn.Module,
    features: Features,
    expected: Matrix,
) -> None:
    def vectors(*tensors: Tensor) -> Tensor:
        return loaded.vectors(module, dict(zip(info.inputs, tensors, strict=True)))

    trace(vectors, {n: features[n] for n in info.inputs}, folder / MODEL, module=module)
    _move_weights_out(folder)
    write_info(folder, replace(info, precision="fp32"))
    if info.precision == "int8":
        quantise(folder)
    _check(folder, info, features, expected)


def _with_added_mask(module: nn.Module) -> nn.Module:
    """The model with a mask [B, 1, 1, T] that is added to the attention scores.

    Many models take such a mask. From a plain one they compute theirs in a hundred small
    operators: a sixth of the time of a short text in int8.
    """
    import torch

    class AddedMask(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside = module

        def forward(self, *, attention_mask: Tensor, **features: Any) -> Any:
            hidden = 1 - attention_mask[:, None, None].float()
            added = hidden * torch.finfo(torch.float32).min
            return self.inside(attention_mask=added, **features)

    return AddedMask().eval()


def _input_names(kind: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    names = ["input_ids", "attention_mask"]
    if "token_type_ids" in tokenizer.model_input_names:
        names.append("token_type_ids")
    return (*names, MENTION_MASKS) if kind == "mentions" else tuple(names)


def _probe_features(info: GraphInfo, tokenizer: PreTrainedTokenizerBase) -> Features:
    """The probes as a batch. Mentions are the second, third and fourth token."""
    import torch

    ids = tokenizer([info.pooling["prefix"] + text for text in PROBES])["input_ids"]
    ids = [(row or [info.pad])[: info.pooling["max_length"]] for row in ids]
    width = max(map(len, ids))
    tokens = torch.tensor([row + [info.pad] * (width - len(row)) for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids])
    marked = torch.zeros(len(ids), 3, width)
    for row, mask_of_row in zip(ids, marked, strict=True):
        mask_of_row[:, : len(row)] = torch.from_numpy(mention_marks(len(row)))
    marked[0, 2] = 0  # nothing between the two mentions
    features = {
        "input_ids": tokens,
        "attention_mask": mask,
        "token_type_ids": torch.zeros_like(tokens),
        MENTION_MASKS: marked,
    }
    return {name: tensor for name, tensor in features.items() if name in info.inputs}


def trace(
    function: Callable[..., Any],
    inputs: Mapping[str, Tensor],
    path: Path,
    *,
    module: nn.Module | None = None,
    outputs: tuple[str, ...] = (OUTPUT,),
) -> None:
    """Write a function of tensors as an ONNX graph.

    The first axis of each tensor, the rows, may have any length. So may the last axis, the tokens,
    of inputs that are whole numbers or masks.
    """
    import torch

    class Traced(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside = module  # its weights become those of the graph

        def forward(self, *tensors: Tensor) -> Any:
            # Otherwise the exporter prints the whole graph on stdout if it fails.
            getattr(torch._C, "_jit_set_onnx_log_enabled", bool)(False)
            return function(*tensors)

    axes: dict[str, dict[int, str]] = {name: {0: "rows"} for name in (*inputs, *outputs)}
    for name, tensor in inputs.items():
        if tensor.dtype == torch.int64 or name == MENTION_MASKS:
            axes[name][tensor.dim() - 1] = "tokens"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the tracer warns of every branch in Python
        torch.onnx.export(
            Traced().eval(),
            tuple(inputs.values()),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=axes,
        )


def _with_plain_attention(module: nn.Module) -> nn.Module:
    """A copy that shares the weights and uses the attention that can be traced."""
    from transformers import PreTrainedModel

    shared = [*module.parameters(), *module.buffers()]
    traceable = copy.deepcopy(module, {id(tensor): tensor for tensor in shared}).eval()
    parts = [part for part in traceable.modules() if isinstance(part, PreTrainedModel)]
    for part in parts[:1]:  # the outermost sets it in those inside it
        part.set_attn_implementation("eager")
    return traceable


def _move_weights_out(folder: Path) -> None:
    """Move the weights to a separate file, which onnxruntime maps into memory."""
    import onnx

    model = onnx.load(folder / MODEL)
    # Otherwise the quantiser advises steps that the exporter has done.
    entry = model.metadata_props.add()
    entry.key, entry.value = "onnx.quant.pre_process", "onnxruntime.quant"
    save_model(model, folder)


def _plain_tokenizer(tokenizer: Any) -> str:
    """A tokenizer as JSON, without padding and truncation, which earlier calls may have set."""
    settings = json.loads(tokenizer.to_str())
    settings["padding"] = settings["truncation"] = None
    return json.dumps(settings, ensure_ascii=False)


def _check(folder: Path, info: GraphInfo, features: Features, expected: Matrix) -> None:
    """Raise an error unless the graph gives the model's vectors, in a batch and row by row."""
    graph = Graph.open(folder, threads=1)
    arrays = {name: tensor.numpy() for name, tensor in features.items()}
    lengths = arrays["attention_mask"].sum(1)
    ids = [row[:length].tolist() for row, length in zip(arrays["input_ids"], lengths, strict=True)]
    masks = None
    if info.kind == "mentions":
        masks = [m[:, :n] > 0 for m, n in zip(arrays[MENTION_MASKS], lengths, strict=True)]
    alone = [
        graph.vectors([row], masks=None if masks is None else [masks[i]])
        for i, row in enumerate(ids)
    ]
    for computed in (graph.vectors(ids, masks=masks), np.concatenate(alone)):
        cosines = (unit(computed) * unit(expected)).sum(1)
        # `not ... >=` catches NaN, too.
        if not cosines.min() >= LEAST_COSINE[info.precision]:
            raise ModelError(
                f"Its graph disagrees with the model: the least cosine for {len(PROBES)} texts is "
                f"{cosines.min():.5f}."
            )
