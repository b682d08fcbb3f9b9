"""ADAPET's loss (Tam et al. 2021, arXiv 2103.11955).

Decoupled labels (section 3.1), with probabilities over the whole vocabulary:
-log p(y) - sum_{y' != y} log(1 - p(y')).
Label conditioning (section 3.2): the mask is filled with the word of a label, and some words of the
text are masked. If the label is right, the masked words become likely, otherwise unlikely.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fsl_nlp.prompts.cloze import Cloze, mean_by_label
from fsl_nlp.prompts.rendering import Rendered, Segment
from fsl_nlp.types import Example

_MASKED_SHARE = 0.15  # of the tokens of the shortest text of a batch
_EPSILON = 1e-6  # keeps log(1 - p) finite


class AdapetLoss:
    """The loss of a prompt on its examples. `words` are pieces, [label][word][piece]."""

    def __init__(
        self,
        cloze: Cloze,
        words: list[list[list[int]]],
        examples: Sequence[Example],
        classes: Sequence[int],
        seed: int,
    ) -> None:
        self.cloze, self.words = cloze, words
        self.questions = cloze.questions(
            examples, [word for label_words in words for word in label_words]
        )
        self.segments = cloze.renderer.segments(examples)
        self.targets = torch.tensor(classes, device=cloze.encoder.device)
        self.rng = np.random.default_rng(seed)

    def loss(self, chosen: list[int]) -> Tensor:
        """The mean loss of some examples: the sum of both parts."""
        return self.decoupled(chosen) + self.conditioned(chosen)

    def decoupled(self, rows: list[int]) -> Tensor:
        """The loss of decoupled labels (section 3.1)."""
        scores = self.cloze.scores(self.questions, rows, normalise=True)  # log p of each word
        probabilities = mean_by_label(scores.exp(), self.words)  # [B, N]
        probabilities = probabilities.clamp(_EPSILON, 1 - _EPSILON)
        is_target = torch.nn.functional.one_hot(self.targets[rows], len(self.words)).bool()
        return -torch.where(is_target, probabilities, 1 - probabilities).log().sum(1).mean()

    def conditioned(self, rows: list[int]) -> Tensor:
        """The loss of label conditioning (section 3.2)."""
        inputs, hidden, is_target = self._hide(rows)
        if not hidden[0]:
            return torch.zeros((), device=self.cloze.encoder.device)
        device = self.cloze.encoder.device
        logits = self.cloze.net.logits(self.cloze.states(inputs)).float()  # [B, k, V]
        hidden_ids = torch.tensor(hidden, device=device).unsqueeze(-1)
        likely = (logits.gather(-1, hidden_ids)[..., 0] - logits.logsumexp(-1)).exp()
        likely = likely.clamp(_EPSILON, 1 - _EPSILON)
        should_be_likely = torch.tensor(is_target, device=device).unsqueeze(-1)
        return -torch.where(should_be_likely, likely, 1 - likely).log().mean()

    def _hide(self, rows: Sequence[int]) -> tuple[list[Rendered], list[list[int]], list[bool]]:
        """Inputs with a label filled in, the masked token ids, and whether the label is right."""
        rendered, texts, is_target = [], [], []
        for i in rows:
            target, label = int(self.targets[i]), int(self.rng.integers(len(self.words)))
            label = target if self.rng.random() < 0.5 else label
            words = self.words[label]
            word = words[int(self.rng.integers(len(words)))]
            rendered.append(self.cloze.renderer.render(self.segments[i], word))
            texts.append(_text_positions(rendered[-1], self.segments[i]))
            is_target.append(label == target)
        count = max(1, round(_MASKED_SHARE * min(map(len, texts)))) if all(texts) else 0
        inputs, hidden = [], []
        for one, positions in zip(rendered, texts, strict=True):
            masks = (
                sorted(self.rng.choice(positions, count, replace=False).tolist()) if count else []
            )
            ids = list(one.ids)
            hidden.append([ids[position] for position in masks])
            for position in masks:
                ids[position] = self.cloze.renderer.pieces.mask
            inputs.append(Rendered(ids, masks))
        return inputs, hidden, is_target


def _text_positions(rendered: Rendered, segments: Sequence[Segment]) -> list[int]:
    """The positions of the text: the fields that may be shortened, not the template."""
    text_ids = {piece for s in segments if s.ids is not None and s.cut != "keep" for piece in s.ids}
    masks = set(rendered.masks)
    return [i for i, piece in enumerate(rendered.ids) if piece in text_ids and i not in masks]
