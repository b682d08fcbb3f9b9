"""Forks while a thread answers: `fork_script.py FOLDER FORKS`; each child must answer and end.

It prints one line for each fork: how the child answers, and its exit status.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fsl_nlp import FewShotClassifier, TextEncoder
from fsl_nlp.runtime import Bot

PATIENCE = 120.0  # seconds for a child; a busy machine is slow, and a hang is for ever
TEXTS = ["word1 word2", "word3 word1", "word4 word5", "word6 word4"]
QUESTIONS = [f"word{i} word{i + 1} " * 10 for i in range(30)]


def answering(folder: Path) -> dict[str, Any]:
    """Classifiers of every kind, all of which have answered."""
    labels = ["one", "one", "two", "two"]
    encoders = {
        name: TextEncoder(str(folder / "model"), backend=name) for name in ("onnx", "torch")
    }
    kinds: dict[str, Any] = {
        name: FewShotClassifier("linear", encoder).fit(TEXTS, labels)
        for name, encoder in encoders.items()
    }
    kinds["tuned"] = FewShotClassifier("lora", encoders["torch"], epochs=1).fit(TEXTS, labels)
    kinds["bot"] = Bot.load(kinds["onnx"].save(folder / "bot"), threads=2)
    for classifier in kinds.values():
        classifier.classify(QUESTIONS)
    torch.ones(1024, 1024) @ torch.ones(1024, 1024)  # all threads of the pool
    return kinds


def child(classifier: Any, expected: Any) -> int:
    answers = classifier.predict_proba(QUESTIONS)
    torch.ones(1024, 1024) @ torch.ones(1024, 1024)
    return 0 if np.abs(answers - expected).max() < 1e-2 else 3


def wait(process: int) -> str:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return str(os.waitstatus_to_exitcode(status))
        time.sleep(0.02)
    os.kill(process, 9)
    os.waitpid(process, 0)
    return "hangs"


def main() -> None:
    torch.set_num_threads(2)
    kinds = answering(Path(sys.argv[1]))
    expected = {name: classifier.predict_proba(QUESTIONS) for name, classifier in kinds.items()}
    stop = threading.Event()

    def answer() -> None:
        for i in count():
            for classifier in kinds.values():
                if stop.wait(0.002):
                    return
                classifier.classify([f"word{i % 40} {question}" for question in QUESTIONS[:5]])

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    order = ["bot", "torch", "onnx", "tuned"]
    for i in range(int(sys.argv[2])):
        name = order[i % len(order)]
        time.sleep(0.003 * (i % 7))
        process = os.fork()
        if not process:
            sys.exit(child(kinds[name], expected[name]))
        print(name, wait(process), flush=True)
    stop.set()
    thread.join()


if __name__ == "__main__":
    main()
