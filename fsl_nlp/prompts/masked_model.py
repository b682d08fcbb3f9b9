"""`MaskedNet`: a masked language model whose head reads only what is asked.

A plain masked model computes a score for each of its words at each place of the text; here its
head runs at the masks alone, and its last matrix has only the rows of the words in question. It
works for every architecture of transformers that has a `...ForMaskedLM`: the head is the model's
own, with its transformer and its last matrix taken out.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fsl_nlp.encoders.catalogue import first_line, locate
from fsl_nlp.encoders.hardware import in_precision
from fsl_nlp.encoders.loading import AS_IT_IS, quiet_transformers
from fsl_nlp.errors import ModelError
from fsl_nlp.training.copies import private_copy

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder


class MaskedNet(nn.Module):
    """A transformer, the head on top of it, and a row for each word.

    `words` and `bias` are embeddings, so that no tuning changes them unless it changes those.
    """

    def __init__(
        self, base: nn.Module, head: nn.Module, words: nn.Embedding, bias: nn.Embedding
    ) -> None:
        super().__init__()
        self.base = base
        self.head = head
        self.words = words  # [V, D]
        self.bias = bias  # [V, 1]

    @property
    def vocabulary(self) -> int:
        return self.words.num_embeddings

    def forward(self, features: dict[str, Tensor], masks: Tensor) -> Tensor:
        """[B, M, D]: what the head makes of the states at the masks [B, M]."""
        states = self.base(**features).last_hidden_state
        return self.read(states.take_along_dim(masks.unsqueeze(-1), 1))

    def read(self, states: Tensor) -> Tensor:
        """States [..., D] through the head, up to its last matrix."""
        return self.head(inputs_embeds=states).logits

    def logits(self, read: Tensor, rows: Tensor | None = None) -> Tensor:
        """[B, M, R]: the scores of the words of `rows`, or of all."""
        if rows is None:
            return F.linear(read, self.words.weight.to(read.dtype), self._bias().to(read.dtype))
        weight = F.embedding(rows, self.words.weight)
        bias = F.embedding(rows, self.bias.weight)[:, 0]
        return F.linear(read, weight.to(read.dtype), bias.to(read.dtype)).float()

    def _bias(self) -> Tensor:
        return self.bias.weight[:, 0]


class _Handing(nn.Module):
    """Stands in for the transformer: hands on the states it is given."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        # DeBERTa's head multiplies with the embeddings it finds in the transformer.
        self.embeddings = nn.Module()
        self.embeddings.word_embeddings = nn.Module()
        self.embeddings.word_embeddings.register_buffer(
            "weight", torch.eye(dimensions), persistent=False
        )

    def forward(self, *_: Any, inputs_embeds: Tensor, **__: Any) -> Any:
        from transformers.modeling_outputs import BaseModelOutput

        return BaseModelOutput(last_hidden_state=inputs_embeds)


_known: WeakKeyDictionary[TextEncoder, MaskedNet] = WeakKeyDictionary()
_loading = threading.RLock()  # making embedded:mlm loads its base


def load_masked_net(encoder: TextEncoder) -> MaskedNet:
    """The head of the encoder's model on the encoder's own weights, which are not copied."""
    with _loading:
        if encoder not in _known:
            _known[encoder] = _load(encoder)
        return _known[encoder]


def _load(encoder: TextEncoder) -> MaskedNet:
    from transformers import AutoModelForMaskedLM

    if encoder.pooling.custom:
        raise ModelError(
            f"{encoder.name} has modules of its own after the transformer, so it is no masked "
            "language model. Use 'embedded:mlm', or the hub id of one."
        )
    folder = locate(encoder.name)
    try:
        with quiet_transformers():
            model, report = AutoModelForMaskedLM.from_pretrained(
                folder, use_safetensors=True, output_loading_info=True, **AS_IT_IS
            )
    except Exception as error:  # each architecture without such a head raises its own
        raise _headless(encoder.name, first_line(error)) from error
    start = f"{model.base_model_prefix}."
    lacking = [key for key in report["missing_keys"] if not key.startswith(start)]
    if lacking:
        raise _headless(encoder.name, f"it lacks {min(lacking)}")
    return take_apart(model, encoder.module, encoder)


def _headless(name: str, why: str) -> ModelError:
    return ModelError(
        f"{name} has no head that fills in masks ({why}). Use encoder='embedded:mlm' or the hub "
        "id of a masked language model, or train a head: fsl-nlp adapt MODEL TEXTS --out FOLDER"
    )


def take_apart(model: Any, base: nn.Module, encoder: TextEncoder) -> MaskedNet:
    """`model` is a `...ForMaskedLM`; `base` takes the place of its transformer."""
    decoder, bias = _last_matrix(model)
    own = model.base_model.get_input_embeddings()
    tied = decoder is own.weight or torch.equal(decoder, own.weight)
    shared: Any = base
    words = shared.get_input_embeddings().weight if tied else decoder.to(encoder.device)
    head = private_copy(model)
    _replace_last_matrix(head, words.shape[1])
    setattr(head, model.base_model_prefix, _Handing(words.shape[1]))
    head = head.to(encoder.device, torch.float32).eval().requires_grad_(False)
    net = MaskedNet(
        base,
        in_precision(head, encoder.precision),
        _table(words),
        _table(bias.detach().to(encoder.device, torch.float32).unsqueeze(-1)),
    )
    return net.eval().requires_grad_(False)


def _table(weight: Tensor) -> nn.Embedding:
    """An embedding that holds this very tensor."""
    table = nn.Embedding(1, 1)
    table.num_embeddings, table.embedding_dim = weight.shape
    table.weight = weight if isinstance(weight, nn.Parameter) else nn.Parameter(weight)
    return table


def _last_matrix(model: Any) -> tuple[Tensor, Tensor]:
    """[V, D] and [V]."""
    if hasattr(model, "lm_predictions"):  # DeBERTa v2 and v3: the matrix is the embeddings'
        embeddings = model.base_model.get_input_embeddings()
        return embeddings.weight, model.lm_predictions.lm_head.bias
    decoder = model.get_output_embeddings()
    bias = decoder.bias
    return decoder.weight, torch.zeros(len(decoder.weight)) if bias is None else bias


def _replace_last_matrix(head: Any, dimensions: int) -> None:
    """The identity in its place."""
    if hasattr(head, "lm_predictions"):
        head.lm_predictions.lm_head.bias = nn.Parameter(torch.zeros(dimensions))
        return
    decoder = head.get_output_embeddings()
    for part in head.modules():
        for name, child in list(part.named_children()):
            if child is decoder:
                setattr(part, name, nn.Identity())
        # The bias of the words is kept a second time beside the matrix.
        for name, parameter in list(part.named_parameters(recurse=False)):
            if parameter is decoder.bias:
                delattr(part, name)
