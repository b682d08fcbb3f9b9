"""How fast texts become vectors, against sentence-transformers, in one run on one machine.

    python benchmarks/encode.py --data-dir ../shared/data

Both encode the same distinct texts with the same threads, in turn, for several rounds; nothing
comes from a cache. Each uses its own defaults. Rates on a shared machine come and go, so the
number to quote is the ratio, with the lowest and the highest of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from fsl_nlp.data import load_dataset
from fsl_nlp.encoders import TextEncoder
from fsl_nlp.encoders.catalogue import locate

ENCODERS = {"embedded:en": "support_en", "embedded:multilingual": "support_zh"}
LIMIT = 3000
# Put before a sample sentence to make another one of it.
OPENINGS = ("", "hello, ", "please help: ", "quick question - ", "hi there! ", "urgent!! ")


@dataclass(frozen=True)
class Report:
    encoder: str
    texts: str
    count: int
    threads: int
    precision: str
    rounds: int
    texts_per_second: float
    sentence_transformers_texts_per_second: float
    ratio: float
    ratio_lowest: float
    ratio_highest: float
    cosine_to_fp32: float
    cosine_to_sentence_transformers: float
    one_text_ms: float
    sentence_transformers_one_text_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", choices=list(ENCODERS), default="embedded:en")
    parser.add_argument(
        "--data-dir", help="holds intents/banking77; else FSL_NLP_DATA, else samples"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=int, default=LIMIT, help="texts at most")
    parser.add_argument("--threads", type=int, help="of the CPU; torch's own choice if not given")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    source, texts = read_texts(options.encoder, options.data_dir, options.limit)
    if options.threads:
        import torch

        torch.set_num_threads(options.threads)
    report = measure(options.encoder, source, texts, options.rounds)
    print(json.dumps(asdict(report)) if options.json else as_text(report))


def read_texts(encoder: str, data_dir: str | None, limit: int) -> tuple[str, list[str]]:
    """Where the texts come from, and the texts, each once."""
    if data_dir or os.environ.get("FSL_NLP_DATA"):
        source, openings = "banking77:test", OPENINGS[:1]
    else:
        source, openings = f"{ENCODERS[encoder]}:test, with openings", OPENINGS
    examples = list(load_dataset(source.split(",")[0], data_dir=data_dir))
    texts = [opening + example.text for opening in openings for example in examples]
    return source, list(dict.fromkeys(texts))[:limit]


def measure(name: str, source: str, texts: list[str], rounds: int) -> Report:
    import torch
    from sentence_transformers import SentenceTransformer

    def theirs() -> Any:
        return SentenceTransformer(str(locate(name)), device="cpu", local_files_only=True)

    def ours() -> TextEncoder:
        return TextEncoder(name, device="cpu")  # a new one: the last one remembers the texts

    peer = theirs()
    peer.encode(texts[:64])
    their_times, our_times = [], []
    for i in range(rounds):
        note(f"round {i + 1} of {rounds}")
        seconds, their_vectors = timed(lambda: peer.encode(texts))
        their_times.append(seconds)
        encoder = ours()
        seconds, vectors = timed(lambda encoder=encoder: encoder.encode(texts))
        our_times.append(seconds)
    ratios = [theirs / ours for theirs, ours in zip(their_times, our_times, strict=True)]
    exact = TextEncoder(name, device="cpu", precision="fp32").encode(texts)
    questions = [f"{text} {i}" for i, text in enumerate(sorted(texts, key=len)[:50])]
    return Report(
        encoder=name,
        texts=source,
        count=len(texts),
        threads=torch.get_num_threads(),
        precision=encoder.precision,
        rounds=rounds,
        texts_per_second=len(texts) / median(our_times),
        sentence_transformers_texts_per_second=len(texts) / median(their_times),
        ratio=median(ratios),
        ratio_lowest=min(ratios),
        ratio_highest=max(ratios),
        cosine_to_fp32=smallest_cosine(vectors, exact),
        cosine_to_sentence_transformers=smallest_cosine(vectors, their_vectors),
        one_text_ms=1000 * median(timed(lambda q=q: encoder.encode(q))[0] for q in questions),
        sentence_transformers_one_text_ms=1000
        * median(timed(lambda q=q: peer.encode(q))[0] for q in questions),
    )


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def smallest_cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = (x.astype(np.float64) for x in (a, b))
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def as_text(report: Report) -> str:
    return f"""\
{report.encoder}, {report.count} texts of {report.texts}, {report.threads} CPU threads, \
medians of {report.rounds} rounds
  TextEncoder ({report.precision})        {report.texts_per_second:7.0f} texts/s
  sentence-transformers     {report.sentence_transformers_texts_per_second:7.0f} texts/s
  ratio                     {report.ratio:7.2f}   (rounds: {report.ratio_lowest:.2f} to \
{report.ratio_highest:.2f})
  smallest cosine           {report.cosine_to_fp32:.6f} to our fp32, \
{report.cosine_to_sentence_transformers:.6f} to sentence-transformers
  one short new text        {report.one_text_ms:7.1f} ms   (sentence-transformers: \
{report.sentence_transformers_one_text_ms:.1f} ms)"""


def note(text: str) -> None:
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
