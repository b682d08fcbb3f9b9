"""Seconds, accuracy and memory to tune on BANKING77 5-shot, against SetFit.

    python benchmarks/tune.py --data-dir FOLDER
    python benchmarks/tune.py --data-dir FOLDER --setfit-python OTHER_ENV/bin/python

With the Python of an environment that has SetFit, both are measured in one run, on the same
encoder and the same threads, each in a process of its own. Without, SetFit's figures are those
that were once recorded, and the output says so.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from fsl_nlp.processor import machine

# SetFit 1.2.0, its default recipe (num_iterations=20), all-MiniLM-L6-v2, 2 AVX-512 cores.
RECORDED = {"accuracy": 76.85, "seconds": 656.0, "measured": "once, recorded"}

OURS = """
import json, os, resource, sys, time
from fsl_nlp import FewShotClassifier, load_dataset
train, test = (load_dataset(f"banking77:{part}") for part in ("train_5", "test"))
FewShotClassifier("head", "embedded:en", epochs=1).fit(["a", "b"], ["x", "y"])  # loads the model
started = time.perf_counter()
reject = None if sys.argv[3] == "none" else float(sys.argv[3])
model = FewShotClassifier(sys.argv[1], "embedded:en", seed=int(sys.argv[2]), reject=reject)
model.fit(train.texts, train.targets)
seconds = time.perf_counter() - started
print(json.dumps({
    "accuracy": 100 * model.score(test.texts, test.targets),
    "seconds": seconds,
    "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    "measured": "now",
}))
"""

SETFIT = """
import json, resource, sys, time
from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments
folder, seed, *files = sys.argv[1:]
rows = [[json.loads(line) for line in open(file, encoding="utf-8")] for file in files]
train, test = map(Dataset.from_list, rows)
model = SetFitModel.from_pretrained(folder)
arguments = TrainingArguments(num_iterations=20, num_epochs=1, seed=int(seed), report_to="none")
trainer = Trainer(model=model, args=arguments, train_dataset=train)
started = time.perf_counter()
trainer.train()
seconds = time.perf_counter() - started
answers = model.predict(test["text"])
right = sum(answer == row["label"] for answer, row in zip(answers, rows[1]))
print(json.dumps({
    "accuracy": 100 * right / len(rows[1]),
    "seconds": seconds,
    "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    "measured": "now",
}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-dir", help="folder that holds intents/; default: FSL_NLP_DATA")
    parser.add_argument("--method", default="full")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--reject",
        default="none",
        help="share of in-scope questions to turn away, such as 0.05; SetFit turns none away",
    )
    parser.add_argument("--setfit-python", help="Python of an environment that has SetFit")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    data = options.data_dir or os.environ.get("FSL_NLP_DATA")
    if not data:
        parser.error("name the folder of the corpora with --data-dir or FSL_NLP_DATA")
    environment = {**os.environ, "FSL_NLP_DATA": data, "FSL_NLP_VECTOR_CACHE": "0"}
    ours = run(
        [sys.executable, "-c", OURS, options.method, str(options.seed), options.reject], environment
    )
    theirs = RECORDED
    if options.setfit_python:
        from fsl_nlp.encoders.catalogue import locate

        files = [
            str(Path(data) / f"intents/banking77/{part}.jsonl") for part in ("train_5", "test")
        ]
        command = [str(locate("embedded:en")), str(options.seed), *files]
        theirs = run([options.setfit_python, "-c", SETFIT, *command], environment)
    ratio = theirs["seconds"] / ours["seconds"]
    result = {
        "machine": machine(),
        "method": options.method,
        "reject": options.reject,
        "fsl_nlp": ours,
        "setfit": theirs,
        "ratio": ratio,
    }
    if options.json:
        print(json.dumps(result))
        return
    print(result["machine"])
    for name, found in ((f"fsl_nlp, {options.method}", ours), ("SetFit", theirs)):
        memory = found.get("peak_memory_mb")
        print(
            f"{name:16} {found['accuracy']:6.2f}% in {found['seconds']:6.1f} s"
            f"{f', peak memory {memory} MB' if memory else ''}   ({found['measured']})"
        )
    print(f"{'ratio':16} {ratio:6.1f}")


def run(command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=False)
    if done.returncode:
        sys.exit(f"{command[0]} failed with status {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout.decode().strip().split("\n")[-1])
    return found


if __name__ == "__main__":
    main()
