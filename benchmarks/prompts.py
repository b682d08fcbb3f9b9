"""Scores of label words at the masks alone, against the whole vocabulary at every place.

    python benchmarks/prompts.py --encoder FOLDER

Both run the same model with the same threads on the same batches: a cloze with one mask a piece,
15 labels of two characters. `plain` is what a prompt library does: the model's scores of every
word at every place, of which the masks' rows and the words' columns are kept. Each runs in a
process of its own, whose peak memory is the most it ever held less what it held with the model
loaded. Rates on a shared machine come and go: quote the ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from statistics import median
from typing import Any

import numpy as np
import torch

from fsl_nlp.data import load_dataset
from fsl_nlp.data.fewclue_prompts import task_prompts
from fsl_nlp.encoders import TextEncoder
from fsl_nlp.processor import machine
from fsl_nlp.prompts import Template, Verbalizer, load_masked_net
from fsl_nlp.prompts.cloze import Cloze, all_pieces
from fsl_nlp.prompts.pieces import Pieces
from fsl_nlp.prompts.rendering import Renderer
from fsl_nlp.runtime.batches import batches_by_length
from fsl_nlp.types import Example

BATCH_TOKENS = 2048


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", default="embedded:mlm")
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", choices=["ours", "plain"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.encoder, options.texts, options.rounds)))
        return
    found = {kind: _in_process(kind) for kind in ("ours", "plain")}
    ours, plain = found["ours"], found["plain"]
    gap = np.abs(np.array(ours.pop("scores")) - np.array(plain.pop("scores"))).max()
    report = {
        "machine": machine(),
        "encoder": options.encoder,
        "texts": options.texts,
        "threads": torch.get_num_threads(),
        **found,
        "largest_difference": float(gap),
        "time_ratio": round(plain["seconds"] / ours["seconds"], 2),
        "memory_ratio": round(plain["megabytes"] / max(ours["megabytes"], 1), 2),
    }
    print(json.dumps(report, indent=1))


def _in_process(kind: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, *sys.argv, "--one", kind], stdout=subprocess.PIPE, check=True
    )
    return dict(json.loads(done.stdout))


def measure(kind: str, name: str, count: int, rounds: int) -> dict[str, Any]:
    encoder = TextEncoder(name, device="cpu", precision="fp32")
    net = load_masked_net(encoder)
    words = {label: found[0] for label, found in task_prompts("tnews").words.items()}
    template = Template("下面报导一则[MASK]新闻。{text}")
    pieces = Pieces(encoder)
    cloze = Cloze(encoder, net, Renderer(template, pieces, 512, net.vocabulary))
    verbalizer = Verbalizer.of(list(words), words)
    texts = load_dataset("support_zh").texts
    examples = [Example(f"{texts[i % len(texts)]}{i}") for i in range(count)]
    questions = cloze.questions(examples, all_pieces(verbalizer, cloze.renderer))
    batches = list(batches_by_length(questions.lengths, BATCH_TOKENS))
    model = _whole_model(encoder) if kind == "plain" else None
    before, seconds, scores = _peak(), [], np.zeros(0)
    for _ in range(rounds):
        started = time.perf_counter()
        with torch.inference_mode():
            rows = [
                cloze.scores(questions, b) if model is None else _plain(model, cloze, questions, b)
                for b in batches
            ]
        seconds.append(time.perf_counter() - started)
        scores = torch.cat(rows).numpy()
    return {
        "seconds": round(median(seconds), 3),
        "megabytes": round((_peak() - before) / 1024, 1),
        "scores": scores.tolist(),
    }


def _whole_model(encoder: TextEncoder) -> Any:
    from transformers import AutoModelForMaskedLM

    from fsl_nlp.encoders.catalogue import locate

    model = AutoModelForMaskedLM.from_pretrained(locate(encoder.name)).eval()
    # The same attention for both, so that only the heads differ.
    setattr(model, model.base_model_prefix, encoder.module)
    return model


def _plain(model: Any, cloze: Cloze, questions: Any, batch: list[int]) -> torch.Tensor:
    result = torch.zeros(len(batch), questions.width + 1)
    for group in questions.groups.values():
        inputs = [group.inputs[i] for i in batch]
        features = cloze.encoder.features([one.ids for one in inputs])
        logits = model(**features).logits  # [B, T, V]
        if len(questions.groups) > 1:
            logits = logits.log_softmax(-1)
        for row, (i, one) in enumerate(zip(batch, inputs, strict=True)):
            at = logits[row, one.masks]  # [m, V]
            kind = group.word_list[i]
            for word, column in zip(group.pieces[kind], group.columns[kind].tolist(), strict=True):
                ids = questions.piece_ids[word]
                result[row, column] += at[torch.arange(len(ids)), ids].mean()
    return result[:, :-1]


def _peak() -> int:
    """Kilobytes that the process held at most so far."""
    if os.name == "nt":
        raise SystemExit("This benchmark needs a system that tells a process its peak memory.")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
