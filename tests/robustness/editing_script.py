"""Processes that edit one folder, and are killed: `python -m tests.robustness.editing_script`.

Each child is forked from one that has loaded everything, so that a round costs no time.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import fsl_nlp.restoring
from fsl_nlp import FewShotClassifier
from fsl_nlp.serving.teaching import Teacher
from tests.conftest import SHOP, WordEncoder

WORDS = WordEncoder()


def edit(folder: Path, name: str, count: int, acknowledge: int) -> None:
    """Add texts one after another; lines in a pipe say that it begins, and what it made."""
    teacher = Teacher(folder)
    os.write(acknowledge, b"1\n")
    for number in range(count):
        text = f"{name} text {number}"
        made = teacher.change(lambda bot, _, text=text: bot.add_examples([text], ["log_in"]))
        os.write(acknowledge, f"{made.after}\n".encode())


def child(folder: Path, name: str, count: int) -> tuple[int, int]:
    """A process that edits: its id, and what to read its answered edits from."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        status = 1
        try:
            os.close(reading)
            edit(folder, name, count, writing)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    return process, reading


def lines(descriptor: int) -> list[int]:
    """The versions that a child made, as far as that was answered."""
    with os.fdopen(descriptor, "rb") as file:
        return [version for line in file.read().split() if (version := int(line)) > 1]


def state(folder: Path) -> dict[str, Any]:
    """What a folder holds, loaded as by a server that starts."""
    bot = FewShotClassifier.load(folder)
    return {
        "version": bot.version_.number,
        "texts": len(bot.examples_),
        "edits": [change.number for change in bot.history()],
        "files": len(list(folder.iterdir())),
    }


def killed(folder: Path, rounds: int) -> list[dict[str, Any]]:
    """Kill a process that edits, again and again: what it was told, and what is there then."""
    draw = random.Random(5)
    results = []
    for number in range(rounds):
        process, reading = child(folder, f"round {number}", 10_000)
        # After its first edit, and somewhere in one of the next.
        started, told = time.monotonic(), b""
        while told.count(b"\n") < 2:
            told += os.read(reading, 100)
        time.sleep(draw.uniform(0, 2) * (time.monotonic() - started))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        answered = [*map(int, told.split()), *lines(reading)]
        results.append({"told": max(answered), **state(folder)})
    edit(folder, "end", 1, os.open(os.devnull, os.O_WRONLY))
    return [*results, {"told": 0, **state(folder)}]


def together(folder: Path, processes: int, count: int) -> dict[str, Any]:
    """Processes that edit at once: what all of them were told, and what is there then."""
    children = [child(folder, f"process {n}", count) for n in range(processes)]
    statuses = [os.waitpid(process, 0)[1] for process, _ in children]
    told = sorted(version for _, reading in children for version in lines(reading))
    return {"statuses": statuses, "told": told, **state(folder)}


def main() -> None:
    """Fit a bot in a new folder, and run what the arguments say."""
    fsl_nlp.restoring.load_saved_encoder = lambda *_: WORDS  # type: ignore[assignment]
    what, folder, *counts = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:])
    texts = [text for texts in SHOP.values() for text in texts]
    labels = [label for label, texts in SHOP.items() for _ in texts]
    FewShotClassifier("proto", WORDS, reject=None).fit(texts, labels).save(folder)
    edit(folder, "first", 1, os.open(os.devnull, os.O_WRONLY))  # all of it is loaded then
    run = {"killed": killed, "together": together}[what]
    print(json.dumps({"first": state(folder), "result": run(folder, *counts)}))  # type: ignore[operator]


if __name__ == "__main__":
    main()
