"""CPU milliseconds of edits, and of a fit from scratch on the same vectors, in one run.

    python benchmarks/editing.py --data-dir FOLDER

The vectors of all texts are in memory, for the fit as for the edits. Every edit is undone before
the next one. With --reject, both learn a threshold from held-out examples, too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch

from fsl_nlp import Dataset, FewShotClassifier, load_dataset
from fsl_nlp.encoders import TextEncoder
from fsl_nlp.processor import machine

DATA = ("support_en", "banking77:train_10", "clinc150:train_10")
METHODS = ("proto", "linear")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", help="folder of public corpora; default: FSL_NLP_DATA")
    parser.add_argument("--data", nargs="+", default=DATA)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--reject", type=float)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    encoder, rows = TextEncoder("embedded:en"), []
    for name in options.data:
        data = load_dataset(name, data_dir=options.data_dir)
        for method in options.methods:
            times = measure(data, method, encoder, options.reject, options.rounds)
            rows.append({"data": name, "texts": len(data), "method": method, **times})
            if not options.json:
                print(json.dumps(rows[-1]), flush=True)
    if options.json:
        print(json.dumps({"machine": machine(), "reject": options.reject, "rows": rows}, indent=1))


def measure(
    data: Dataset, method: str, encoder: TextEncoder, reject: float | None, rounds: int
) -> dict[str, float]:
    """Median CPU milliseconds of one thread, of a fit and of each edit."""
    first, second, third = data.labels[:3]
    texts = ["one more text of it", "and another one"]
    encoder.encode([*data.texts, *texts, "a new label", "a newer name", "all of these"])
    bot = FewShotClassifier(method, encoder, reject=reject).fit_dataset(data)
    edits: dict[str, Callable[[], object]] = {
        "add_examples": lambda: bot.add_examples(texts, [first, second]),
        "remove_examples": lambda: bot.remove_examples([data.texts[0]]),
        "add_label": lambda: bot.add_label("a new label", texts),
        "remove_label": lambda: bot.remove_label(third),
        "rename_label": lambda: bot.rename_label(first, "a newer name"),
        "merge_labels": lambda: bot.merge_labels([first, second], "all of these"),
    }
    taken: dict[str, list[float]] = {name: [] for name in ("fit", *edits, "undo")}

    def timed(name: str, action: Callable[[], object]) -> None:
        started = time.thread_time()
        action()
        taken[name].append(1000 * (time.thread_time() - started))

    for _ in range(rounds):
        timed("fit", lambda: FewShotClassifier(method, encoder, reject=reject).fit_dataset(data))
        for name, edit in edits.items():
            timed(name, edit)
            timed("undo", bot.undo)
    return {name: round(statistics.median(values), 1) for name, values in taken.items()}


if __name__ == "__main__":
    main()
