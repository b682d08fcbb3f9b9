"""`TextEncoder`: texts in, a float32 matrix out; each distinct text is encoded once.

On a CPU, ONNX Runtime or PyTorch does the work: see `hardware.pick_backend`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.checks import as_texts
from fsl_nlp.encoders.cache import VectorCache
from fsl_nlp.encoders.catalogue import absolute_name, model_files
from fsl_nlp.encoders.graphs import GraphSource
from fsl_nlp.encoders.hardware import in_precision, pick_backend, pick_device, pick_precision
from fsl_nlp.encoders.loading import load_model
from fsl_nlp.encoders.memory import Memory, temporary_memory
from fsl_nlp.encoders.pooling import padded, pool
from fsl_nlp.encoders.tracing import TraceableModel
from fsl_nlp.encoders.transfer import SentByName
from fsl_nlp.errors import ModelError, first_line
from fsl_nlp.forks import Lock, renew_after_fork
from fsl_nlp.inputs.length import visible_parts
from fsl_nlp.progress import track
from fsl_nlp.runtime.batches import batches_by_length
from fsl_nlp.runtime.graph import SCALES, Graph, GraphInfo
from fsl_nlp.torch_state import own_torch_state

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

Matrix = NDArray[np.float32]
Features = dict[str, "Tensor"]  # the inputs of a model: input_ids, attention_mask [B, T]

# Tokens, padding included, in one forward pass. On a CPU 1,024 to 4,096 are equally fast.
_BATCH_TOKENS = {"cpu": 2048, "cuda": 65536}
# Up to so many tokens ONNX Runtime in fp32 is faster than PyTorch in bf16. On two AVX-512 cores
# both take 12 ms for 88 tokens; for 187 tokens they take 24 and 19 ms.
_FEW_TOKENS = 96


class TextEncoder(SentByName):
    """A pretrained model that turns texts into vectors.

    Threads and classifiers may share one: it does not change after loading.
    `backend` is "onnx" (ONNX Runtime), "torch" (PyTorch, needed for tuning) or "auto", the faster
    one on this processor. `precision` is "fp32", "bf16" (PyTorch), "int8" (ONNX Runtime; at most
    half the time of fp32, slightly different vectors) or "auto": bf16 if the processor supports
    it, or fp32.

    >>> encoder = TextEncoder("embedded:en")
    >>> encoder.encode(["where is my parcel?", "track my order"]).shape
    (2, 384)
    """

    _was_forked = False

    def __init__(
        self,
        name: str,
        *,
        device: str = "auto",
        precision: str = "auto",
        backend: str = "auto",
        cache: VectorCache | None = None,
    ) -> None:
        renew_after_fork(self)  # a fork may come while it loads
        self.name = absolute_name(name)
        self.device = pick_device(device)
        self.backend = pick_backend(backend, self.device, precision)
        self.precision = pick_precision(precision, self.device, self.backend)
        self.cache = cache
        self.wanted = {"device": device, "precision": precision, "backend": backend}
        self._files = model_files(self.name)
        with own_torch_state():  # tensors that are made in inference mode cannot train
            model = load_model(self.name, self.device)
        self.fingerprint = model.fingerprint
        self.pooling = model.pooling
        self._module = in_precision(model.module, self.precision)
        self._tokenizer = model.tokenizer
        self._tokenizer_lock = Lock(wait=True)  # truncation is a setting of the tokenizer
        self._memory = Memory()
        self._graphs_lock = Lock()
        self._graphs: dict[str, GraphSource] = {}
        rounding = SCALES if self.precision == "int8" else self.precision
        start = f"{self.fingerprint}|{self.pooling}|{rounding}|"
        self._key_start = hashlib.blake2b(start.encode(), digest_size=20)
        try:
            with own_torch_state():
                self._vectors([""], None)
        except Exception as error:  # the model's code may raise anything
            raise ModelError(f"{name} cannot encode text: {first_line(error)}.") from error

    def after_fork(self) -> None:
        """In a forked process PyTorch has one thread, because its pool has none there."""
        import torch

        torch.set_num_threads(1)
        self._was_forked = True

    @property
    def module(self) -> torch.nn.Module:
        """The model. It is shared: to tune it, copy it first (`fsl_nlp.training.copies`)."""
        return self._module

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        if self.pooling.custom:  # config.json does not say what the further modules give
            return int(self.encode("").shape[0])
        config: Any = self._module.config
        return int(config.hidden_size)

    def check_unchanged(self) -> None:
        """Refuse to read more of a model whose files are not those that were loaded."""
        if not self.has_current_files():
            raise ModelError(
                f"The files in {self.name} have changed since this encoder was loaded. Load it "
                "again, and fit again what was fitted with it."
            )

    def has_current_files(self) -> bool:
        """Whether the files of the model are those that were loaded."""
        return model_files(self.name) == self._files

    def encode(self, texts: str | Sequence[str]) -> Matrix:
        """One text to a vector [D], a list of n to a matrix [n, D].

        Only the vectors of a list are cached on disk: a single text may be a customer's question.
        """
        if isinstance(texts, str):
            return self.encode([texts])[0]
        texts = as_texts(texts, "texts", allow_empty=True)
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        keys = [self.key(text) for text in texts]
        return self.cached_vectors(
            keys, lambda rows: self.encode_uncached([texts[i] for i in rows])
        )

    def cached_vectors(
        self,
        keys: Sequence[bytes],
        compute: Callable[[list[int]], Matrix],
        *,
        on_disk: bool = True,
    ) -> Matrix:
        """A row for each key, cached or by `compute`, which gets the indices of missing keys."""
        first: dict[bytes, int] = {}
        for i, key in enumerate(keys):
            first.setdefault(key, i)
        temporary = temporary_memory()
        memory = self._memory if temporary is None else temporary
        cache = self.cache if on_disk and len(first) > 1 else None
        vectors = self._memory.get(list(first)) | memory.get(list(first))
        if cache is not None and len(first) != len(vectors):
            stored = cache.get([key for key in first if key not in vectors])
            memory.put(stored)
            vectors |= stored
        missing = [key for key in first if key not in vectors]
        if missing:
            computed = compute([first[key] for key in missing])
            fresh = dict(zip(missing, computed, strict=True))
            vectors |= fresh
            memory.put(fresh)
            if cache is not None and temporary is None:
                cache.put(fresh)
        return np.stack([vectors[key] for key in keys])

    def key(self, text: str, variant: str = "") -> bytes:
        """The cache key of a text; `variant` names a way to encode it other than `encode`."""
        digest = self._key_start.copy()
        digest.update(f"{variant}|".encode())
        digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.digest()

    def encode_uncached(self, texts: list[str]) -> Matrix:
        """The vectors [n, D] of texts, computed now: no cache is read or written."""
        return self._vectors(texts, self.text_graph)

    def _vectors(self, texts: list[str], graph: GraphSource | None) -> Matrix:
        ids = self.tokenize(texts, truncation=True, max_length=self.pooling.max_length)["input_ids"]
        if self.pooling.custom and not self._by_graph(graph, ids):
            return self._run_pipeline(texts)
        return self.run(ids, lambda features, _: self._pool(self._module, features), graph=graph)

    def _run_pipeline(self, texts: list[str]) -> Matrix:
        import torch

        visible = self._visible(texts, self.pooling.max_length)
        with torch.inference_mode(), self.autocast(), self._tokenizer_lock:
            vectors = self._module.encode(  # type: ignore[operator]  # a SentenceTransformer
                visible, prompt=self.pooling.prefix or None, show_progress_bar=False
            )
        return np.asarray(vectors, np.float32)

    def _pool(self, module: torch.nn.Module, features: Features) -> Tensor:
        if self.pooling.custom:
            return module(dict(features))["sentence_embedding"]
        states = module(**features).last_hidden_state
        return pool(states, features["attention_mask"], self.pooling)

    def tokenize(self, texts: Sequence[str], **options: Any) -> Any:
        """The tokenizer's output for the texts with the model's prefix."""
        if options.get("truncation"):
            texts = self._visible(texts, options["max_length"])
            if options.get("text_pair"):
                options["text_pair"] = self._visible(options["text_pair"], options["max_length"])
        with self._tokenizer_lock:
            return self._tokenizer([self.pooling.prefix + text for text in texts], **options)

    def _visible(self, texts: Sequence[str], tokens: int) -> list[str]:
        left = self._tokenizer.truncation_side == "left"
        return visible_parts(texts, tokens, lambda t: len(self.pieces([t])[0]), from_end=left)

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer. It is shared: do not change its settings."""
        return self._tokenizer

    def pieces(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of the texts alone: no prefix, no special tokens, not truncated."""
        if not texts:
            return []
        with self._tokenizer_lock:
            # verbose=False: a long text is no reason for a warning here.
            tokenized = self._tokenizer(list(texts), add_special_tokens=False, verbose=False)
        return list(tokenized["input_ids"])

    @property
    def text_graph(self) -> GraphSource:
        """The graph that encodes texts with ONNX Runtime."""
        return self.graph_source("text", self._pool)

    def graph_source(
        self,
        kind: str,
        vectors: Callable[[torch.nn.Module, Features], Tensor],
        *,
        fingerprint: str = "",
        tuned: Callable[[torch.nn.Module], torch.nn.Module] | None = None,
    ) -> GraphSource:
        """The graph of what `vectors` computes with this model.

        `tuned` gives a tuned copy of the model; `fingerprint` is then that of the copy.
        """

        def load() -> TraceableModel:
            cpu = pick_device("cpu")
            # The loaded module may have its matrices in bf16.
            self.check_unchanged()
            as_published = self.precision != "bf16" and self.device == cpu
            module = self._module if as_published else load_model(self.name, cpu).module
            pipeline = self._run_pipeline if self.pooling.custom else None
            return TraceableModel(
                tuned(module) if tuned else module, self._tokenizer, vectors, pipeline
            )

        info = GraphInfo(
            kind=kind,
            encoder=self.name,
            fingerprint=fingerprint or self.fingerprint,
            precision="int8" if self.precision == "int8" else "fp32",
            pooling=asdict(self.pooling),
        )
        source = GraphSource(
            info,
            load,
            required=self.backend == "onnx",
            private=bool(tuned or self._files),  # only a model in a folder of the user's has some
        )
        if tuned:  # it belongs to one classifier, and goes with it
            return source
        with self._graphs_lock:
            return self._graphs.setdefault(info.id, source)

    def _by_graph(self, source: GraphSource | None, ids: Sequence[Sequence[int]]) -> Graph | None:
        """The graph, if it is the faster one for these rows."""
        if source is None or self.backend == "torch":
            return None
        few = self.precision != "bf16" or sum(map(len, ids)) <= _FEW_TOKENS
        return source.get() if few else None

    def run(
        self,
        ids: list[list[int]],
        compute: Callable[[Features, list[int]], Tensor],
        *,
        graph: GraphSource | None = None,
        kinds: list[list[int]] | None = None,
        masks: list[NDArray[np.bool_]] | None = None,
    ) -> Matrix:
        """A vector for each row of token ids, in batches of similar length.

        `compute` gives [B, D] from the features of a batch and the indices of its rows; `graph`
        does so where it is faster, with `kinds` (token types) and `masks` (marked mentions).
        """
        import torch

        show = track(len(ids), "Encoding")
        if loaded := self._by_graph(graph, ids):
            with show as progress:
                return loaded.vectors(ids, kinds=kinds, masks=masks, progress=progress)
        result: Matrix | None = None
        with torch.inference_mode(), self.autocast(), show as progress:
            for batch in batches_by_length(ids, _BATCH_TOKENS.get(self.device.type, 8192)):
                features = self.features([ids[i] for i in batch])
                vectors = compute(features, batch).cpu().numpy()
                if result is None:
                    result = np.empty((len(ids), vectors.shape[1]), np.float32)
                result[batch] = vectors
                progress(len(batch))
        assert result is not None
        return result

    def autocast(self) -> torch.autocast:
        """A context in which PyTorch computes in this encoder's precision."""
        import torch

        bf16 = self.precision == "bf16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16)

    def hidden_states(self, features: Features) -> tuple[Tensor, ...]:
        """The states [B, T, D] of the embedding layer and of each layer above it."""
        if self.pooling.custom:
            raise ModelError(
                f"{self.name} has modules of its own after the transformer, so its token states "
                "cannot be used. Use a model that only pools and normalises."
            )
        return self._module(**features, output_hidden_states=True).hidden_states

    def features(self, ids: list[list[int]]) -> Features:
        """Rows of token ids as padded tensors on the device."""
        if self._was_forked and self.device.type == "cuda":
            raise ModelError(
                f"{self.name} is on a GPU, which a forked process cannot use. Load it after the "
                "fork, or start processes with multiprocessing.get_context('spawn')."
            )
        # Any token will do: the mask hides it.
        return padded(ids, self._tokenizer.pad_token_id or 0, self.device)

    def __repr__(self) -> str:
        return f"TextEncoder({self.name!r}, device={str(self.device)!r}, {self.precision})"
