"""Episodes of a frozen encoder and a head: encode each text once, score many episodes a call."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fsl_nlp.encoders.hardware import free_memory
from fsl_nlp.encoders.mentions import encode_mentions
from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import OptionError
from fsl_nlp.evaluation.centring import TaskCentring
from fsl_nlp.heads.base import Head, pack
from fsl_nlp.methods.frozen.method import FrozenMethod
from fsl_nlp.methods.frozen.reading import Reader
from fsl_nlp.methods.weights import is_weighted
from fsl_nlp.progress import track
from fsl_nlp.sampling import NOTHING
from fsl_nlp.types import Dataset

log = logging.getLogger("fsl_nlp")

# Bytes of a batch per byte of its vectors: normalised copies, and what a head computes.
_WORKING_COPIES = 4
# A CPU is fastest on what its cache holds: 16 MiB were three times as fast as 1 GiB.
_CPU_BATCH_BYTES = 16 << 20


@dataclass(frozen=True)
class Scored:
    """Predictions [E, Q], numbered as in `EpisodeTable.target`, and the seconds that they took.

    `diverged` counts the tasks that were adapted at a lower rate; None where it was not counted.
    """

    predicted: NDArray[np.int64]
    encode_seconds: float
    score_seconds: float
    diverged: int | None = None


def score_in_batches(
    method: FrozenMethod,
    dataset: Dataset,
    table: EpisodeTable,
    *,
    memory: int | None = None,
) -> Scored:
    """The predictions for all episodes.

    `memory` is the most bytes of one batch; by default a quarter of what is free.
    """
    method = method.loaded()
    method.check_ready()
    method.check_inputs(dataset.examples)
    if is_weighted(dataset.examples) or isinstance(
        method.head.options().get("class_weight"), Mapping
    ):
        raise OptionError(
            "Episodes have other texts and labels each time, so they take no weights of examples "
            "and no class_weight of labels. Leave them out."
        )
    device = method.encoder.device
    started = time.perf_counter()
    used = np.setdiff1d(np.concatenate([table.support.ravel(), table.query.ravel()]), [NOTHING])
    texts = [dataset.examples[i] for i in used]
    centring = method.centring(texts)
    if centring is None:
        supports = np.setdiff1d(table.support, [NOTHING])
        reader = method.reader_for([dataset.examples[i] for i in supports])
    else:
        reader = Reader(method.encoder)

    def read(rows: NDArray[np.float32]) -> Tensor:
        with torch.inference_mode():
            given = torch.from_numpy(rows).to(device)
            return given if centring else method.head.transform(given)

    vectors = read(encode_mentions(method.encoder, texts) if centring else reader.read(texts))
    row_of = torch.zeros(len(dataset), dtype=torch.long)
    row_of[torch.from_numpy(used)] = torch.arange(len(used))
    label_rows, label_classes = method.read_label_texts(reader, dataset)
    names = None
    if label_classes:
        rows = read(label_rows).cpu().numpy()
        names = pack(rows, label_classes, len(dataset.labels))[:2]
    encode_seconds = time.perf_counter() - started

    started = time.perf_counter()
    scorer = _Scorer(
        method.head,
        vectors,
        row_of.to(device),
        (names[0][0].to(device), names[1][0].to(device)) if names else None,
        centring=TaskCentring.of(centring, device) if centring else None,
        none_margin=method.settings.none_margin if table.has_none_of_the_above else None,
    )
    rows = table.support[0].size + table.query.shape[1]
    rows += table.way * names[0].shape[2] if names else 0
    episode_bytes = rows * vectors[0].numel() * 4 * _WORKING_COPIES
    budget = memory if memory is not None else free_memory(device) // 4
    if device.type == "cpu":
        budget = min(budget, _CPU_BATCH_BYTES)
    batch = int(np.clip(budget // max(episode_bytes, 1), 1, len(table)))
    parts: list[tuple[Tensor, int | None]] = []
    start, warned = 0, False
    with torch.inference_mode(), track(len(table), "Scoring") as progress:
        while start < len(table):
            stop = min(start + batch, len(table))
            try:
                parts.append(scorer(table.take(slice(start, stop))))
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if batch == 1 or not _is_out_of_memory(error):
                    raise
                batch = max(1, batch // 2)
                if not warned:
                    log.warning("Out of memory: continuing with %d episodes a batch.", batch)
                    warned = True
                continue
            progress(stop - start)
            start = stop
    predicted = torch.cat([rows for rows, _ in parts]).cpu().numpy()
    counts = [count for _, count in parts if count is not None]
    seconds = time.perf_counter() - started
    return Scored(predicted, encode_seconds, seconds, sum(counts) if counts else None)


class _Scorer:
    """Gives the predicted classes of a batch of episodes, and how many of them diverged.

    It works on the device where the vectors are.
    """

    def __init__(
        self,
        head: Head,
        vectors: Tensor,  # [n, D], or parts [n, P, D] that are centred task by task
        row_of: Tensor,  # [len(dataset)] -> row of `vectors`
        # Label texts of each class: vectors [C, M, D], weights [C, M].
        names: tuple[Tensor, Tensor] | None,
        *,
        centring: TaskCentring | None,
        none_margin: float | None,
    ) -> None:
        self.head = head
        self.centring = centring
        self.vectors = vectors
        self.row_of = row_of
        self.names = names
        self.none_margin = none_margin

    def __call__(self, table: EpisodeTable) -> tuple[Tensor, int | None]:
        indices = self._on_device(table.support)
        weights = (indices != NOTHING).to(self.vectors.dtype)  # [B, N, K]
        support = self.vectors[self.row_of[indices.clamp(min=0)]]  # [B, N, K, D]
        query = self.vectors[self.row_of[self._on_device(table.query)]]  # [B, Q, D]
        classes = self._on_device(table.classes)
        names = self.names[0][classes] if self.names is not None else None  # [B, N, M, D]
        if self.centring is not None:
            centre = self.centring.centres(support, weights)
            support = self._transform(self.centring.rows(support, centre))
            query = self._transform(self.centring.rows(query, centre))
            if names is not None:
                names = self._transform(self.centring.rows_of_texts(names, centre))
        if self.names is not None and names is not None:
            support = torch.cat([support, names], 2)
            weights = torch.cat([weights, self.names[1][classes]], 2)
        state = self.head.fit(support, weights)
        scores = self.head.score(state, query)  # [B, Q, N]
        predicted = scores.argmax(-1)
        if self.none_margin is not None:
            support_scores = self.head.score(state, support.flatten(1, 2))  # [B, N * K, N]
            threshold = none_threshold(support_scores, weights, self.none_margin)
            predicted[scores.amax(-1) < threshold[:, None]] = table.way
        return predicted, self.head.diverged(state)

    def _transform(self, rows: Tensor) -> Tensor:
        flat = self.head.transform(rows.flatten(0, -2))
        return flat.view(*rows.shape[:-1], *flat.shape[1:])

    def _on_device(self, indices: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(indices).to(self.vectors.device)


def none_threshold(support_scores: Tensor, weights: Tensor, margin: float) -> Tensor:
    """[B]: a query whose best score is lower is none of the above.

    A support example belongs to none of the other classes of its episode, so its scores for these
    show how a text of no class scores. The threshold is `margin` standard deviations above the mean
    of the best such scores. `support_scores` are [B, N * K, N], `weights` are [B, N, K].
    """
    _, way, shot = weights.shape
    target = torch.arange(way, device=support_scores.device).repeat_interleave(shot)
    other_scores = support_scores.scatter(
        2, target.view(1, -1, 1).expand(len(support_scores), -1, 1), float("-inf")
    )
    best = other_scores.amax(2)  # [B, N * K]
    is_example = weights.flatten(1)
    count = is_example.sum(1)
    mean = (best * is_example).sum(1) / count
    spread = (((best - mean[:, None]) ** 2 * is_example).sum(1) / count).sqrt()
    return mean + margin * spread


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "memory" in text
