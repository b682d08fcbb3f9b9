"""Label words found in the vocabulary, from a few examples."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fsl_nlp.errors import DataError
from fsl_nlp.prompts.cloze import Cloze
from fsl_nlp.types import Example

_LIKELY = 1000  # pieces that a label's own examples make most likely: the candidates
_TRIED = 100  # of these, how many are looked at for being words


def search_words(
    cloze: Cloze, examples: Sequence[Example], classes: Sequence[int], labels: int, count: int
) -> list[tuple[str, ...]]:
    """`count` words of one piece for each label (PETAL, Schick et al. 2020, arXiv 2010.13641).

    Of the pieces t that are likely in the label's own examples, those with the largest
    mean_{x of y} log p(t | x) - mean_{x not of y} log p(t | x): the likelihood ratio of section
    3.2 with both sides weighing alike. A word goes to the label that it fits best.
    """
    beliefs = _beliefs(cloze, examples)  # [n, V]
    targets = torch.tensor(classes)
    chosen: list[list[tuple[float, str]]] = []
    for label in range(labels):
        own = targets == label
        if not own.any() or own.all():
            raise DataError("To search for words, every label needs an example.")
        likely = beliefs[own].mean(0)
        candidates = likely.topk(min(_LIKELY, len(likely))).indices
        ratio = (likely - beliefs[~own].mean(0))[candidates]
        best = ratio.topk(min(_TRIED, len(ratio)))
        found = zip(best.values.tolist(), candidates[best.indices].tolist(), strict=True)
        chosen.append(_words(cloze, list(found)))
    return _share_out(chosen, count)


def _beliefs(cloze: Cloze, examples: Sequence[Example]) -> Tensor:
    """[n, V]: log p of each piece at the (first) mask."""
    questions = cloze.ask(examples, [[cloze.renderer.pieces.mask]])
    (group,) = questions.groups.values()
    rows = []
    with torch.inference_mode():
        for i in range(len(examples)):
            read = cloze.states([group.inputs[i]])[:, :1]
            rows.append(cloze.net.logits(read).float().log_softmax(-1)[0, 0].cpu())
    return torch.stack(rows)


def _words(cloze: Cloze, found: Sequence[tuple[float, int]]) -> list[tuple[float, str]]:
    """The pieces that are words, and come back as that very piece in the mask's place."""
    tokenizer = cloze.encoder.tokenizer
    texts = [tokenizer.decode([piece]).strip() for _, piece in found]
    usable = [text or "?" for text in texts]
    again = cloze.renderer.label_words(usable)
    return [
        (score, text)
        for (score, piece), text, ids in zip(found, texts, again, strict=True)
        if ids == [piece] and any(character.isalnum() for character in text)
    ]


def _share_out(found: Sequence[Sequence[tuple[float, str]]], count: int) -> list[tuple[str, ...]]:
    best: dict[str, int] = {}
    ranked = sorted(
        ((score, label, word) for label, words in enumerate(found) for score, word in words),
        key=lambda item: -item[0],
    )
    taken: list[list[str]] = [[] for _ in found]
    for _, label, word in ranked:
        if word not in best and len(taken[label]) < count:
            best[word] = label
            taken[label].append(word)
    if empty := [label for label, words in enumerate(taken) if not words]:
        raise DataError(f"The search found no word for {len(empty)} of the labels. Give words.")
    return [tuple(words) for words in taken]
