"""The cards of the methods with prompts."""

from __future__ import annotations

from fsl_nlp.methods.base import MethodCard


def _prompt_card(summary: str, cost: str, paper: str) -> MethodCard:
    return MethodCard(
        "prompted",
        summary,
        cost,
        "a masked language model",
        paper,
        "fsl-nlp fit train.csv --method {name} --encoder embedded:mlm --out my-bot",
    )


PROMPT_CARDS = {
    "zero-shot": _prompt_card(
        "Asks a masked model to fill in the label; no training.",
        "seconds",
        "Schick and Schütze 2021, arXiv 2001.07676",
    ),
    "prompt": _prompt_card(
        "Trains a masked model to fill in the label in one template.",
        "minutes on a CPU",
        "Schick and Schütze 2021, arXiv 2001.07676",
    ),
    "pet": _prompt_card(
        "Several prompts label unlabelled texts, and one classifier learns from them.",
        "minutes on a CPU for each pattern",
        "Schick and Schütze 2021, arXiv 2001.07676",
    ),
    "p-tuning": _prompt_card(
        "As prompt, with trained soft tokens beside the mask.",
        "minutes on a CPU",
        "Liu et al. 2021, arXiv 2103.10385",
    ),
}
