"""The head at the masks gives what the whole model gives there, for every architecture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoModelForMaskedLM

from fsl_nlp import TextEncoder
from fsl_nlp.errors import ModelError
from fsl_nlp.prompts import Template, load_masked_net
from fsl_nlp.prompts.cloze import Cloze
from fsl_nlp.prompts.pieces import Pieces
from fsl_nlp.prompts.rendering import Renderer
from fsl_nlp.types import Example

KINDS = [
    "bert",
    "roberta",
    "xlm-roberta",
    "albert",
    "ernie",
    "electra",
    "deberta-v2",
    "deberta-v3",
    "modernbert",
    "distilbert",
]
EXAMPLES = [
    Example("快递到哪了"),
    Example("the parcel came late"),
    Example("很满意，我的订单到了！good sport"),
]
WORDS = ["体育", "财经", "好", "新", "sport", "money"]


def cloze(encoder: TextEncoder, template: str = "{text}这是一条[MASK]新闻。") -> Cloze:
    net = load_masked_net(encoder)
    pieces = Pieces(encoder)
    return Cloze(encoder, net, Renderer(Template(template), pieces, 64, net.vocabulary))


def naive(encoder: TextEncoder, words: list[list[int]], *, normalise: bool) -> torch.Tensor:
    """Every word of the vocabulary at every place of one text after the other."""
    model = AutoModelForMaskedLM.from_pretrained(encoder.name).eval()
    tokenizer = encoder.tokenizer
    result = torch.zeros(len(EXAMPLES), len(words))
    for i, example in enumerate(EXAMPLES):
        for w, word in enumerate(words):
            masks = tokenizer.mask_token * len(word)
            inputs = tokenizer(f"{example.text}这是一条{masks}新闻。", return_tensors="pt")
            with torch.inference_mode():
                logits = model(
                    input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]
                ).logits[0]
            positions = (inputs["input_ids"][0] == tokenizer.mask_token_id).nonzero()[:, 0]
            if normalise:
                logits = logits.log_softmax(-1)
            result[i, w] = logits[positions, torch.tensor(word)].mean()
    return result


@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_whole_vocabulary_at_every_place(
    masked: Callable[[str], TextEncoder], kind: str
) -> None:
    encoder = masked(kind)
    prompt = cloze(encoder)
    pieces = prompt.renderer.label_words(WORDS)
    assert {len(word) for word in pieces} == {1, 2}
    for words, normalise in ((pieces, True), (pieces[:2], False)):
        with torch.inference_mode():
            scores = prompt.scores(prompt.questions(EXAMPLES, words), [0, 1, 2])
        torch.testing.assert_close(
            scores, naive(encoder, words, normalise=normalise), atol=1e-5, rtol=1e-5
        )


def test_a_matrix_of_its_own(save: Callable[..., str], tmp_path: Path) -> None:
    encoder = TextEncoder(save("bert", tmp_path, tied=False), precision="fp32")
    net = load_masked_net(encoder)
    assert net.words.weight is not encoder.module.get_input_embeddings().weight
    prompt = cloze(encoder)
    words = prompt.renderer.label_words(WORDS[:2])
    with torch.inference_mode():
        scores = prompt.scores(prompt.questions(EXAMPLES, words), [0, 1, 2])
    torch.testing.assert_close(scores, naive(encoder, words, normalise=False), atol=1e-5, rtol=1e-5)


def test_nothing_of_the_encoder_is_copied(masked: Callable[[str], TextEncoder]) -> None:
    encoder = masked("bert")
    net = load_masked_net(encoder)
    assert net.base is encoder.module
    assert net.words.weight is encoder.module.get_input_embeddings().weight
    assert load_masked_net(encoder) is net
    numbers = sum(p.numel() for p in net.head.parameters()) + net.bias.weight.numel()
    assert numbers < 32 * 40 + 200 + net.vocabulary


def test_a_model_without_a_head_says_what_to_do(save: Callable[..., str], tmp_path: Path) -> None:
    folder = save("bert", tmp_path)
    AutoModel.from_pretrained(folder).save_pretrained(folder)
    with pytest.raises(ModelError, match=r"no head that fills in masks.*fsl-nlp adapt"):
        load_masked_net(TextEncoder(folder))
