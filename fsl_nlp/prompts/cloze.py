"""Examples as cloze questions, and the scores of words as their answers.

score(word) = 1/m sum_j log p(piece j | mask j) for a word of m pieces, one mask each. Words of
the same length share one input; where all have one length the normaliser of p cancels out, and
the raw scores stand for log p.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from fsl_nlp.errors import DataError
from fsl_nlp.prompts.rendering import Rendered, Renderer
from fsl_nlp.prompts.verbalizer import Verbalizer, check_length
from fsl_nlp.types import Example

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.prompts.masked_model import MaskedNet

# Words that are asked after: [word][piece].
WordPieces = list[list[int]]


@dataclass(frozen=True)
class Group:
    """The questions with m masks. Not every example has one."""

    inputs: dict[int, Rendered]  # by example
    kind: Tensor  # [n]: which of the K lists of words an example is asked after
    places: Tensor  # [K, W, m]: the words' pieces, as places in `Questions.rows`
    columns: Tensor  # [K, W]: where each word's score goes; the last column is thrown away


@dataclass(frozen=True)
class Questions:
    """Examples that were made ready; the model is asked later, perhaps often."""

    groups: dict[int, Group]  # by number of masks
    rows: Tensor  # [R]: the pieces that occur in the words
    width: int  # words an example
    count: int

    @property
    def lengths(self) -> list[list[int]]:
        """For each example as many items as the model reads tokens for it."""
        sizes = [0] * self.count
        for group in self.groups.values():
            for i, question in group.inputs.items():
                sizes[i] += len(question.ids)
        return [[0] * size for size in sizes]


@dataclass(frozen=True)
class Cloze:
    """A template on a model."""

    encoder: TextEncoder
    net: MaskedNet
    renderer: Renderer

    def ask(self, examples: Sequence[Example], words: WordPieces) -> Questions:
        """The same words of every example."""
        return self._ask(examples, [words] * len(examples))

    def ask_candidates(self, examples: Sequence[Example]) -> Questions:
        """Each example's own candidates."""
        counts = {len(example.candidates) for example in examples}
        if len(counts) != 1 or 0 in counts:
            raise DataError(
                f"Examples have {' or '.join(map(str, sorted(counts)))} candidates; all must have "
                "the same number."
            )
        distinct = list(dict.fromkeys(word for e in examples for word in e.candidates))
        unknown = self.renderer.pieces.unknown
        known = {}
        for word, ids in zip(distinct, self.renderer.label_words(distinct), strict=True):
            if not ids:
                raise DataError(f"There is a candidate without a character: {word!r}.")
            check_length(word, ids, self.renderer)
            # Nobody chose these words, so a rare character among them is no mistake of anybody's:
            # the others speak for the word.
            fixed = self.renderer.template.mask.count is not None
            known[word] = ids if fixed else [p for p in ids if p != unknown] or ids
        return self._ask(examples, [[known[word] for word in e.candidates] for e in examples])

    def _ask(self, examples: Sequence[Example], words: Sequence[WordPieces]) -> Questions:
        segments = self.renderer.read(examples)
        mask = self.renderer.pieces.mask
        lists = list({id(found): found for found in words}.values())  # mostly one, shared by all
        number = {id(found): k for k, found in enumerate(lists)}
        kind = [number[id(found)] for found in words]
        rows = sorted({piece for found in lists for word in found for piece in word})
        place = {piece: i for i, piece in enumerate(rows)}
        width = len(words[0])
        groups = {}
        for m in sorted({len(word) for found in lists for word in found}):
            table = [_words_of(found, m, place) for found in lists]
            most = max(len(columns) for columns, _ in table)
            inputs = {
                i: self.renderer.render(segments[i], [mask] * m)
                for i, k in enumerate(kind)
                if table[k][0]
            }
            groups[m] = Group(
                inputs,
                torch.tensor(kind),
                torch.tensor([places + [[0] * m] * (most - len(places)) for _, places in table]),
                torch.tensor([columns + [width] * (most - len(columns)) for columns, _ in table]),
            )
        return Questions(groups, torch.tensor(rows), width, len(examples))

    def scores(
        self, questions: Questions, chosen: Sequence[int], *, normalise: bool = False
    ) -> Tensor:
        """[B, W] for some of the examples, as the model is now; gradients flow.

        With `normalise` they are log p even where words of one length would not need it.
        """
        device = self.encoder.device
        result = torch.zeros(len(chosen), questions.width + 1, device=device)
        rows = questions.rows.to(device)
        for group in questions.groups.values():
            here = [b for b, i in enumerate(chosen) if i in group.inputs]
            if not here:
                continue
            own = [chosen[b] for b in here]
            read = self.states([group.inputs[i] for i in own])  # [b, m, D]
            logits = self.net.logits(read, rows).float()  # [b, m, R]
            if normalise or len(questions.groups) > 1:
                logits = logits - self.net.logits(read).float().logsumexp(-1, keepdim=True)
            kind = group.kind[own]
            found = logits.mT.gather(1, group.places[kind].to(device))
            columns = group.columns[kind].to(device)
            scattered = torch.zeros(len(own), questions.width + 1, device=device)
            scattered = scattered.scatter(1, columns, found.mean(-1))
            result = result.index_add(0, torch.tensor(here, device=device), scattered)
        return result[:, :-1]

    def states(self, inputs: Sequence[Rendered]) -> Tensor:
        """[B, m, D]: what the head makes of the states at the masks."""
        features = self.encoder.features([question.ids for question in inputs])
        masks = torch.tensor([question.masks for question in inputs], device=self.encoder.device)
        return self.net(features, masks)


def _words_of(
    words: WordPieces, m: int, place: dict[int, int]
) -> tuple[list[int], list[list[int]]]:
    """The words of m pieces: their numbers, and their pieces as places."""
    chosen = [i for i, word in enumerate(words) if len(word) == m]
    return chosen, [[place[piece] for piece in words[i]] for i in chosen]


def by_label(scores: Tensor, words: Sequence[Sequence[object]]) -> Tensor:
    """[B, W] to [B, N]: the mean over the words of each label."""
    owners = torch.tensor(
        [label for label, found in enumerate(words) for _ in found], device=scores.device
    )
    sums = torch.zeros(len(scores), len(words), device=scores.device, dtype=scores.dtype)
    sizes = torch.tensor([len(found) for found in words], device=scores.device)
    return sums.index_add(1, owners, scores) / sizes


def flat(verbalizer: Verbalizer, renderer: Renderer) -> WordPieces:
    """The pieces of all words, label after label."""
    return [word for label in verbalizer.pieces(renderer) for word in label]
