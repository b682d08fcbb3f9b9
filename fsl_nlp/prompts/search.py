"""Search the vocabulary for label words, from a few examples."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fsl_nlp.errors import DataError
from fsl_nlp.prompts.cloze import Cloze
from fsl_nlp.types import Example

_CANDIDATES = 1000  # the most likely pieces in the examples of a label
_CHECKED = 100  # the best of the candidates; those that are words remain


def search_words(
    cloze: Cloze, examples: Sequence[Example], classes: Sequence[int], labels: int, count: int
) -> list[tuple[str, ...]]:
    """`count` words of one piece for each label (PETAL, Schick et al. 2020, arXiv 2010.13641).

    Of the pieces t that are likely in the examples of label y, those with the largest
    mean_{x of y} log p(t | x) - mean_{x not of y} log p(t | x): the likelihood ratio of section
    3.2 with equal weight on both sides. A word goes to the label with the largest ratio.
    """
    log_probabilities = _log_probabilities(cloze, examples)  # [n, V]
    targets = torch.tensor(classes)
    chosen: list[list[tuple[float, str]]] = []
    for label in range(labels):
        in_label = targets == label
        if not in_label.any() or in_label.all():
            raise DataError("verbalizer='search': every label needs an example.")
        likely = log_probabilities[in_label].mean(0)
        candidates = likely.topk(min(_CANDIDATES, len(likely))).indices
        ratio = (likely - log_probabilities[~in_label].mean(0))[candidates]
        best = ratio.topk(min(_CHECKED, len(ratio)))
        ranked = zip(best.values.tolist(), candidates[best.indices].tolist(), strict=True)
        chosen.append(_words(cloze, list(ranked)))
    return _assign(chosen, count)


def _log_probabilities(cloze: Cloze, examples: Sequence[Example]) -> Tensor:
    """log p of each piece at the first mask, [n, V]."""
    questions = cloze.questions(examples, [[cloze.renderer.pieces.mask]])
    (group,) = questions.groups.values()
    rows = []
    with torch.inference_mode(), cloze.encoder.autocast():
        for i in range(len(examples)):
            states = cloze.states([group.inputs[i]])[:, :1]
            rows.append(cloze.net.logits(states).float().log_softmax(-1)[0, 0].cpu())
    return torch.stack(rows)


def _words(cloze: Cloze, ranked: Sequence[tuple[float, int]]) -> list[tuple[float, str]]:
    """The pieces that are words, and that the tokenizer gives for the word at the mask."""
    tokenizer = cloze.encoder.tokenizer
    texts = [tokenizer.decode([piece]).strip() for _, piece in ranked]
    nonempty = [text or "?" for text in texts]
    pieces = cloze.renderer.label_words(nonempty)
    return [
        (score, text)
        for (score, piece), text, ids in zip(ranked, texts, pieces, strict=True)
        if ids == [piece] and any(character.isalnum() for character in text)
    ]


def _assign(candidates: Sequence[Sequence[tuple[float, str]]], count: int) -> list[tuple[str, ...]]:
    owners: dict[str, int] = {}
    ranked = sorted(
        ((score, label, word) for label, words in enumerate(candidates) for score, word in words),
        key=lambda item: -item[0],
    )
    assigned: list[list[str]] = [[] for _ in candidates]
    for _, label, word in ranked:
        if word not in owners and len(assigned[label]) < count:
            owners[word] = label
            assigned[label].append(word)
    if empty := [label for label, words in enumerate(assigned) if not words]:
        raise DataError(f"The search found no words for {len(empty)} of the labels. Set words.")
    return [tuple(words) for words in assigned]
