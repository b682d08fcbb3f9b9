"""What is said of the methods with a frozen encoder and of those with prompts."""

from __future__ import annotations

from fsl_nlp.heads import head_class
from fsl_nlp.heads.base import PreparedHead
from fsl_nlp.methods.base import MethodCard

# Commands for heads that cannot fit a bot by themselves.
_EPISODES = {
    "episodes": "fsl-nlp episodes banking77:test --method {name}",
    "source classes": "fsl-nlp episodes banking77:test --method {name} --classes 50,27",
}


def head_card(name: str) -> MethodCard:
    """What is said of a frozen encoder with the head of that name."""
    head = head_class(name)
    needs = "episodes" if head.transductive else "" if head().ready else "source classes"
    example = _EPISODES[needs] if needs else MethodCard.example
    return MethodCard("frozen", head.summary, "seconds", needs, head.paper, example)


def head_inputs(name: str) -> tuple[str, ...]:
    """The kinds of examples that a frozen encoder with that head takes."""
    if issubclass(head_class(name), PreparedHead):
        return ("text", "mentions")
    return ("text", "pair", "mentions", *(["candidates"] if name == "proto" else []))


def head_sources(name: str) -> tuple[str, ...]:
    """What a frozen encoder with that head learns from."""
    head = head_class(name)
    more: tuple[str, ...] = () if head.transductive else ("unlabelled texts",)
    more += ("source classes",) if issubclass(head, PreparedHead) else ()
    return ("examples", "label names", "label descriptions", *more)


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
