"""Examples as token ids: what is shortened, what never is, and words in their surroundings."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import BertConfig, PreTrainedTokenizerFast

from fsl_nlp import TextEncoder
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.prompts import Template, Verbalizer
from fsl_nlp.prompts.cloze import Cloze
from fsl_nlp.prompts.pieces import Pieces
from fsl_nlp.prompts.rendering import Renderer
from fsl_nlp.types import Example

LONG = "快递到哪了我的订单退款相同吗" * 8


@pytest.fixture(scope="module")
def encoder(masked: Callable[[str], TextEncoder]) -> TextEncoder:
    return masked("bert")


def render(
    encoder: TextEncoder,
    template: str,
    example: Example,
    *,
    masks: int = 1,
    longest: int = 32,
    blank: str | None = None,
) -> str:
    pieces = Pieces(encoder)
    vocabulary = len(encoder.tokenizer)
    renderer = Renderer(Template(template, blank), pieces, longest, vocabulary)
    (segments,) = renderer.segments([example])
    rendered = renderer.render(segments, [pieces.mask] * masks)
    assert [rendered.ids[position] for position in rendered.masks] == [pieces.mask] * masks
    assert len(rendered.ids) <= longest
    names = [
        "[SOFT]" if i >= vocabulary else encoder.tokenizer.convert_ids_to_tokens(i)
        for i in rendered.ids
    ]
    return "".join(names)


def test_as_the_tokenizer_would_read_it(encoder: TextEncoder) -> None:
    text = render(encoder, "{text}这是[MASK]新闻。", Example("快递很好"), masks=2)
    assert text == "[CLS]快递很好这是[MASK][MASK]新闻。[SEP]"
    ids = encoder.tokenizer("快递很好这是[MASK][MASK]新闻。")["input_ids"]
    assert "".join(encoder.tokenizer.convert_ids_to_tokens(ids)) == text


def test_the_longest_field_gives_way(encoder: TextEncoder) -> None:
    pair = Example(LONG, text_b="很满意")
    assert render(encoder, "{text}？[MASK]，{text_b}", pair, longest=16) == (
        f"[CLS]{LONG[:8]}？[MASK]，很满意[SEP]"
    )
    assert render(encoder, "{text:start}？[MASK]，{text_b}", pair, longest=14) == (
        f"[CLS]{LONG[-6:]}？[MASK]，很满意[SEP]"
    )
    both = Example(LONG, text_b=LONG[::-1])
    text = render(encoder, "{text}[MASK]{text_b}", both, longest=13)
    assert text == f"[CLS]{LONG[:5]}[MASK]{LONG[::-1][:5]}[SEP]"


def test_what_is_kept_is_kept(encoder: TextEncoder) -> None:
    pair = Example(LONG, text_b="四面八方五光十色")
    text = render(encoder, "{text}[MASK]{text_b:keep}", pair, longest=14)
    assert text == f"[CLS]{LONG[:3]}[MASK]四面八方五光十色[SEP]"
    with pytest.raises(
        DataError, match="not shortened take 11 tokens, and the model takes at most 10"
    ):
        render(encoder, "{text}[MASK]{text_b:keep}", pair, longest=10)


def test_marked_words(encoder: TextEncoder) -> None:
    example = Example("我的订单到了", head=(2, 4), tail=(0, 1))
    text = render(encoder, "{text}{tail}[MASK]{head}。", example)
    assert text == "[CLS]我的订单到了我[MASK]订单。[SEP]"
    with pytest.raises(DataError, match=r"uses \{tail\}, but this example has no marked tail"):
        render(encoder, "{text}{tail}[MASK]", Example("我"))
    with pytest.raises(DataError, match="has no second text"):
        render(encoder, "{text}[MASK]{text_b}", Example("我"))


def test_a_blank_is_never_cut_off(encoder: TextEncoder) -> None:
    """Shortened from both ends, wherever it stands."""
    for before in (0, 40, len(LONG)):
        text = f"{LONG[:before]}#idiom#{LONG[before:]}"
        text = render(encoder, "{text}", Example(text), masks=4, longest=18, blank="#idiom#")
        assert text.count("[MASK]") == 4
        start, end = text[5:-5].split("[MASK]" * 4)
        assert LONG[:before].endswith(start)
        assert LONG[before:].startswith(end)
        assert len(start) + len(end) == 12
    with pytest.raises(DataError, match="has it 0 times"):
        render(encoder, "{text}", Example("我"), blank="#idiom#")


def test_soft_tokens_are_ids_after_the_words(encoder: TextEncoder) -> None:
    text = render(encoder, "[SOFT*2]{text}[MASK][SOFT]", Example("好"))
    assert text == "[CLS][SOFT][SOFT]好[MASK][SOFT][SEP]"


def test_a_template_longer_than_the_model(encoder: TextEncoder) -> None:
    with pytest.raises(
        OptionError, match=r"take 67 tokens, and the model takes at most 64.\n  \{text\}"
    ):
        Renderer(Template("{text}" + "好" * 60 + "[MASK]"), Pieces(encoder), 64, 200)


# Words


def test_words_are_given_known_or_named() -> None:
    from fsl_nlp.types import LabelInfo

    info = {"b": LabelInfo(words=("体育", "新闻")), "c": LabelInfo(name="财经")}
    verbalizer = Verbalizer.of(["a", "b", "c", "card_arrival"], {"a": "好"}, info)
    assert verbalizer.words == (("好",), ("体育", "新闻"), ("财经",), ("card arrival",))
    assert Verbalizer.of([1, 2], {"1": ["好", "很好"], 2: "不"}).words == (("好", "很好"), ("不",))


def test_words_that_will_not_do(encoder: TextEncoder) -> None:
    with pytest.raises(DataError, match=r'no words: \[2\].*words=\{"2": "..."\}'):
        Verbalizer.of([1, 2], {1: "好"})
    with pytest.raises(OptionError, match="'z' is not a label"):
        Verbalizer.of(["a"], {"z": "好"})
    with pytest.raises(OptionError, match="'好' stands for 'a' and for 'b'"):
        Verbalizer.of(["a", "b"], {"a": "好", "b": ["不", "好"]})
    renderer = Renderer(Template("{text}[MASK]"), Pieces(encoder), 64, 200)
    with pytest.raises(OptionError, match="does not know '齉'"):
        Verbalizer.of(["a", "b"], {"a": "好", "b": "齉"}).pieces(renderer)
    fixed = Renderer(Template("{text}[MASK*2]"), Pieces(encoder), 64, 200)
    with pytest.raises(OptionError, match=r"'好' has 1 pieces.*\[MASK\*2\]"):
        Verbalizer.of(["a", "b"], {"a": "体育", "b": "好"}).pieces(fixed)


def test_candidates_of_unequal_number(encoder: TextEncoder) -> None:
    renderer = Renderer(Template("{text}", "#"), Pieces(encoder), 64, 200)
    examples = [Example("我#", candidates=("四面", "八方")), Example("我#", candidates=("四面",))]
    with pytest.raises(DataError, match="1 or 2 candidates"):
        Cloze(encoder, None, renderer).candidate_questions(examples)  # type: ignore[arg-type]


# Tokenizers that put a space before every text


@pytest.fixture(scope="module")
def spaced(tmp_path_factory: pytest.TempPathFactory) -> TextEncoder:
    """Of the kind of XLM-RoBERTa's."""
    from transformers import AutoModelForMaskedLM

    folder = tmp_path_factory.mktemp("spaced")
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", "新", "闻", "新闻", "▁新", "好", "▁好", ","]
    pieces += ["▁,", "▁news", "news", "这", "是", "。", "<mask>"]
    tokenizer = Tokenizer(models.Unigram([(piece, -len(pieces) / 9) for piece in pieces], 3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    config = BertConfig(vocab_size=len(pieces), hidden_size=8, intermediate_size=8,
                        num_hidden_layers=1, num_attention_heads=2)  # fmt: skip
    AutoModelForMaskedLM.from_config(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, mask_token="<mask>", pad_token="<pad>", unk_token="<unk>",
        cls_token="<s>", sep_token="</s>",
    ).save_pretrained(folder)  # fmt: skip
    return TextEncoder(str(folder), precision="fp32")


def test_no_space_appears_within_a_line(spaced: TextEncoder) -> None:
    """On its own the tokenizer makes "▁", "新", "闻" of 新闻; after a mask it never looks so."""
    text = render(spaced, "{text}这是[MASK]新闻。", Example("好"))
    assert text == "<s>▁好这是<mask>新闻。</s>"
    assert render(spaced, "{text}这是 [MASK] 新闻。", Example("好")).endswith("<mask>▁新闻。</s>")


def test_words_as_they_read_in_the_mask(spaced: TextEncoder) -> None:
    def words(template: str) -> list[list[str]]:
        renderer = Renderer(Template(template), Pieces(spaced), 32, 19)
        ids_of_words = renderer.label_words(["新闻", "news"])
        return [spaced.tokenizer.convert_ids_to_tokens(ids) for ids in ids_of_words]

    assert words("{text}这是[MASK]。") == [["新闻"], ["news"]]
    assert words("{text} [MASK]。")[1] == ["▁news"]
    assert words("[MASK]{text}")[1] == ["▁news"]
