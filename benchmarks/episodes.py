"""Seconds for episodes of FewRel's val_wiki: batched, looped over cached vectors, re-encoded.

    python benchmarks/episodes.py --data-dir FOLDER

Each draws its episodes and scores them with the same head. The loop takes one episode after the
other, its vectors from a table. Re-encoding every sentence of every episode is what the FewRel
toolkit does. Both are timed on some episodes and scaled up, and the output says so.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable

import torch

from fsl_nlp import load_dataset
from fsl_nlp.encoders import TextEncoder
from fsl_nlp.encoders.mentions import encode_mentions
from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.evaluation.batched import score_in_batches
from fsl_nlp.methods import build_method
from fsl_nlp.methods.frozen.reading import Reader
from fsl_nlp.processor import machine

QUERY = 5  # of each class


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", help="folder that holds fewrel/; default: FSL_NLP_DATA")
    parser.add_argument("--episodes", type=int, default=10_000)
    parser.add_argument("--encoded-episodes", type=int, default=20, help="timed with re-encoding")
    parser.add_argument("--looped-episodes", type=int, default=500, help="timed in the loop")
    parser.add_argument("--way", type=int, default=5)
    parser.add_argument("--shot", type=int, default=5)
    parser.add_argument("--method", default="proto")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    data = load_dataset("fewrel:val_wiki", data_dir=options.data_dir)
    encoder = TextEncoder("embedded:en")
    settings = {"label_names": False, "descriptions": False}
    method = build_method(options.method, encoder, options=settings)

    def sample(episodes: int) -> EpisodeTable:
        return EpisodeTable.sample(
            data, way=options.way, shot=options.shot, query=QUERY, episodes=episodes, seed=0
        )

    started = time.perf_counter()
    encode_mentions(encoder, data.examples)  # remembered from here on
    encode = time.perf_counter() - started
    reader = Reader.for_examples(encoder, data.examples)
    vectors = torch.from_numpy(reader.read(data.examples))

    def batched() -> None:
        score_in_batches(method, data, sample(options.episodes))

    places: dict[object, list[int]] = {}
    for i, example in enumerate(data.examples):
        places.setdefault(example.label, []).append(i)
    targets = torch.arange(options.way).repeat_interleave(QUERY)

    def looped() -> None:
        rng, right = random.Random(0), 0
        for _ in range(options.looped_episodes):
            drawn = [
                rng.sample(places[label], options.shot + QUERY)
                for label in rng.sample(list(places), options.way)
            ]
            support = vectors[torch.tensor([one[: options.shot] for one in drawn])][None]
            query = vectors[[i for one in drawn for i in one[options.shot :]]][None]
            state = method.head.fit(support, torch.ones(support.shape[:3]))
            predicted = method.head.score(state, query).argmax(-1)
            right += int((predicted == targets).sum())

    def encoded() -> None:
        table = sample(options.encoded_episodes)
        for e in range(options.encoded_episodes):
            rows = [*table.support[e].ravel(), *table.query[e]]
            encoder._memory.clear()
            encode_mentions(encoder, [data.examples[i] for i in rows])

    scale_loop = options.episodes / options.looped_episodes
    scale_encode = options.episodes / options.encoded_episodes
    best_batched = seconds(batched, options.rounds)
    best_loop = seconds(looped, options.rounds) * scale_loop
    best_encoded = seconds(encoded, 1) * scale_encode
    result = {
        "machine": machine(),
        "device": str(encoder.device),
        "episodes": options.episodes,
        "encode_corpus_once_s": round(encode, 2),
        "batched_s": round(best_batched, 2),
        "loop_over_cached_vectors_s": round(best_loop, 2),
        "re_encoding_s": round(best_encoded, 1),
        "scaled_from": {
            "loop": options.looped_episodes,
            "re_encoding": options.encoded_episodes,
        },
        "loop_to_batched": round(best_loop / best_batched, 1),
        "re_encoding_to_batched": round(best_encoded / best_batched, 1),
        "re_encoding_to_encode_and_batched": round(best_encoded / (encode + best_batched), 1),
    }
    if encoder.device.type == "cuda":
        result["peak_memory_mb"] = torch.cuda.max_memory_allocated() >> 20
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:36} {value}")


def seconds(work: Callable[[], None], rounds: int) -> float:
    """The shortest of several rounds: other load only ever adds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


if __name__ == "__main__":
    main()
