"""A prompt: its inputs, and the scores of labels from its answers.

`zero-shot`, `prompt`, `p-tuning` and `pet` share it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fsl_nlp.errors import OptionError
from fsl_nlp.inputs.kinds import CANDIDATES, MENTIONS, PAIR, TEXT, Inputs, common_kinds
from fsl_nlp.inputs.mentions import MENTIONS as BOTH
from fsl_nlp.inputs.mentions import marked_mentions
from fsl_nlp.inputs.support import has_candidates
from fsl_nlp.methods.prompted.settings import PromptSettings
from fsl_nlp.prompts.cloze import Cloze, Questions, mean_by_label
from fsl_nlp.prompts.pieces import Pieces
from fsl_nlp.prompts.rendering import Renderer
from fsl_nlp.prompts.template import Template
from fsl_nlp.prompts.verbalizer import Verbalizer
from fsl_nlp.scripts import are_chinese
from fsl_nlp.types import Dataset, Example, Label

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.prompts.masked_model import MaskedNet

# Divides the cosines to prototypes.
PROTOTYPE_TEMPERATURE = 0.05


@dataclass(frozen=True)
class Prompt:
    """A cloze with the words of its labels; without words, each example has candidates."""

    cloze: Cloze
    labels: tuple[Label, ...]
    verbalizer: Verbalizer | None

    def label_questions(self, examples: Sequence[Example]) -> Questions:
        """The inputs of the model, with the words of all labels at the mask."""
        if self.verbalizer is None:
            return self.cloze.candidate_questions(examples)
        pieces = self.verbalizer.pieces(self.cloze.renderer)
        return self.cloze.questions(examples, [word for words in pieces for word in words])

    def mask_questions(self, examples: Sequence[Example]) -> Questions:
        """The inputs of the model with masks and no words, for the states there."""
        count = self.cloze.renderer.template.mask.count or 1
        return self.cloze.questions(examples, [[self.cloze.renderer.pieces.mask] * count])

    def scores(self, questions: Questions, chosen: Sequence[int]) -> Tensor:
        """[B, N], through which gradients flow."""
        scores = self.cloze.scores(questions, chosen)
        return scores if self.verbalizer is None else mean_by_label(scores, self.verbalizer.words)

    def states(self, questions: Questions, chosen: Sequence[int]) -> Tensor:
        """[B, D]: the states at the mask; where there are several masks, their mean."""
        (group,) = questions.groups.values()
        return self.cloze.states([group.inputs[i] for i in chosen]).mean(1).float()


@dataclass(frozen=True)
class PromptSpec:
    """A prompt without its model; JSON can hold it."""

    template: str
    blank: str | None
    labels: tuple[Label, ...]
    words: tuple[tuple[str, ...], ...] | None  # None: candidates
    example: Mapping[str, Any] = field(default_factory=dict)  # fields that every input has

    @classmethod
    def from_settings(cls, labels: tuple[Label, ...], settings: Mapping[str, Any]) -> PromptSpec:
        """The spec with these saved settings."""
        words = settings["words"]
        words = None if words is None else tuple(map(tuple, words))
        return cls(settings["template"], settings["blank"], labels, words, settings["example"])

    @property
    def inputs(self) -> Inputs:
        """The examples that a prompt of this spec takes."""
        mentions = tuple(name for name in BOTH if name in self.example)
        present = {
            PAIR: "text_b" in self.example,
            MENTIONS: bool(mentions),
            CANDIDATES: "candidates" in self.example,
        }
        kinds = tuple(kind for kind in present if present[kind])
        candidates = len(self.example.get("candidates", ()))
        return Inputs(kinds or (TEXT,), (), candidates, self.blank, mentions or BOTH)

    def to_settings(self) -> dict[str, Any]:
        """All fields except the labels, for JSON."""
        plain = {name: getattr(self, name) for name in ("template", "blank", "words")}
        return {**plain, "example": dict(self.example)}

    def build(self, encoder: TextEncoder, net: MaskedNet) -> Prompt:
        """The prompt on a masked model."""
        template = Template(self.template, self.blank)
        # Soft tokens come after the words that the model knows.
        renderer = Renderer(template, Pieces(encoder), encoder.pooling.max_length, net.vocabulary)
        verbalizer = Verbalizer(self.labels, self.words) if self.words is not None else None
        return Prompt(Cloze(encoder, net, renderer), self.labels, verbalizer)


def spec_of(settings: PromptSettings, support: Dataset, template: str) -> PromptSpec:
    """The template, and the words of the labels of a support set."""
    examples = support.examples
    if has_candidates(examples):
        return _candidate_spec(settings, support, template)
    verbalizer = Verbalizer.of(support.labels, settings.words, support.info)
    return PromptSpec(template, settings.blank, support.labels, verbalizer.words, _fields(examples))


def _candidate_spec(settings: PromptSettings, support: Dataset, template: str) -> PromptSpec:
    if settings.verbalizer != "words" or settings.words:
        raise OptionError("The candidates are the label words. Leave words and verbalizer out.")
    candidates = list(support.examples[0].candidates)
    fields = {**_fields(support.examples), "candidates": candidates}
    return PromptSpec(template, settings.blank, tuple(range(len(candidates))), None, fields)


def _fields(examples: Sequence[Example]) -> dict[str, Any]:
    """The further fields that make a plain text an example of this kind."""
    fields: dict[str, Any] = {}
    if PAIR in common_kinds(examples):
        fields["text_b"] = "。"
    return fields | {name: [0, 1] for name in marked_mentions(examples)}


def example_of(text: str, spec: PromptSpec) -> Example:
    """An example with this text, and with the other fields that the spec needs."""
    fields = dict(spec.example)
    for name in ("head", "tail"):
        if name in fields:
            fields[name] = tuple(fields[name])
    if "candidates" in fields:
        fields["candidates"] = tuple(fields["candidates"])
    if spec.blank is not None:
        text = f"{text}{spec.blank}"
    return Example(text, **fields)


def default_templates(examples: Sequence[Example]) -> list[str]:
    """The default templates: Chinese ones for Chinese texts and otherwise English ones."""
    chinese = are_chinese([example.text for example in examples])
    return list(_DEFAULTS["zh" if chinese else "en", PAIR in common_kinds(examples)])


_DEFAULTS = {
    ("zh", False): ("{text}这是关于[MASK]的。", "[MASK]：{text}", "{text}（[MASK]）"),
    ("zh", True): ("{text}？[MASK]，{text_b}", "{text}。[MASK]，{text_b}"),
    ("en", False): ("{text} This is about [MASK].", "[MASK]: {text}", "{text} ([MASK])"),
    ("en", True): ("{text}? [MASK], {text_b}", "{text}. [MASK], {text_b}"),
}


def add_soft_tokens_to(template: str) -> str:
    """A template with soft tokens beside its mask (P-tuning, Liu et al. 2021, arXiv 2103.10385).

    >>> add_soft_tokens_to("{text}[MASK]")
    '{text}[SOFT*2][MASK][SOFT*2]'
    """
    if "[SOFT" in template:
        return template
    if "[MASK" not in template:  # in a blank
        return f"[SOFT*4]{template}"
    start = template.index("[MASK")
    end = template.index("]", start) + 1
    return f"{template[:start]}[SOFT*2]{template[start:end]}[SOFT*2]{template[end:]}"


def class_prototypes(states: Tensor, classes: Sequence[int], count: int) -> Tensor:
    """[N, D]: the mean of the unit vectors of each class; 0 where a class has none."""
    sums = torch.zeros(count, states.shape[1], device=states.device)
    targets = torch.tensor(classes, device=states.device)
    return F.normalize(sums.index_add(0, targets, F.normalize(states, dim=-1)), dim=-1)
