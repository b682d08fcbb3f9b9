"""ADAPET's loss (Tam et al. 2021, arXiv 2103.11955).

Decoupled labels (section 3.1): the words of the label become likely among all words of the
vocabulary, not only among those of the labels, and the others' words unlikely:
-log p(y) - sum_{y' != y} log(1 - p(y')).
Label conditioning (section 3.2): with the label's word filled in, hidden words of the text become
likely; with the word of a wrong label, unlikely.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fsl_nlp.prompts.cloze import Cloze, by_label
from fsl_nlp.prompts.rendering import Rendered, Segment
from fsl_nlp.types import Example

_HIDDEN = 0.15  # of the text's tokens, in the shortest text of a batch
_SMALL = 1e-6  # keeps log(1 - p) finite


class Adapet:
    """`words`: [label][word], pieces."""

    def __init__(
        self,
        cloze: Cloze,
        words: list[list[list[int]]],
        examples: Sequence[Example],
        classes: Sequence[int],
        seed: int,
    ) -> None:
        self.cloze, self.words = cloze, words
        self.questions = cloze.ask(examples, [word for found in words for word in found])
        self.segments = cloze.renderer.read(examples)
        self.targets = torch.tensor(classes, device=cloze.encoder.device)
        self.rng = np.random.default_rng(seed)

    def loss(self, chosen: list[int]) -> Tensor:
        return self.decoupled(chosen) + self.conditioned(chosen)

    def decoupled(self, chosen: list[int]) -> Tensor:
        beliefs = self.cloze.scores(self.questions, chosen, normalise=True)  # log p of words
        likely = by_label(beliefs.exp(), self.words).clamp(_SMALL, 1 - _SMALL)  # [B, N]
        own = torch.nn.functional.one_hot(self.targets[chosen], len(self.words)).bool()
        return -torch.where(own, likely, 1 - likely).log().sum(1).mean()

    def conditioned(self, chosen: list[int]) -> Tensor:
        inputs, hidden, right = self._hide(chosen)
        if not hidden[0]:
            return torch.zeros((), device=self.cloze.encoder.device)
        device = self.cloze.encoder.device
        logits = self.cloze.net.logits(self.cloze.states(inputs)).float()  # [B, k, V]
        own = torch.tensor(hidden, device=device).unsqueeze(-1)
        likely = (logits.gather(-1, own)[..., 0] - logits.logsumexp(-1)).exp()
        likely = likely.clamp(_SMALL, 1 - _SMALL)
        wanted = torch.tensor(right, device=device).unsqueeze(-1)
        return -torch.where(wanted, likely, 1 - likely).log().mean()

    def _hide(self, chosen: Sequence[int]) -> tuple[list[Rendered], list[list[int]], list[bool]]:
        """Inputs with a label filled in, what was hidden, and whether the label is right."""
        rendered, texts, right = [], [], []
        for i in chosen:
            own, label = int(self.targets[i]), int(self.rng.integers(len(self.words)))
            label = own if self.rng.random() < 0.5 else label
            words = self.words[label]
            word = words[int(self.rng.integers(len(words)))]
            rendered.append(self.cloze.renderer.render(self.segments[i], word))
            texts.append(_places_of_text(rendered[-1], self.segments[i]))
            right.append(label == own)
        count = max(1, round(_HIDDEN * min(map(len, texts)))) if all(texts) else 0
        inputs, hidden = [], []
        for one, places in zip(rendered, texts, strict=True):
            masks = sorted(self.rng.choice(places, count, replace=False).tolist()) if count else []
            ids = list(one.ids)
            hidden.append([ids[place] for place in masks])
            for place in masks:
                ids[place] = self.cloze.renderer.pieces.mask
            inputs.append(Rendered(ids, masks))
        return inputs, hidden, right


def _places_of_text(rendered: Rendered, segments: Sequence[Segment]) -> list[int]:
    """Where tokens of shortenable fields stand: the text, not the template."""
    own = {piece for s in segments if s.ids is not None and s.cut != "keep" for piece in s.ids}
    words = set(rendered.masks)
    return [i for i, piece in enumerate(rendered.ids) if piece in own and i not in words]
