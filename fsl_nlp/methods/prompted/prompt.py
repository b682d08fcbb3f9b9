"""What a prompt is made of, and how its answers become scores of labels.

Shared by `zero-shot`, `prompt` and `p-tuning`, and so by `pet`, which is several of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from fsl_nlp.errors import OptionError
from fsl_nlp.heads.options import option, require_above, require_choice, require_count
from fsl_nlp.inputs.kinds import CANDIDATES, MENTIONS, PAIR, TEXT, Inputs, common_kinds
from fsl_nlp.inputs.support import has_candidates
from fsl_nlp.prompts.cloze import Cloze, Questions, mean_by_label
from fsl_nlp.prompts.pieces import Pieces
from fsl_nlp.prompts.rendering import Renderer
from fsl_nlp.prompts.template import Template
from fsl_nlp.prompts.verbalizer import Verbalizer
from fsl_nlp.types import Dataset, Example, Label

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.prompts.masked_model import MaskedNet

VERBALIZERS = ("words", "soft", "prototype", "search")
CALIBRATIONS = ("none", "contextual", "texts")
# What makes beliefs of the cosines to prototypes.
PROTOTYPE_SHARPNESS = 0.05


@dataclass(frozen=True)
class PromptSettings:
    """Options of every prompt.

    The verbalizers: "soft" is a trained vector a label that begins as its words (WARP,
    Hambardzumyan et al. 2021, arXiv 2101.00121); "prototype", the mean of the mask's states of a
    label's examples (ProtoVerb, Cui et al. 2022, arXiv 2203.09770, without its training);
    "search", words found in the vocabulary (PETAL, Schick et al. 2020, arXiv 2010.13641).
    Calibration takes away what a label's words score anyway: "contextual" on inputs without
    content (Zhao et al. 2021, arXiv 2102.09690), "texts" on the support and unlabelled texts.
    """

    template: str | None = option(
        None, "text with {text} and [MASK]; None is one for the language of the texts"
    )
    blank: str | None = option(None, "marks in a text where a candidate belongs, as #idiom#")
    words: Mapping[str, Any] | None = option(
        None, "{label: word or words}; None takes those of the data, else the label names"
    )
    verbalizer: Literal["words", "soft", "prototype", "search"] = option(
        "words", "what stands for a label at the mask"
    )
    searched: int = option(3, "words for each label that verbalizer=search takes")
    calibration: Literal["none", "contextual", "texts"] = option(
        "none", "subtract what the words of a label score on texts without content, or on all"
    )
    temperature: float = option(1.0, "divides the scores")

    def __post_init__(self) -> None:
        require_choice("verbalizer", self.verbalizer, VERBALIZERS)
        require_choice("calibration", self.calibration, CALIBRATIONS)
        require_above("temperature", self.temperature, 0)
        require_count("searched", self.searched)
        if self.template is not None:
            Template(self.template, self.blank)  # its mistakes show before any work is done
        if self.words is not None and not isinstance(self.words, Mapping):
            raise OptionError(f'words={self.words!r}: write {{"label": "word", ...}}.')


@dataclass(frozen=True)
class Prompt:
    """A cloze with the words of its labels; without words, each example brings its candidates."""

    cloze: Cloze
    labels: tuple[Label, ...]
    verbalizer: Verbalizer | None

    def ask(self, examples: Sequence[Example]) -> Questions:
        if self.verbalizer is None:
            return self.cloze.candidate_questions(examples)
        pieces = self.verbalizer.pieces(self.cloze.renderer)
        return self.cloze.questions(examples, [word for found in pieces for word in found])

    def ask_mask(self, examples: Sequence[Example]) -> Questions:
        """For the states at the mask alone, whatever the words."""
        count = self.cloze.renderer.template.mask.count or 1
        return self.cloze.questions(examples, [[self.cloze.renderer.pieces.mask] * count])

    def scores(self, questions: Questions, chosen: Sequence[int]) -> Tensor:
        """[B, N], through which gradients flow."""
        scores = self.cloze.scores(questions, chosen)
        return scores if self.verbalizer is None else mean_by_label(scores, self.verbalizer.words)

    def states(self, questions: Questions, chosen: Sequence[int]) -> Tensor:
        """[B, D]: the means over the masks of what the head makes there."""
        (group,) = questions.groups.values()
        return self.cloze.states([group.inputs[i] for i in chosen]).mean(1).float()


@dataclass(frozen=True)
class Shape:
    """What fixes a prompt besides the model; JSON can hold it."""

    template: str
    blank: str | None
    labels: tuple[Label, ...]
    words: tuple[tuple[str, ...], ...] | None  # None: candidates
    example: Mapping[str, Any] = field(default_factory=dict)  # fields that every input has

    @classmethod
    def from_settings(cls, labels: tuple[Label, ...], settings: Mapping[str, Any]) -> Shape:
        """What `to_settings` gave."""
        words = settings["words"]
        known = None if words is None else tuple(map(tuple, words))
        return cls(settings["template"], settings["blank"], labels, known, settings["example"])

    @property
    def inputs(self) -> Inputs:
        """The examples that a prompt of this shape takes."""
        kinds = {PAIR: "text_b", MENTIONS: "head", CANDIDATES: "candidates"}
        fields = tuple(kind for kind, field in kinds.items() if field in self.example)
        candidates = len(self.example.get("candidates", ()))
        return Inputs(fields or (TEXT,), candidates=candidates, blank=self.blank)

    def to_settings(self) -> dict[str, Any]:
        """All but the labels, for JSON."""
        plain = {name: getattr(self, name) for name in ("template", "blank", "words")}
        return {**plain, "example": dict(self.example)}

    def build(self, encoder: TextEncoder, net: MaskedNet) -> Prompt:
        template = Template(self.template, self.blank)
        # Soft tokens come after the words that the model knows.
        renderer = Renderer(template, Pieces(encoder), encoder.pooling.max_length, net.vocabulary)
        verbalizer = Verbalizer(self.labels, self.words) if self.words is not None else None
        return Prompt(Cloze(encoder, net, renderer), self.labels, verbalizer)


def shape_of(settings: PromptSettings, support: Dataset, template: str) -> Shape:
    """The template, and the words of the labels of a support set."""
    examples = support.examples
    if has_candidates(examples):
        return _shape_of_candidates(settings, support, template)
    verbalizer = Verbalizer.of(support.labels, settings.words, support.info)
    return Shape(template, settings.blank, support.labels, verbalizer.words, _fields(examples))


def _shape_of_candidates(settings: PromptSettings, support: Dataset, template: str) -> Shape:
    if settings.verbalizer != "words" or settings.words:
        raise OptionError("Candidates are the words: leave out words and verbalizer.")
    candidates = list(support.examples[0].candidates)
    fields = {**_fields(support.examples), "candidates": candidates}
    return Shape(template, settings.blank, tuple(range(len(candidates))), None, fields)


def _fields(examples: Sequence[Example]) -> dict[str, Any]:
    """What a question made of a text alone must be given to be like these."""
    fields: dict[str, Any] = {}
    kinds = common_kinds(examples)
    if PAIR in kinds:
        fields["text_b"] = "。"
    if MENTIONS in kinds:
        fields |= {"head": [0, 1], "tail": [0, 1]}
    return fields


def example_of(text: str, shape: Shape) -> Example:
    """An example of the shape's kind that says `text`."""
    fields = dict(shape.example)
    for name in ("head", "tail"):
        if name in fields:
            fields[name] = tuple(fields[name])
    if "candidates" in fields:
        fields["candidates"] = tuple(fields["candidates"])
    if shape.blank is not None:
        text = f"{text}{shape.blank}"
    return Example(text, **fields)


def default_templates(examples: Sequence[Example]) -> list[str]:
    """For templates that nobody gave: by script, and by one text or two."""
    pair = any(example.text_b is not None for example in examples)
    text = "".join(example.text for example in examples[:100])
    chinese = any("\u4e00" <= character <= "\u9fff" for character in text)
    return list(_DEFAULTS["zh" if chinese else "en", pair])


_DEFAULTS = {
    ("zh", False): ("{text}这是关于[MASK]的。", "[MASK]：{text}", "{text}（[MASK]）"),
    ("zh", True): ("{text}？[MASK]，{text_b}", "{text}。[MASK]，{text_b}"),
    ("en", False): ("{text} This is about [MASK].", "[MASK]: {text}", "{text} ([MASK])"),
    ("en", True): ("{text}? [MASK], {text_b}", "{text}. [MASK], {text_b}"),
}


def soften(template: str) -> str:
    """A template with soft tokens beside its mask (P-tuning, Liu et al. 2021, arXiv 2103.10385).

    >>> soften("{text}[MASK]")
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
