"""Examples as cloze questions, and the scores of words at their masks.

score(word) = 1/m sum_j log p(piece j | mask j) for a word of m pieces, which needs m masks. Words
of the same length share an input. If all words have the same length, the normaliser of p cancels
out, and logits take the place of log p.
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

# The words to score, as ids: [word][piece].
WordPieces = list[list[int]]


@dataclass(frozen=True)
class Group:
    """The questions with m masks; not every example needs one."""

    inputs: dict[int, Rendered]  # by the index of the example
    word_list: Tensor  # [n]: index of the example's word list, of K
    pieces: Tensor  # [K, W, m]: indices into `Questions.piece_ids`
    columns: Tensor  # [K, W]: the column of each word's score; the last column is padding


@dataclass(frozen=True)
class Questions:
    """Rendered examples. `Cloze.scores` answers them, any number of times."""

    groups: dict[int, Group]  # by number of masks
    piece_ids: Tensor  # [R]: ids of the pieces that occur in the words
    words_per_example: int
    count: int

    @property
    def lengths(self) -> list[list[int]]:
        """For each example a list as long as its number of tokens."""
        sizes = [0] * self.count
        for group in self.groups.values():
            for i, question in group.inputs.items():
                sizes[i] += len(question.ids)
        return [[0] * size for size in sizes]


@dataclass(frozen=True)
class Cloze:
    """A template together with a masked language model."""

    encoder: TextEncoder
    net: MaskedNet
    renderer: Renderer

    def questions(self, examples: Sequence[Example], words: WordPieces) -> Questions:
        """Questions with the same words for each example."""
        return self._questions(examples, [words] * len(examples))

    def candidate_questions(self, examples: Sequence[Example]) -> Questions:
        """Questions whose words are the candidates of each example."""
        counts = {len(example.candidates) for example in examples}
        if len(counts) != 1 or 0 in counts:
            raise DataError(
                f"Examples have {' or '.join(map(str, sorted(counts)))} candidates; all must have "
                "the same number."
            )
        distinct = list(dict.fromkeys(word for e in examples for word in e.candidates))
        unknown = self.renderer.pieces.unknown
        pieces = {}
        for word, ids in zip(distinct, self.renderer.label_words(distinct), strict=True):
            if not ids:
                raise DataError(f"A candidate has no characters: {word!r}.")
            check_length(word, ids, self.renderer)
            # The candidates come with the data, so one with an unknown character is no error: its
            # other pieces are scored.
            fixed = self.renderer.template.mask.count is not None
            pieces[word] = ids if fixed else [p for p in ids if p != unknown] or ids
        return self._questions(
            examples, [[pieces[word] for word in e.candidates] for e in examples]
        )

    def _questions(self, examples: Sequence[Example], words: Sequence[WordPieces]) -> Questions:
        segments = self.renderer.segments(examples)
        mask = self.renderer.pieces.mask
        # Mostly one list, shared by all examples.
        word_lists = list({id(item): item for item in words}.values())
        number = {id(item): k for k, item in enumerate(word_lists)}
        word_list = [number[id(item)] for item in words]
        piece_ids = sorted({piece for item in word_lists for word in item for piece in word})
        index = {piece: i for i, piece in enumerate(piece_ids)}
        width = len(words[0])
        groups = {}
        for m in sorted({len(word) for item in word_lists for word in item}):
            table = [_words_of(item, m, index) for item in word_lists]
            most = max(len(columns) for columns, _ in table)
            inputs = {
                i: self.renderer.render(segments[i], [mask] * m)
                for i, k in enumerate(word_list)
                if table[k][0]
            }
            groups[m] = Group(
                inputs,
                torch.tensor(word_list),
                torch.tensor([pieces + [[0] * m] * (most - len(pieces)) for _, pieces in table]),
                torch.tensor([columns + [width] * (most - len(columns)) for columns, _ in table]),
            )
        return Questions(groups, torch.tensor(piece_ids), width, len(examples))

    def scores(
        self, questions: Questions, indices: Sequence[int], *, normalise: bool = False
    ) -> Tensor:
        """The scores [B, W] of the words for some examples, with gradients.

        With `normalise` they are log p even if all words have the same length.
        """
        device = self.encoder.device
        result = torch.zeros(len(indices), questions.words_per_example + 1, device=device)
        rows = questions.piece_ids.to(device)
        for group in questions.groups.values():
            batch_rows = [b for b, i in enumerate(indices) if i in group.inputs]
            if not batch_rows:
                continue
            present = [indices[b] for b in batch_rows]
            states = self.states([group.inputs[i] for i in present])  # [b, m, D]
            logits = self.net.logits(states, rows).float()  # [b, m, R]
            if normalise or len(questions.groups) > 1:
                logits = logits - self.net.logits(states).float().logsumexp(-1, keepdim=True)
            word_list = group.word_list[present]
            piece_scores = logits.mT.gather(1, group.pieces[word_list].to(device))
            columns = group.columns[word_list].to(device)
            scattered = torch.zeros(len(present), questions.words_per_example + 1, device=device)
            scattered = scattered.scatter(1, columns, piece_scores.mean(-1))
            result = result.index_add(0, torch.tensor(batch_rows, device=device), scattered)
        return result[:, :-1]

    def states(self, inputs: Sequence[Rendered]) -> Tensor:
        """The outputs [B, m, D] of the head at the masks."""
        features = self.encoder.features([question.ids for question in inputs])
        masks = torch.tensor([question.masks for question in inputs], device=self.encoder.device)
        return self.net(features, masks)


def _words_of(
    words: WordPieces, m: int, index: dict[int, int]
) -> tuple[list[int], list[list[int]]]:
    """The words of m pieces: their indices in `words`, and their pieces as indices."""
    indices = [i for i, word in enumerate(words) if len(word) == m]
    return indices, [[index[piece] for piece in words[i]] for i in indices]


def mean_by_label(scores: Tensor, words: Sequence[Sequence[object]]) -> Tensor:
    """Mean scores [B, N] over the words of each label, from the scores [B, W] of words."""
    owners = torch.tensor(
        [label for label, label_words in enumerate(words) for _ in label_words],
        device=scores.device,
    )
    sums = torch.zeros(len(scores), len(words), device=scores.device, dtype=scores.dtype)
    sizes = torch.tensor([len(label_words) for label_words in words], device=scores.device)
    return sums.index_add(1, owners, scores) / sizes


def all_pieces(verbalizer: Verbalizer, renderer: Renderer) -> WordPieces:
    """The pieces of all words of all labels, in one list."""
    return [word for label in verbalizer.pieces(renderer) for word in label]
