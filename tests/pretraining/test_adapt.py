"""adapt: what it learns, what it writes, and going on where it was stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForMaskedLM

from fsl_nlp import TextEncoder
from fsl_nlp.encoders import catalogue
from fsl_nlp.encoders.embedded_mlm import ensure_mlm
from fsl_nlp.errors import DataError, ModelError, OptionError
from fsl_nlp.pretraining import AdaptSettings, adapt
from fsl_nlp.pretraining.corpus import plain_texts, split_corpus
from fsl_nlp.pretraining.embedded import pack
from fsl_nlp.prompts import load_masked_net
from fsl_nlp.prompts.pieces import Pieces
from fsl_nlp.types import Example

# What is hidden can be told from what is left.
TEXTS = [
    f"{'四面八方' * n}{word}{'五光十色' * n}"
    for n in (1, 2, 3)
    for word in "我的快递到哪了新闻体育财经订单退款满意"
] + ["the parcel came late"]
QUICK = AdaptSettings(
    steps=40, batch_size=8, rank=4, learning_rate=1e-2, longest=32, save_minutes=60
)


def weights(folder: str | Path) -> dict[str, torch.Tensor]:
    net = load_masked_net(TextEncoder(str(folder), precision="fp32"))
    # No model file has BERT's pooler; transformers gives it at random.
    return {n: t for n, t in net.state_dict().items() if "pooler" not in n}


@pytest.mark.parametrize("kind", ["bert", "deberta-v3", "modernbert"])
@pytest.mark.slow
def test_learns_and_writes_an_ordinary_model(
    save: Callable[..., str], tmp_path: Path, kind: str
) -> None:
    model = save(kind, tmp_path / "model")
    losses: list[float] = []
    result = adapt(model, TEXTS, tmp_path / "out", QUICK, report=lambda s: losses.append(s["loss"]))
    assert np.mean(losses[-5:]) < 0.75 * np.mean(losses[:5])
    assert result["masked_accuracy"] > result["masked_accuracy_before"]
    assert result["held_out"] == len(TEXTS) // 10
    card = json.loads((tmp_path / "out/adapted.json").read_text())
    assert card["masked_accuracy"] == result["masked_accuracy"]
    # As transformers reads it: the same scores as the net that was written.
    again = AutoModelForMaskedLM.from_pretrained(tmp_path / "out").eval()
    encoder = TextEncoder(str(tmp_path / "out"), precision="fp32")
    inputs = encoder.tokenizer("四面八方[MASK]五光十色", return_tensors="pt")
    ids = inputs["input_ids"]
    with torch.inference_mode():
        whole = again(input_ids=ids, attention_mask=inputs["attention_mask"]).logits
        net = load_masked_net(encoder)
        ours = net.logits(net(encoder.features(ids.tolist()), torch.tensor([[5]])))
    torch.testing.assert_close(ours[0, 0], whole[0, 5], atol=1e-5, rtol=1e-5)
    with pytest.raises(OptionError, match="has a model already"):
        adapt(model, TEXTS, tmp_path / "out", QUICK)


def test_goes_on_to_the_very_same_weights(save: Callable[..., str], tmp_path: Path) -> None:
    model = save("bert", tmp_path / "model")
    settings = AdaptSettings(steps=12, batch_size=8, rank=4, longest=32)
    adapt(model, TEXTS, tmp_path / "once", settings)
    first = adapt(model, TEXTS, tmp_path / "twice", settings, stop_after=5)
    assert first["step"] == 5
    assert not (tmp_path / "twice/config.json").exists()
    steps: list[float] = []
    adapt(model, TEXTS, tmp_path / "twice", settings, report=lambda s: steps.append(s["step"]))
    assert steps == list(range(5, 12))
    once, twice = weights(tmp_path / "once"), weights(tmp_path / "twice")
    assert all(torch.equal(twice[name], tensor) for name, tensor in once.items())


def test_another_run_is_not_gone_on_with(save: Callable[..., str], tmp_path: Path) -> None:
    model = save("bert", tmp_path / "model")
    settings = AdaptSettings(steps=4, batch_size=8, rank=4)
    adapt(model, TEXTS, tmp_path / "out", settings, stop_after=1)
    with pytest.raises(OptionError, match="a run with other steps"):
        adapt(model, TEXTS, tmp_path / "out", AdaptSettings(steps=5, batch_size=8, rank=4))
    with pytest.raises(OptionError, match="another model, texts or seed"):
        adapt(model, TEXTS[1:], tmp_path / "out", settings)
    file = tmp_path / "out/adapt.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match="cut off or altered"):
        adapt(model, TEXTS, tmp_path / "out", settings)


def test_an_encoder_gets_a_head(save: Callable[..., str], tmp_path: Path) -> None:
    folder = save("bert", tmp_path / "model")
    AutoModel.from_pretrained(folder).save_pretrained(folder)
    losses: list[float] = []
    adapt(folder, TEXTS, tmp_path / "out", QUICK, report=lambda s: losses.append(s["loss"]))
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    net = load_masked_net(TextEncoder(str(tmp_path / "out"), precision="fp32"))
    bias = net.bias.weight[:, 0]
    pieces = Pieces(TextEncoder(folder, precision="fp32"))
    seen = {piece for ids in pieces.at_start(TEXTS) for piece in ids}
    never = sorted(set(range(len(bias))) - seen)
    # Words that never occurred are as likely as the rarest that did.
    assert bias[never].unique().numel() == 1
    assert bias[never][0] <= bias[sorted(seen)].min() + 1e-6


@pytest.mark.parametrize("tune", ["lora", "full"])
def test_the_model_itself_stays(save: Callable[..., str], tmp_path: Path, tune: str) -> None:
    model = save("bert", tmp_path / "model")
    before = weights(model)
    settings = AdaptSettings(steps=3, batch_size=8, tune=tune)
    adapt(model, TEXTS, tmp_path / "out", settings)
    after, changed = weights(model), weights(tmp_path / "out")
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert not torch.equal(changed["base.encoder.layer.0.attention.self.query.weight"],
                           before["base.encoder.layer.0.attention.self.query.weight"])  # fmt: skip


def test_texts_of_examples() -> None:
    examples = [
        Example("一", text_b="二"),
        Example("他#idiom#走", candidates=("三心二意",)),
        Example("#idiom#"),
    ]
    assert list(plain_texts(examples)) == ["一", "二", "他走", "#idiom#"]


def test_hiding(masked: Callable[[str], TextEncoder]) -> None:
    pieces = Pieces(masked("bert"))
    training, held_out = split_corpus([*TEXTS, TEXTS[0], " ", "我"], pieces, 16, 5)
    assert len(training.texts) + len(held_out.texts) == len(TEXTS)
    held_out_texts = {tuple(text) for text in held_out.texts}
    assert held_out_texts.isdisjoint(tuple(text) for text in training.texts)
    # More texts leave those held out where they were.
    fewer, _ = split_corpus(TEXTS[:-1], pieces, 16, 5)
    assert sum(text in training.texts for text in fewer.texts) >= len(fewer.texts) - 1
    batch = training.mask_pieces(range(6), 999, 0.25, np.random.default_rng(0))
    assert max(map(len, batch.ids)) <= 16
    for row, position, piece in zip(batch.rows, batch.positions, batch.pieces, strict=True):
        assert batch.ids[row][position] == 999
        assert piece in training.texts[row]
    for ids in batch.ids:
        assert ids.count(999) == max(1, round(0.25 * (len(ids) - 2)))
        assert (ids[0], ids[-1]) == (2, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps=0: must be a whole number"),
        ({"tune": "bias"}, "choose one of 'lora', 'full'"),
        ({"rate": 1.0}, "rate=1.0: must be from"),
    ],
)
def test_settings(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        AdaptSettings(**options)


def test_nothing_to_learn_from(save: Callable[..., str], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="texts with four tokens or more"):
        adapt(save("bert", tmp_path / "model"), ["好", ""], tmp_path / "out", QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2])
def test_one_small_file_becomes_the_model(
    save: Callable[..., str], tmp_path: Path, count: int
) -> None:
    """The same as what adapt wrote, but for half precision; also of a run that went on."""
    base = save("bert", tmp_path / "base")
    AutoModel.from_pretrained(base).save_pretrained(base)
    runs = [tmp_path / f"run {number}" for number in range(count)]
    for model, run in zip([base, *map(str, runs)], runs, strict=False):
        adapt(model, TEXTS, run, QUICK)
    weights, card = tmp_path / "small.safetensors", tmp_path / "card.json"
    pack(runs, weights, card, base=base)
    with pytest.raises(ModelError, match=r"The first run must start from .*base, each other"):
        pack([*runs, runs[0]][1:] if count == 2 else [*runs, *runs], weights, card, base=base)
    said: list[str] = []
    folder = ensure_mlm(
        tmp_path / "cache", said.append, base=Path(base), weights=weights, card=card
    )
    assert len(said) == 1
    again = ensure_mlm(tmp_path / "cache", said.append, base=Path(base), weights=weights, card=card)
    assert (again, len(said)) == (folder, 1)
    nets = [load_masked_net(TextEncoder(str(f), precision="fp32")) for f in (runs[-1], folder)]
    features = {"input_ids": torch.tensor([[2, 9, 4, 12, 3]]), "attention_mask": torch.ones(1, 5)}
    with torch.inference_mode():
        scores = [net.logits(net(features, torch.tensor([[2]]))) for net in nets]
    torch.testing.assert_close(scores[1], scores[0], atol=0.05, rtol=0.05)
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match="altered"):
        ensure_mlm(tmp_path / "cache", base=Path(base), weights=weights, card=card)


def test_a_copy_without_the_file_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    card = catalogue.MODELS["embedded:mlm"]
    monkeypatch.setitem(catalogue.MODELS, card.name, replace(card, file="pretraining/none"))
    with pytest.raises(ModelError, match=r"not part of this copy.*fsl-nlp adapt"):
        catalogue.locate("embedded:mlm")


SAID = [
    "这家酒店的服务态度很好，房间也很干净。",
    "快递今天到了，包装很好，质量也不错。",
    "中国队在比赛中以二比一战胜了对手。",
    "手机的电池不耐用，屏幕也很容易坏。",
]


@pytest.mark.slow
def test_the_embedded_one_reads_around_a_mask(multilingual: TextEncoder) -> None:
    """A hidden piece is likelier in its own sentence than in another."""
    encoder = TextEncoder("embedded:mlm", precision="fp32")
    net, mask = load_masked_net(encoder), Pieces(encoder).mask

    def log_probability_of(ids: list[int], position: int, piece: int) -> float:
        hidden = [*ids[:position], mask, *ids[position + 1 :]]
        with torch.inference_mode():
            logits = net.logits(net(encoder.features([hidden]), torch.tensor([[position]])))
        return float(logits[0, 0].log_softmax(-1)[piece])

    rows = encoder.tokenizer(SAID)["input_ids"]
    gains = []
    for row, other_row in zip(rows, [*rows[1:], rows[0]], strict=True):
        for position in range(3, min(len(row), len(other_row)) - 2, 2):
            log_probability = log_probability_of(row, position, row[position])
            gains.append(log_probability - log_probability_of(other_row, position, row[position]))
    assert np.mean(gains) > 1


def test_the_settings_of_the_caller_change_nothing(
    save: Callable[..., str], tmp_path: Path
) -> None:
    model, settings = save("bert", tmp_path / "model"), replace(QUICK, steps=3)
    adapt(model, TEXTS, tmp_path / "plain", settings)
    with torch.inference_mode():
        adapt(model, TEXTS, tmp_path / "inside", settings)
    plain, inside = weights(tmp_path / "plain"), weights(tmp_path / "inside")
    assert all(torch.equal(plain[name], inside[name]) for name in plain)
