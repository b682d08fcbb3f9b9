"""How long an answer takes, beside sentence-transformers, in one run on one machine.

    python benchmarks/latency.py --data-dir ../shared/data
    python benchmarks/latency.py --start        # how soon a fresh process answers, and its memory

One short new text (ten words at most) at a time: readers take turns of twenty questions, the same
for all, so that all of them meet the same moments of a shared machine. Then many texts at once,
likewise in rounds. Nothing comes from a cache of vectors. Times on a shared machine come and go:
quote the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from fsl_nlp import processor
from fsl_nlp.classifier import FewShotClassifier
from fsl_nlp.data import load_dataset
from fsl_nlp.encoders import TextEncoder
from fsl_nlp.encoders.catalogue import locate
from fsl_nlp.encoders.memory import without_caching
from fsl_nlp.export import export_bot
from fsl_nlp.runtime import Bot

SAMPLES = {"embedded:en": "support_en", "embedded:multilingual": "support_zh"}
# Put before a sample sentence to make another one of it.
OPENINGS = ("", "hello, ", "please help: ", "quick question - ", "hi there! ", "urgent!! ")
PEER = "sentence-transformers"
TURN = 20  # questions in a row
SHORT = 10  # words of a short text, at most

ONCE = """
import time; start = time.perf_counter()
import sys, json
from fsl_nlp.runtime import Bot
bot = Bot.load(sys.argv[1])
answer = bot.classify(sys.argv[2])
seconds = time.perf_counter() - start
memory = next(l for l in open("/proc/self/status") if l.startswith("VmRSS"))
peak = next(l for l in open("/proc/self/status") if l.startswith("VmHWM"))
print(json.dumps([seconds, int(memory.split()[1]) / 1000, int(peak.split()[1]) / 1000]))
"""


@dataclass(frozen=True)
class Row:
    """Milliseconds of one text, and texts a second of many; ratios are to the peer's."""

    reader: str
    median_ms: float
    p99_ms: float
    share_of_peer: float
    texts_per_second: float
    times_peer: float
    least_cosine: float | None  # to the peer's vectors


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", choices=list(SAMPLES), default="embedded:en")
    parser.add_argument(
        "--data-dir", help="holds intents/banking77; else FSL_NLP_DATA, else samples"
    )
    parser.add_argument("--questions", type=int, default=200, help="asked one at a time")
    parser.add_argument("--limit", type=int, default=3080, help="texts at once, at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="of the CPU; torch's own choice if not given")
    parser.add_argument("--start", action="store_true", help="measure fresh processes instead")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    os.environ["FSL_NLP_VECTOR_CACHE"] = "0"
    if options.threads:
        import torch

        torch.set_num_threads(options.threads)
        os.environ["OMP_NUM_THREADS"] = str(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        if options.start:
            show(options.json, {"start": starts(options.encoder, Path(scratch))}, start_as_text)
            return
        source, texts = read_texts(options.encoder, options.data_dir, options.limit)
        readers = readers_of(options.encoder, Path(scratch))
        rows = measure(readers, texts, options.questions, options.rounds)
    result = {"encoder": options.encoder, "texts": source, "count": len(texts)}
    show(options.json, {**result, "rows": [asdict(row) for row in rows]}, latency_as_text)


def read_texts(encoder: str, data_dir: str | None, limit: int) -> tuple[str, list[str]]:
    """Where the texts come from, and the texts, each once."""
    if encoder == "embedded:en" and (data_dir or os.environ.get("FSL_NLP_DATA")):
        source, openings = "banking77:test", OPENINGS[:1]
    else:
        source, openings = f"{SAMPLES[encoder]}:test, with openings", OPENINGS
    examples = list(load_dataset(source.split(",")[0], data_dir=data_dir))
    texts = [opening + example.text for opening in openings for example in examples]
    return source, list(dict.fromkeys(texts))[:limit]


def readers_of(name: str, scratch: Path) -> dict[str, Callable[[list[str]], Any]]:
    """What is compared: each takes a list of texts."""
    from sentence_transformers import SentenceTransformer

    peer = SentenceTransformer(str(locate(name)), device="cpu", local_files_only=True)
    readers: dict[str, Callable[[list[str]], Any]] = {PEER: peer.encode}
    for title, settings in {
        "TextEncoder, auto": {},
        "TextEncoder, torch": {"backend": "torch"},
        "TextEncoder, onnx fp32": {"backend": "onnx"},
        "TextEncoder, onnx int8": {"precision": "int8"},
    }.items():
        readers[title] = TextEncoder(name, device="cpu", **settings).encode_uncached
    data = load_dataset(SAMPLES[name])
    classifier = FewShotClassifier("linear", name).fit(data.texts, data.targets)
    readers["FewShotClassifier.predict"] = classifier.predict
    for precision in ("fp32", "int8"):
        folder = export_bot(classifier, scratch / precision, precision=precision, max_changed=1)
        readers[f"Bot.predict, {precision}"] = Bot.load(folder.folder).predict
    if find_spec("setfit"):
        from setfit import SetFitModel

        model = SetFitModel.from_pretrained(str(locate(name)), device="cpu")
        model.fit(data.texts, [str(t) for t in data.targets], num_epochs=0)
        readers["SetFit.predict"] = model.predict
    return readers


def measure(
    readers: dict[str, Callable[[list[str]], Any]], texts: list[str], count: int, rounds: int
) -> list[Row]:
    short = [text for text in texts if len(text.split()) <= SHORT] or texts
    rng = np.random.default_rng(0)
    questions = [f"{short[i]}{n}" for n, i in enumerate(rng.integers(0, len(short), count))]
    single: dict[str, list[float]] = {name: [] for name in readers}
    many: dict[str, list[float]] = {name: [] for name in readers}
    vectors: dict[str, Any] = {}
    for read in readers.values():
        timed(read, questions[:2])
        timed(read, questions[:1])
    for start in range(0, count, TURN):
        for name, read in readers.items():
            # Its weights come back to the processor.
            timed(read, questions[start : start + 1])
            turn = questions[start : start + TURN]
            single[name] += [timed(read, [question])[0] for question in turn]
    for number in range(rounds):
        note(f"round {number + 1} of {rounds}")
        for name, read in readers.items():
            seconds, vectors[name] = timed(read, texts)
            many[name].append(seconds)
    peer_ms, peer_seconds = np.median(single[PEER]), np.array(many[PEER])
    return [
        Row(
            name,
            1000 * float(np.median(single[name])),
            1000 * float(np.quantile(single[name], 0.99)),
            float(np.median(single[name]) / peer_ms),
            len(texts) / float(np.median(many[name])),
            float(np.median(peer_seconds / np.array(many[name]))),
            least_cosine(vectors[name], vectors[PEER]),
        )
        for name in readers
    ]


def starts(name: str, scratch: Path) -> list[dict[str, Any]]:
    """A fresh process for each: seconds to import, load and answer once, and its memory."""
    data = load_dataset(SAMPLES[name])
    classifier = FewShotClassifier("linear", name).fit(data.texts, data.targets)
    question = data.texts[0][:20] + "?"
    saved = classifier.save(scratch / "saved")
    kinds: dict[str, dict[str, Any]] = {"fp32": {}, "int8": {"precision": "int8"}}
    if name == "embedded:multilingual":
        kinds["fp32, latin and han"] = {"scripts": ("latin", "han")}
        kinds["int8, latin and han"] = {"scripts": ("latin", "han"), "precision": "int8"}
    rows = []
    for title, settings in kinds.items():
        exported = export_bot(classifier, scratch / title, max_changed=1, **settings)
        command = [sys.executable, "-c", ONCE, str(exported.folder), question]
        runs = [json.loads(subprocess.check_output(command)) for _ in range(5)]
        seconds, memory, peak = np.median(runs, 0).tolist()
        rows.append(
            {
                "bot": title,
                "seconds": round(seconds, 3),
                "resident_mb": round(memory),
                "peak_mb": round(peak),
                "disk_mb": exported.megabytes,
            }
        )
    command = [sys.executable, "-m", "fsl_nlp", "predict", str(saved), question]
    seconds = [timed(subprocess.check_output, command)[0] for _ in range(5)]
    rows.append({"bot": "fsl-nlp predict (saved)", "seconds": round(float(np.median(seconds)), 3)})
    return rows


def timed(work: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    with without_caching():  # each computes every text
        start = time.perf_counter()
        result = work(*arguments)
        return time.perf_counter() - start, result


def least_cosine(a: Any, b: Any) -> float | None:
    if not (isinstance(a, np.ndarray) and a.shape == b.shape):
        return None
    a, b = (x.astype(np.float64) for x in (a, b))
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def show(
    as_json: bool, result: dict[str, Any], as_text: Callable[[dict[str, Any]], Sequence[str]]
) -> None:
    import torch

    result = {"machine": processor.machine(), "threads": torch.get_num_threads(), **result}
    if as_json:
        print(json.dumps(result))
        return
    print(f"{result['machine']}; {result['threads']} threads")
    print("\n".join(as_text(result)))


def latency_as_text(result: dict[str, Any]) -> list[str]:
    lines = [f"{result['encoder']}, {result['count']} texts of {result['texts']}"]
    lines.append(f"{'':28} {'median':>8} {'p99 ms':>8} {'of peer':>8} {'texts/s':>8} {'x peer':>7}")
    for row in result["rows"]:
        cosine = "" if row["least_cosine"] is None else f"  cosine {row['least_cosine']:.5f}"
        lines.append(
            f"{row['reader']:28} {row['median_ms']:8.2f} {row['p99_ms']:8.2f} "
            f"{row['share_of_peer']:8.2f} {row['texts_per_second']:8.0f} "
            f"{row['times_peer']:7.2f}{cosine}"
        )
    return lines


def start_as_text(result: dict[str, Any]) -> list[str]:
    return ["  ".join(f"{key} {value}" for key, value in row.items()) for row in result["start"]]


def note(text: str) -> None:
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
