"""Graphs whose matrices are 8-bit integers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.data.generic import generic_texts
from fsl_nlp.encoders.onnx_files import PROBES, save_model
from fsl_nlp.runtime.batches import cheapest_batches
from fsl_nlp.runtime.graph import (
    BATCH_TOKENS,
    MODEL,
    GraphInfo,
    inputs_of,
    read_info,
    tokenizer_of,
    write_info,
)
from fsl_nlp.runtime.session import import_onnxruntime, open_session

_EVERY = 4  # one generic text in so many is read
_JOINED = 30  # generic texts that make a long one
_DYNAMIC = "DynamicQuantizeLinear"


def quantise(folder: Path) -> None:
    """Store the matrices of a graph in fp32 as 8-bit integers, with a scale for each row.

    Weights use 7 bits: without VNNI, sums of products of two 8-bit numbers overflow. The inputs of
    each matrix have a fixed scale, taken from their range over generic texts: if each batch had its
    own, an answer would depend on the texts beside it.
    """
    import onnx

    import_onnxruntime()
    from onnxruntime.quantization import QuantType, quantize_dynamic

    info = read_info(folder)
    scratch = folder / "int8.onnx"
    quantize_dynamic(
        folder / MODEL,
        scratch,
        per_channel=True,
        weight_type=QuantType.QInt8,
        reduce_range=True,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )
    model = onnx.load(scratch)
    scratch.unlink()
    values = [node.input[0] for node in model.graph.node if node.op_type == _DYNAMIC]
    _fix_scales(model, _ranges(folder, info, sorted(set(values))))
    save_model(model, folder)
    write_info(folder, replace(info, precision="int8"))


def _ranges(folder: Path, info: GraphInfo, values: list[str]) -> dict[str, tuple[float, float]]:
    """The least and the largest number of each value of a graph over generic texts, and 0."""
    import onnx

    if not values:
        return {}
    observed = onnx.load(folder / MODEL, load_external_data=False)
    outputs = []
    for i, value in enumerate(values):
        for kind in ("Min", "Max"):
            name = f"{kind}_{i}"
            node = onnx.helper.make_node(f"Reduce{kind}", [value], [name], keepdims=0)
            observed.graph.node.append(node)
            outputs.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, []))
    del observed.graph.output[:]
    observed.graph.output.extend(outputs)
    path = folder / "ranges.onnx"  # beside the weights
    onnx.save(observed, path)
    session = open_session(path, path)
    path.unlink()
    numbers = np.array([session.run(None, inputs) for inputs in _inputs(folder, info)])
    least, largest = numbers[:, ::2].min(0), numbers[:, 1::2].max(0)
    return {
        value: (float(min(low, 0.0)), float(max(high, 0.0)))
        for value, low, high in zip(values, least, largest, strict=True)
    }


def _inputs(folder: Path, info: GraphInfo) -> Iterator[dict[str, NDArray[Any]]]:
    """Batches of generic texts in both languages, and of some of them as pairs."""
    tokenizer = tokenizer_of(folder, info)
    english, chinese = generic_texts(["a"]), generic_texts(["\u4e00"])
    texts = [*PROBES, *english[::_EVERY], *chinese[::_EVERY]]
    for language, space in ((english, " "), (chinese, "")):
        texts += [space.join(language[i : i + _JOINED]) for i in range(0, len(language), _JOINED)]
    second = texts[::-2]
    for ids, kinds in (tokenizer(texts), tokenizer(texts[: len(second)], second)):
        rows = [row or [info.pad] for row in ids]
        marks = [mention_marks(len(row)) for row in rows] if info.kind == "mentions" else None
        for batch in cheapest_batches(rows, BATCH_TOKENS):
            yield inputs_of(info, batch, rows, kinds, marks)


def mention_marks(length: int) -> NDArray[np.bool_]:
    """[3, length]: the second token is the head, the third the tail, the fourth between them."""
    marks = np.zeros((3, length), bool)
    marks[range(3), np.minimum([1, 2, 3], length - 1)] = True
    return marks


def _fix_scales(model: Any, ranges: dict[str, tuple[float, float]]) -> None:
    """Replace the scales of each batch by constants."""
    import onnx

    for node in model.graph.node:
        if node.op_type != _DYNAMIC:
            continue
        low, high = ranges[node.input[0]]
        scale = np.float32((high - low) / 255 or 1)
        zero = np.uint8(round(-low / float(scale)))
        number, scale_name, zero_name = node.output
        model.graph.initializer.extend(
            [
                onnx.numpy_helper.from_array(np.array(scale), scale_name),
                onnx.numpy_helper.from_array(np.array(zero), zero_name),
            ]
        )
        node.op_type = "QuantizeLinear"
        del node.input[1:], node.output[:]
        node.input.extend([scale_name, zero_name])
        node.output.append(number)
