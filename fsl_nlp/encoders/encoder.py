"""`TextEncoder`: texts in, a float32 matrix out; each distinct text is computed once."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.checks import as_texts
from fsl_nlp.encoders.cache import VectorCache
from fsl_nlp.encoders.catalogue import first_line
from fsl_nlp.encoders.hardware import pick_device, pick_precision
from fsl_nlp.encoders.loading import load_model
from fsl_nlp.encoders.pooling import pool
from fsl_nlp.errors import ModelError
from fsl_nlp.progress import track

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

Matrix = NDArray[np.float32]
Features = dict[str, "Tensor"]  # a batch as a model takes it: input_ids, attention_mask

# Tokens, padding included, in one forward pass. Measured on CPU cores: 1,024 to 4,096 are equally
# fast; a GPU wants more at once.
_BATCH_TOKENS = {"cpu": 2048, "cuda": 65536}
_REMEMBERED_BYTES = 300 << 20  # of vectors kept in memory: 200,000 of 384 dimensions


class TextEncoder:
    """A pretrained model that turns texts into vectors.

    Shared between threads and classifiers, and never changed after loading.

    >>> encoder = TextEncoder("embedded:en")
    >>> encoder.encode(["where is my parcel?", "track my order"]).shape
    (2, 384)
    """

    def __init__(
        self,
        name: str,
        *,
        device: str = "auto",
        precision: str = "auto",
        cache: VectorCache | None = None,
    ) -> None:
        self.name = name
        self.device = pick_device(device)
        self.precision = pick_precision(precision, self.device)
        self.cache = cache
        model = load_model(name, self.device)
        self.fingerprint = model.fingerprint
        self.pooling = model.pooling
        self._module = in_precision(model.module, self.precision)
        self._tokenizer = model.tokenizer
        self._tokenizer_lock = threading.Lock()  # truncation is a setting of the tokenizer
        self._remembered: OrderedDict[bytes, Matrix] = OrderedDict()
        self._remembered_bytes = 0
        self._remembered_lock = threading.Lock()
        self._key_start = hashlib.blake2b(
            f"{self.fingerprint}|{self.pooling}|{self.precision}|".encode(), digest_size=20
        )
        try:
            self.encode("")
        except Exception as error:  # of any kind: it comes from inside the model
            raise ModelError(f"{name} cannot encode text: {first_line(error)}.") from error

    @property
    def module(self) -> torch.nn.Module:
        """The model itself. Others share it: tune a copy (`fsl_nlp.training.copies`)."""
        return self._module

    @property
    def dimensions(self) -> int:
        if self.pooling.custom:  # what its own modules give cannot be read off
            return int(self.encode("").shape[0])
        config: Any = self._module.config
        return int(config.hidden_size)

    def encode(self, texts: str | Sequence[str]) -> Matrix:
        """One text to a vector [D], a list of n to a matrix [n, D].

        A list goes through the cache on disk. A single text, such as a customer's question,
        does not: nothing of it is stored.
        """
        if isinstance(texts, str):
            return self.encode([texts])[0]
        texts = as_texts(texts, "texts", allow_empty=True)
        if not texts:
            return np.zeros((0, self.dimensions), np.float32)
        keys = [self.key(text) for text in texts]
        return self.once(keys, lambda places: self._encode([texts[i] for i in places]))

    def once(
        self,
        keys: Sequence[bytes],
        compute: Callable[[list[int]], Matrix],
        *,
        on_disk: bool = True,
    ) -> Matrix:
        """One row a key: remembered, from disk, or computed by place; each key only once."""
        place: dict[bytes, int] = {}
        for i, key in enumerate(keys):
            place.setdefault(key, i)
        cache = self.cache if on_disk and len(place) > 1 else None
        known = self._known(list(place), cache)
        missing = [key for key in place if key not in known]
        if missing:
            computed = compute([place[key] for key in missing])
            fresh = dict(zip(missing, computed, strict=True))
            known.update(fresh)
            self._remember(fresh)
            if cache is not None:
                cache.put(fresh)
        return np.stack([known[key] for key in keys])

    def _known(self, keys: list[bytes], cache: VectorCache | None) -> dict[bytes, Matrix]:
        known = {k: v for k in keys if (v := self._remembered.get(k)) is not None}
        if cache is not None and len(keys) != len(known):
            from_disk = cache.get([key for key in keys if key not in known])
            known.update(from_disk)
            self._remember(from_disk)
        return known

    def key(self, text: str, how: str = "") -> bytes:
        """Names the vector of a text; `how` tells apart other ways of reading it."""
        digest = self._key_start.copy()
        digest.update(f"{how}|".encode())
        digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.digest()

    def _remember(self, vectors: dict[bytes, Matrix]) -> None:
        with self._remembered_lock:
            for key, vector in vectors.items():
                if key not in self._remembered:
                    self._remembered_bytes += vector.nbytes
                    self._remembered[key] = vector
            while self._remembered_bytes > _REMEMBERED_BYTES:
                _, oldest = self._remembered.popitem(last=False)
                self._remembered_bytes -= oldest.nbytes

    def _encode(self, texts: list[str]) -> Matrix:
        if self.pooling.custom:
            return self._run_pipeline(texts)
        ids = self.tokenize(texts, truncation=True, max_length=self.pooling.max_length)["input_ids"]
        return self.run(ids, self._pool)

    def _run_pipeline(self, texts: list[str]) -> Matrix:
        with self._inference(), self._tokenizer_lock:
            vectors = self._module.encode(  # type: ignore[operator]  # a SentenceTransformer
                texts, prompt=self.pooling.prefix or None, show_progress_bar=False
            )
        return np.asarray(vectors, np.float32)

    def _pool(self, features: Features, _rows: list[int]) -> Tensor:
        states = self._module(**features).last_hidden_state
        return pool(states, features["attention_mask"], self.pooling)

    def tokenize(self, texts: Sequence[str], **options: Any) -> Any:
        """The tokenizer's output for the texts with the model's prefix."""
        with self._tokenizer_lock:
            return self._tokenizer([self.pooling.prefix + text for text in texts], **options)

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Shared with others: change nothing in it."""
        return self._tokenizer

    def pieces(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of the texts alone: no prefix, nothing around them, nothing cut off."""
        if not texts:
            return []
        with self._tokenizer_lock:
            # verbose: its only warning would be of long texts.
            found = self._tokenizer(list(texts), add_special_tokens=False, verbose=False)
        return list(found["input_ids"])

    def run(
        self, ids: list[list[int]], vectors_of: Callable[[Features, list[int]], Tensor]
    ) -> Matrix:
        """Rows of token ids through `vectors_of`, in batches of like length.

        It gets a batch as the model takes it, and which rows they are; it gives [rows, D].
        """
        result: Matrix | None = None
        with self._inference(), track(len(ids), "Encoding") as progress:
            for batch in batches_by_length(ids, _BATCH_TOKENS.get(self.device.type, 8192)):
                features = self.features([ids[i] for i in batch])
                vectors = vectors_of(features, batch).cpu().numpy()
                if result is None:
                    result = np.empty((len(ids), vectors.shape[1]), np.float32)
                result[batch] = vectors
                progress(len(batch))
        assert result is not None
        return result

    @contextmanager
    def _inference(self) -> Iterator[None]:
        import torch

        bf16 = self.precision == "bf16"
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16),
        ):
            yield

    def hidden_states(self, features: Features) -> tuple[Tensor, ...]:
        """The states [B, T, D] of the embedding layer and of each layer above it."""
        if self.pooling.custom:
            raise ModelError(
                f"{self.name} has modules of its own after the transformer, so its token states "
                "are out of reach. Use a model that pools and normalises, and no more."
            )
        return self._module(**features, output_hidden_states=True).hidden_states

    def features(self, ids: list[list[int]]) -> Features:
        """Rows of token ids, padded, as the model takes them."""
        import torch

        pad = self._tokenizer.pad_token_id or 0  # any token will do: the mask hides it
        # Some tokenizers give an empty text no token at all.
        ids = [row or [pad] for row in ids]
        longest = max(map(len, ids))
        tokens = torch.tensor([row + [pad] * (longest - len(row)) for row in ids])
        lengths = torch.tensor([len(row) for row in ids])
        mask = (torch.arange(longest) < lengths[:, None]).long()
        return {
            "input_ids": tokens.to(self.device),
            "attention_mask": mask.to(self.device),
        }

    def __deepcopy__(self, memo: dict[int, Any]) -> TextEncoder:
        return self  # it never changes, so scikit-learn's clone may share it

    def __repr__(self) -> str:
        return f"TextEncoder({self.name!r}, device={str(self.device)!r}, {self.precision})"


def in_precision(module: torch.nn.Module, precision: str) -> torch.nn.Module:
    """The module, its matrices now in bf16: autocast would cast them anew for every batch."""
    import torch

    if precision == "bf16":
        for part in module.modules():
            if isinstance(part, torch.nn.Linear):
                part.to(torch.bfloat16)
    return module


def batches_by_length(ids: Sequence[Sequence[int]], budget: int) -> Iterator[list[int]]:
    """Indices in batches of like length; longest times count stays within the budget.

    Best is a batch of one length: it needs no attention mask. Shorter rows join a batch that is
    small yet, as long as their padding costs less than to begin another.

    >>> list(batches_by_length([[1] * 9, [1], [1] * 2, [1] * 8], budget=64))
    [[0, 3], [2, 1]]
    """
    # The longest come first, so that running out of memory shows at once and time left is kept.
    order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
    batch: list[int] = []
    longest = padding = 0
    for i in order:
        tokens = longest * len(batch)
        padding += longest - len(ids[i])
        may_pad = tokens < budget // 4 and padding <= budget // 16
        if batch and (tokens + longest > budget or (padding and not may_pad)):
            yield batch
            batch = []
        if not batch:
            longest, padding = len(ids[i]), 0
        batch.append(i)
    if batch:
        yield batch


_loading = threading.Lock()
_loaded: dict[tuple[str, str, str], TextEncoder] = {}


def load_encoder(name: str, *, device: str = "auto", precision: str = "auto") -> TextEncoder:
    """The process's one encoder of this name; loaded at the first call."""
    where = pick_device(device)
    key = (name, str(where), pick_precision(precision, where))
    with _loading:
        if key not in _loaded:
            _loaded[key] = TextEncoder(
                name, device=key[1], precision=key[2], cache=VectorCache.default()
            )
        return _loaded[key]
