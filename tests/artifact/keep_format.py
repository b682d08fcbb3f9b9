"""Writes the artefacts of the current format that the tests keep, to `format_N` beside this file.

    python -m tests.artifact.keep_format

Run it, from the folder of the repository, before the number of the format is raised.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fsl_nlp import Dataset, Example, FewShotClassifier, TextEncoder
from fsl_nlp.artifact.protocols import CLASSIFIER
from fsl_nlp.meta.settings import TaskSize
from fsl_nlp.methods import build_method
from fsl_nlp.methods.meta.method import MetaMethod

BOTS: dict[str, dict[str, Any]] = {
    "linear": {},
    "head": {"epochs": 5, "loss_temperature": 0.1, "reject": None},
    "lora": {"epochs": 3, "rank": 1, "loss_temperature": 0.1, "reject": None},
}
COLOURS = ["red", "green", "blue", "black", "white", "pink", "grey", "brown", "orange", "violet"]
META = {"meta_steps": 4, "meta_tasks": 2, "check_every": 2, "check_tasks": 4, "rank": 2}


def main() -> None:
    from tests.conftest import SHOP, WordEncoder

    folder = Path(__file__).with_name(f"format_{CLASSIFIER.newest}")
    folder.mkdir()
    encoder = TextEncoder("embedded:en", device="cpu", precision="fp32")
    texts = [text for group in SHOP.values() for text in group]
    labels = [label for label, group in SHOP.items() for _ in group]
    for method, options in BOTS.items():
        FewShotClassifier(method, encoder, **options).fit(texts, labels).save(folder / method)
    small = WordEncoder(dimensions=8)
    examples = [
        Example(f"{c} {noun}", label=c) for c in COLOURS for noun in ("car", "hat", "house")
    ]
    source = Dataset(tuple(examples), tuple(COLOURS), {}, "colours")
    method = build_method("anil", small, options=META)
    assert isinstance(method, MetaMethod)
    method.meta_train([source], TaskSize((2, 2), (1, 1), 1), folder=folder / "meta")


if __name__ == "__main__":
    main()
