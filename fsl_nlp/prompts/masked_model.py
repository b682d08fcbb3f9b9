"""`MaskedNet`: a masked language model whose head runs at the masks alone.

A plain masked model scores each word of the vocabulary at each position of the text. This one
scores the words in question at the masks. It works for every architecture of transformers that has
a `...ForMaskedLM`: the head is that model without its transformer and its last matrix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fsl_nlp.encoders.catalogue import locate
from fsl_nlp.encoders.hardware import in_precision
from fsl_nlp.encoders.loading import LOCAL_ONLY, check_finite, quiet_transformers
from fsl_nlp.encoders.model_files import check_files
from fsl_nlp.errors import ModelError, first_line
from fsl_nlp.forks import Lock
from fsl_nlp.seeding import seeded
from fsl_nlp.training.copies import private_copy

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder


class MaskedNet(nn.Module):
    """A transformer, the head on top of it, and the last matrix with a row for each word.

    `words` and `bias` are embeddings, so only a tuning that includes embeddings changes them.
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
        """The number of words."""
        return self.words.num_embeddings

    def forward(self, features: dict[str, Tensor], masks: Tensor) -> Tensor:
        """The outputs [B, M, D] of the head at the masks [B, M]."""
        states = self.base(**features).last_hidden_state
        return self.hidden_states(states.take_along_dim(masks.unsqueeze(-1), 1))

    def hidden_states(self, states: Tensor) -> Tensor:
        """The outputs of the head, before its last matrix, for states [..., D]."""
        return self.head(inputs_embeds=states).logits

    def logits(self, states: Tensor, rows: Tensor | None = None) -> Tensor:
        """The scores [B, M, R] of the words in `rows`, or of all words."""
        if rows is None:
            return F.linear(
                states, self.words.weight.to(states.dtype), self._bias().to(states.dtype)
            )
        weight = F.embedding(rows, self.words.weight)
        bias = F.embedding(rows, self.bias.weight)[:, 0]
        return F.linear(states, weight.to(states.dtype), bias.to(states.dtype)).float()

    def _bias(self) -> Tensor:
        return self.bias.weight[:, 0]


class _PassThrough(nn.Module):
    """Takes the place of the transformer under the head; gives its input back."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        # DeBERTa's head multiplies by the embeddings of the transformer.
        self.embeddings = nn.Module()
        self.embeddings.word_embeddings = nn.Module()
        self.embeddings.word_embeddings.register_buffer(
            "weight", torch.eye(dimensions), persistent=False
        )

    def forward(self, *_: Any, inputs_embeds: Tensor, **__: Any) -> Any:
        from transformers.modeling_outputs import BaseModelOutput

        return BaseModelOutput(last_hidden_state=inputs_embeds)


_nets: WeakKeyDictionary[TextEncoder, MaskedNet] = WeakKeyDictionary()
_loading = Lock(reentrant=True)  # loading embedded:mlm loads its base model


def load_masked_net(encoder: TextEncoder) -> MaskedNet:
    """The masked language model of an encoder. It shares the weights of the encoder."""
    with _loading:
        if encoder not in _nets:
            _nets[encoder] = _load(encoder)
        return _nets[encoder]


def _load(encoder: TextEncoder) -> MaskedNet:
    from transformers import AutoModelForMaskedLM

    if encoder.pooling.custom:
        raise ModelError(
            f"{encoder.name} has modules after the transformer, so it is not a masked "
            "language model. Use 'embedded:mlm', or the hub id of a masked language model."
        )
    encoder.check_unchanged()
    folder = locate(encoder.name)
    check_files(folder)
    try:
        with quiet_transformers(), seeded(0):
            model, report = AutoModelForMaskedLM.from_pretrained(
                folder, use_safetensors=True, output_loading_info=True, **LOCAL_ONLY
            )
    except Exception as error:  # depends on the architecture
        raise _no_head(encoder.name, f" ({first_line(error)})") from error
    start = f"{model.base_model_prefix}."
    missing = [key for key in report["missing_keys"] if not key.startswith(start)]
    if missing:
        raise _no_head(encoder.name)
    check_finite(model)
    return split_masked_model(model, encoder.module, encoder)


def _no_head(name: str, reason: str = "") -> ModelError:
    return ModelError(
        f"{name} has no head that fills in masks{reason}. Add --encoder embedded:mlm (in Python "
        "encoder='embedded:mlm') or the hub id of a masked language model, or train a head: "
        "fsl-nlp adapt MODEL TEXTS --out FOLDER"
    )


def split_masked_model(model: Any, base: nn.Module, encoder: TextEncoder) -> MaskedNet:
    """A `MaskedNet` from a `...ForMaskedLM`; `base` replaces its transformer."""
    decoder, bias = _last_matrix(model)
    embeddings = model.base_model.get_input_embeddings()
    tied = decoder is embeddings.weight or torch.equal(decoder, embeddings.weight)
    shared: Any = base
    words = shared.get_input_embeddings().weight if tied else decoder.to(encoder.device)
    head = private_copy(model)
    _replace_last_matrix(head, words.shape[1])
    setattr(head, model.base_model_prefix, _PassThrough(words.shape[1]))
    head = head.to(encoder.device, torch.float32).eval().requires_grad_(False)
    net = MaskedNet(
        base,
        in_precision(head, encoder.precision),
        _embedding_of(words),
        _embedding_of(bias.detach().to(encoder.device, torch.float32).unsqueeze(-1)),
    )
    return net.eval().requires_grad_(False)


def _embedding_of(weight: Tensor) -> nn.Embedding:
    """An embedding with this tensor, which is not copied."""
    table = nn.Embedding(1, 1, device="meta")  # no weights are drawn
    table.num_embeddings, table.embedding_dim = weight.shape
    table.weight = weight if isinstance(weight, nn.Parameter) else nn.Parameter(weight)
    return table


def _last_matrix(model: Any) -> tuple[Tensor, Tensor]:
    """The last matrix [V, D] and its bias [V]."""
    if hasattr(model, "lm_predictions"):  # DeBERTa v2 and v3: the matrix is that of the embeddings
        embeddings = model.base_model.get_input_embeddings()
        return embeddings.weight, model.lm_predictions.lm_head.bias
    decoder = model.get_output_embeddings()
    bias = decoder.bias
    return decoder.weight, torch.zeros(len(decoder.weight)) if bias is None else bias


def _replace_last_matrix(head: Any, dimensions: int) -> None:
    """Replace the last matrix of a head by the identity."""
    if hasattr(head, "lm_predictions"):
        head.lm_predictions.lm_head.bias = nn.Parameter(torch.zeros(dimensions))
        return
    decoder = head.get_output_embeddings()
    for part in head.modules():
        for name, child in list(part.named_children()):
            if child is decoder:
                setattr(part, name, nn.Identity())
        # Some heads have the bias a second time, outside the matrix.
        for name, parameter in list(part.named_parameters(recurse=False)):
            if parameter is decoder.bias:
                delattr(part, name)
