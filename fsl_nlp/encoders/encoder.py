"""`TextEncoder`: texts in, a float32 matrix out; each distinct text is computed once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fsl_nlp.encoders.cache import VectorCache
from fsl_nlp.encoders.hardware import pick_device, pick_precision
from fsl_nlp.encoders.loading import load_model
from fsl_nlp.encoders.pooling import pool
from fsl_nlp.progress import track

if TYPE_CHECKING:
    from torch import Tensor

Matrix = NDArray[np.float32]

# Tokens, padding included, in one forward pass. Measured: on two CPU cores 1,024 and 2,048 are
# equally fast and 8,192 a fifth slower; a GPU wants more at once.
_BATCH_TOKENS = {"cpu": 2048, "cuda": 65536}
_REMEMBERED = 200_000  # vectors kept in memory, 300 MB at 384 dimensions


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
        self._module = model.module
        self._tokenizer = model.tokenizer
        self._tokenizer_lock = threading.Lock()  # truncation is a setting of the tokenizer
        self._remembered: dict[bytes, Matrix] = {}
        self._remembered_lock = threading.Lock()
        self._key_start = hashlib.blake2b(
            f"{self.fingerprint}|{self.pooling}|{self.precision}|".encode(), digest_size=20
        )

    @property
    def dimensions(self) -> int:
        return int(self.encode("").shape[0])

    def encode(self, texts: str | Sequence[str]) -> Matrix:
        """One text to a vector [D], a list of n to a matrix [n, D].

        A list goes through the cache on disk. A single text, such as a customer's question,
        does not: nothing of it is stored.
        """
        if isinstance(texts, str):
            return self._encode_distinct([texts], use_disk=False)[0]
        place: dict[str, int] = {}
        rows = [place.setdefault(text, len(place)) for text in texts]
        if not place:
            return np.zeros((0, self.dimensions), np.float32)
        return self._encode_distinct(list(place), use_disk=len(place) > 1)[rows]

    def _encode_distinct(self, texts: list[str], *, use_disk: bool) -> Matrix:
        keys = [self._key(text) for text in texts]
        known = {k: v for k in keys if (v := self._remembered.get(k)) is not None}
        disk = self.cache if use_disk else None
        if disk is not None and len(known) < len(keys):
            from_disk = disk.get([key for key in keys if key not in known])
            known.update(from_disk)
            self._remember(from_disk)
        missing = [i for i, key in enumerate(keys) if key not in known]
        if missing:
            computed = self._compute([texts[i] for i in missing])
            fresh = {keys[i]: row for i, row in zip(missing, computed, strict=True)}
            known.update(fresh)
            self._remember(fresh)
            if disk is not None:
                disk.put(fresh)
        return np.stack([known[key] for key in keys])

    def _key(self, text: str) -> bytes:
        digest = self._key_start.copy()
        digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.digest()

    def _remember(self, vectors: dict[bytes, Matrix]) -> None:
        with self._remembered_lock:
            self._remembered.update(vectors)
            excess = len(self._remembered) - _REMEMBERED
            for key in list(self._remembered)[: max(excess, 0)]:
                del self._remembered[key]

    def _compute(self, texts: list[str]) -> Matrix:
        import torch

        with self._tokenizer_lock:
            ids: list[list[int]] = self._tokenizer(
                [self.pooling.prefix + text for text in texts],
                truncation=True,
                max_length=self.pooling.max_length,
            )["input_ids"]
        result: Matrix | None = None
        autocast = torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16"
        )
        with torch.inference_mode(), autocast, track(len(ids), "Encoding") as progress:
            for batch in batches_by_length(ids, _BATCH_TOKENS.get(self.device.type, 8192)):
                vectors = self._forward([ids[i] for i in batch]).cpu().numpy()
                if result is None:
                    result = np.empty((len(ids), vectors.shape[1]), np.float32)
                result[batch] = vectors
                progress(len(batch))
        assert result is not None
        return result

    def _forward(self, ids: list[list[int]]) -> Tensor:
        import torch

        longest = max(map(len, ids))
        pad = self._tokenizer.pad_token_id or 0
        tokens = torch.tensor([row + [pad] * (longest - len(row)) for row in ids])
        lengths = torch.tensor([len(row) for row in ids])
        mask = (torch.arange(longest) < lengths[:, None]).long()
        features: dict[str, Any] = {
            "input_ids": tokens.to(self.device),
            "attention_mask": mask.to(self.device),
        }
        if self.pooling.custom:
            return self._module(features)["sentence_embedding"].float()
        states = self._module(**features).last_hidden_state
        return pool(states, features["attention_mask"], self.pooling)

    def __deepcopy__(self, memo: dict[int, Any]) -> TextEncoder:
        return self  # it never changes, so scikit-learn's clone may share it

    def __repr__(self) -> str:
        return f"TextEncoder({self.name!r}, device={str(self.device)!r}, {self.precision})"


def batches_by_length(ids: Sequence[Sequence[int]], budget: int) -> Iterator[list[int]]:
    """Indices in batches of like length; longest times count stays within the budget.

    >>> list(batches_by_length([[1] * 9, [1], [1] * 2, [1] * 8], budget=10))
    [[0], [3], [2, 1]]
    """
    # The longest come first, so that running out of memory shows at once and time left is kept.
    order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
    start = 0
    while start < len(order):
        count = max(1, budget // max(len(ids[order[start]]), 1))
        yield order[start : start + count]
        start += count


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
