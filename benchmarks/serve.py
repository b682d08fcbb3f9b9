"""A server beside its own bot without a server, in one run on one machine.

    python benchmarks/serve.py                  # throughput, and waiting at half of it
    python benchmarks/serve.py --minutes 10     # mixed load with edits and reloads

The client is a process of its own, on the same processors. It keeps 64 connections busy, each with
one short question at a time, and then asks at half of that rate. It checks every answer against
what the bot itself says. Times on a shared machine come and go: quote the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from fsl_nlp import FewShotClassifier, load_dataset
from fsl_nlp.export import export_bot
from fsl_nlp.loading import load_bot
from fsl_nlp.processor import machine
from fsl_nlp.runtime import Bot

SAMPLES = {"embedded:en": "support_en", "embedded:multilingual": "support_zh"}
CONNECTIONS = 64
ROUNDS = 5
SECONDS = 5.0  # of each measurement in a round
RATE = 60.0  # questions a second of the mixed load
TOLERANCE = 1e-3  # of a confidence: sums of other batches are added up in another order
# The label and the confidence of each text, by the `model_version` that answers so.
Answers = dict[str, dict[str, tuple[Any, float]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--encoders", nargs="+", default=list(SAMPLES))
    parser.add_argument("--precisions", nargs="+", default=["fp32", "int8"])
    parser.add_argument("--workers", type=int, default=1, help="of the server")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--minutes", type=float, help="of mixed load with edits and reloads")
    parser.add_argument("--client", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        print(json.dumps(asyncio.run(load(**json.loads(options.client)))))
        return
    with tempfile.TemporaryDirectory() as folder:
        if options.minutes:
            rows = [mixed(Path(folder), options.minutes)]
        else:
            rows = [
                compare(Path(folder), encoder, precision, options.seconds, options.workers)
                for encoder in options.encoders
                for precision in options.precisions
            ]
    print(json.dumps({"machine": machine(), "rows": rows}, indent=1))


# Throughput and waiting


def compare(
    folder: Path, encoder: str, precision: str, seconds: float, workers: int
) -> dict[str, Any]:
    """The rates and times of an exported bot, alone and behind a server, in turns.

    Each figure is the median of the rounds: a machine slows down for seconds and recovers.
    """
    data = load_dataset(SAMPLES[encoder])
    name = f"{SAMPLES[encoder]}-{precision}"
    classifier = FewShotClassifier("proto", encoder).fit_dataset(data)
    export_bot(classifier, folder / name, precision=precision)
    texts = load_dataset(f"{SAMPLES[encoder]}:test").texts
    bot = Bot.load(folder / name)
    expected = answers_of(bot, texts)
    many = texts * -(-512 // len(texts))
    rows = []
    with server(folder / name, workers) as (port, _):
        ask(port, expected, seconds=2)  # warm
        for _ in range(ROUNDS):
            rate = len(many) / timed(bot, many)
            full = ask(port, expected, seconds=seconds)
            rate = max(rate, len(many) / timed(bot, many))
            alone = sorted(timed(bot, text) for text in texts)
            half = ask(port, expected, seconds=seconds, rate=full["rate"] / 2)
            alone = sorted([*alone, *(timed(bot, text) for text in texts)])
            one, one_p99 = percentile(alone, 0.5), percentile(alone, 0.99)
            rows.append(
                {
                    "texts_a_second_of_the_bot": rate,
                    "questions_a_second_of_the_server": full["rate"],
                    "share": full["rate"] / rate,
                    "ms_of_one_text": 1000 * one,
                    "ms_of_one_text_p99": 1000 * one_p99,
                    "ms_at_half_load": 1000 * half["p50"],
                    "ms_at_half_load_p99": 1000 * half["p99"],
                    "p99_times_one_text": half["p99"] / one,
                    "p99_times_p99_of_one_text": half["p99"] / one_p99,
                    "answers": full["answers"] + half["answers"],
                    "wrong": full["wrong"] + half["wrong"],
                    "errors": full["errors"] + half["errors"],
                }
            )
    totals = {key: sum(row[key] for row in rows) for key in ("answers", "wrong", "errors")}
    medians = {key: round(statistics.median(row[key] for row in rows), 2) for key in rows[0]}
    return {"bot": name, "workers": workers, **medians, **totals}


def percentile(times: list[float], share: float) -> float:
    """Of sorted times."""
    return times[int(share * len(times))]


def timed(bot: Bot, question: Any) -> float:
    start = time.perf_counter()
    bot.classify(question)
    return time.perf_counter() - start


def answers_of(bot: Any, texts: list[str]) -> Answers:
    answers = bot.classify(texts)
    rows = {t: (a.label, a.confidence) for t, a in zip(texts, answers, strict=True)}
    return {bot.model_version_: rows}


@contextmanager
def server(folder: Path, workers: int = 1) -> Iterator[tuple[int, psutil.Process]]:
    """A server of a folder in a process of its own: its port and its process."""
    command = [sys.executable, "-m", "fsl_nlp", "serve", str(folder), "--port", "0"]
    command += ["--workers", str(workers)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        line = process.stderr.readline()
        port = int(line.split("http://127.0.0.1:")[1].split()[0])
        yield port, psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def ask(port: int, expected: Answers, **options: Any) -> dict[str, Any]:
    """What a client in a process of its own counts."""
    words = json.dumps({"port": port, "expected": expected, **options})
    command = [sys.executable, __file__, "--client", words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


# The client


async def load(
    port: int, expected: Answers, seconds: float, rate: float | None = None
) -> dict[str, Any]:
    """Ask over 64 connections, as fast as answers come or at a rate; every answer is checked.

    At a rate, questions come at even distances, and waiting counts from the moment at which a
    question was due.
    """
    texts, times, counts = (
        sorted(next(iter(expected.values()))),
        list[float](),
        {"wrong": 0, "errors": 0},
    )
    start, asked = time.perf_counter(), 0

    async def connection() -> None:
        nonlocal asked
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while True:
            number, asked = asked, asked + 1
            due = start + number / rate if rate else time.perf_counter()
            if due - start > seconds:
                break
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            text = texts[number % len(texts)]
            status, answer = await exchange(reader, writer, text)
            times.append(time.perf_counter() - due)
            counts["errors"] += status != 200
            counts["wrong"] += status == 200 and not is_right(answer, text, expected)
        writer.close()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    passed = time.perf_counter() - start
    times.sort()
    return {
        "rate": len(times) / passed,
        "p50": percentile(times, 0.5),
        "p99": percentile(times, 0.99),
        "answers": len(times),
        **counts,
    }


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str
) -> tuple[int, Any]:
    """One question: the status and the answer."""
    body = json.dumps({"text": text}).encode()
    head = (
        "POST /v1/classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    received = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(received.split("content-length:")[1].split("\r\n")[0])
    return int(received.split()[1]), json.loads(await reader.readexactly(length))


def is_right(answer: dict[str, Any], text: str, expected: Answers) -> bool:
    """Whether the version of the bot that it names answers so."""
    label, confidence = expected.get(answer["model_version"], {}).get(text, (None, -1.0))
    return answer["label"] == label and abs(answer["confidence"] - confidence) < TOLERANCE


# Mixed load


def mixed(folder: Path, minutes: float) -> dict[str, Any]:
    """Questions while a label is added and undone, the folder is saved anew, and SIGHUP comes."""
    data = load_dataset("support_en")
    texts = load_dataset("support_en:test").texts
    served, other = folder / "shop", folder / "other"
    FewShotClassifier("proto", "embedded:en").fit_dataset(data).save(served)
    shutil.copytree(served, other)
    extra = ["do you sell gift cards", "can I buy a gift card", "a voucher as a present please"]
    expected = answers_of(load_bot(other), texts)
    classifier = FewShotClassifier.load(other)
    classifier.add_label("gift_card", extra)
    classifier.save(other)
    expected |= answers_of(load_bot(other), texts)
    edits = reloads = 0
    with server(served) as (port, process):
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120)
        words = json.dumps(
            {"port": port, "expected": expected, "seconds": 60 * minutes, "rate": RATE}
        )
        asking = subprocess.Popen(
            [sys.executable, __file__, "--client", words], stdout=subprocess.PIPE, text=True
        )
        memory, end = list[list[int]](), time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            body = {"label": "gift_card", "texts": extra}
            client.post("/v1/bots/shop/labels", json=body).raise_for_status()
            client.post("/v1/bots/shop/undo", json={}).raise_for_status()
            edits += 2
            if edits % 4 == 0:
                os.kill(process.pid, signal.SIGHUP)
                (served / "classifier.json").touch()
                reloads += 1
            memory.append(
                [p.memory_info().rss // 1_000_000 for p in (process, *process.children())]
            )
            time.sleep(1)
        output, _ = asking.communicate(timeout=120)
    quarter = max(1, len(memory) // 4)
    return {
        **json.loads(output),
        "minutes": minutes,
        "edits": edits,
        "reloads": reloads,
        # Of the server, and of the process that edits.
        "mb_second_quarter": np.mean(memory[quarter : 2 * quarter], 0).round().tolist(),
        "mb_last_quarter": np.mean(memory[-quarter:], 0).round().tolist(),
    }


if __name__ == "__main__":
    main()
