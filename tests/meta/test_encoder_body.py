"""The top of an encoder as what adapts: the numbers of the whole encoder, and far less work."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import BertConfig, DistilBertConfig, ModernBertConfig, RobertaConfig

from fsl_nlp import Dataset, FewShotClassifier, TextEncoder
from fsl_nlp.encoders.mentions import encode_mentions
from fsl_nlp.errors import OptionError
from fsl_nlp.inputs.mentions import combine
from fsl_nlp.meta.algorithms import ALGORITHMS
from fsl_nlp.meta.bodies import BodySettings
from fsl_nlp.meta.encoder_body import EncoderBody
from fsl_nlp.meta.head import MetaHead
from fsl_nlp.meta.inner import InnerSettings, SequentialLoop
from fsl_nlp.meta.mention_body import MentionBody
from fsl_nlp.meta.outer import Batch, meta_loss
from fsl_nlp.meta.settings import TaskSize
from fsl_nlp.methods import build_method
from fsl_nlp.types import Example

from ..conftest import SPECIAL, save_model
from .conftest import as_learned, gradients

WORDS = [f"word{i}" for i in range(30)]
CHINESE = list("我的订单到哪了退款请帮查")
TEXTS = ["word1 word2 word3", "word4", "我的订单", "退款 word5", "word6 word7 请帮我", "word9 查"]
BERT = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "max_position_embeddings": 40,
    "pad_token_id": 0,
}
CONFIGS = {
    "bert": lambda words: BertConfig(vocab_size=words, **BERT),
    "roberta": lambda words: RobertaConfig(vocab_size=words, **BERT),
    "distilbert": lambda words: DistilBertConfig(
        vocab_size=words,
        dim=16,
        hidden_dim=24,
        n_layers=3,
        n_heads=2,
        max_position_embeddings=40,
        pad_token_id=0,
    ),
    # It has a norm after its last layer.
    "modernbert": lambda words: ModernBertConfig(
        vocab_size=words, cls_token_id=2, sep_token_id=3, local_attention=32, **BERT
    ),
}
SETTINGS = BodySettings(rank=2, layers=1, tokens=12)
every_body = pytest.mark.parametrize("name", ["lora", "norms", "layers", "everything"])


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TextEncoder]:
    encoders = {}
    for kind, config in CONFIGS.items():
        words = [*WORDS, *CHINESE]
        folder = save_model(tmp_path_factory.mktemp(kind), config(len(SPECIAL) + len(words)), words)
        encoders[kind] = TextEncoder(str(folder), precision="fp32")
    return encoders


@pytest.fixture
def bert(encoders: dict[str, TextEncoder]) -> TextEncoder:
    return encoders["bert"]


def tensors_of(body: EncoderBody, rows: Tensor) -> dict[str, Tensor]:
    start = body.initial(rows.shape[1], 0)
    return {**start, **body.source_statistics(start, rows, torch.arange(len(rows)) % 3)}


@every_body
@pytest.mark.parametrize("kind", CONFIGS)
def test_features_begin_as_the_encoders_own_vectors(encoders, name, kind):
    encoder = encoders[kind]
    body = EncoderBody.build(name, SETTINGS, encoder)
    rows = torch.from_numpy(body.rows(TEXTS))
    tensors = tensors_of(body, rows)
    features = body.features(tensors, body.trim(rows))
    vectors = F.normalize(torch.from_numpy(encoder.encode(TEXTS)), dim=-1)
    expected = F.normalize((vectors - tensors["mean"]) @ tensors["whitening"], dim=-1)
    assert torch.allclose(features, expected, atol=1e-4)


@pytest.mark.parametrize("kind", CONFIGS)
def test_mentions_begin_as_the_encoders_own_parts(encoders, kind):
    encoder = encoders[kind]
    body = MentionBody.build("mentions", SETTINGS, encoder)
    texts = ["word1 word2 word3 word4 word5", "我的订单到哪退款了", "word6 word7 word8 word9"]
    examples = [
        Example(text, "x", head=(0, at), tail=(len(text) - at, len(text)))
        for text, at in zip(texts, (5, 2, 5), strict=True)
    ]
    parts = encode_mentions(encoder, examples)
    centre = 0.5 * parts.mean(0)
    rows = torch.from_numpy(body.mention_rows(examples, centre))
    start = body.initial(rows.shape[1], 0)
    size = 4 * encoder.dimensions
    identity = {"mean": torch.zeros(size), "whitening": torch.eye(size)}
    features = body.features({**start, **identity}, body.trim(rows))
    expected = F.normalize(torch.from_numpy(combine(parts, centre)), dim=-1)
    assert torch.allclose(features, expected, atol=1e-4)


@every_body
def test_the_encoder_stays_as_it_is(bert, name):
    def state() -> str:
        tensors = sorted(bert.module.state_dict().items())
        return hashlib.sha256(b"".join(t.numpy().tobytes() for _, t in tensors)).hexdigest()

    before, vectors = state(), bert.encode_uncached(TEXTS)
    body = EncoderBody.build(name, SETTINGS, bert)
    head = head_of("maml", body)
    meta = moved(head, body)
    outcome = meta_loss(head.loop, head.algorithm, as_learned(meta), tasks_of(body))
    torch.autograd.backward(outcome.loss)
    assert state() == before
    assert np.array_equal(bert.encode_uncached(TEXTS), vectors)


def head_of(name: str, body: EncoderBody, **inner: float) -> MetaHead:
    settings = InnerSettings(**{"inner_steps": 2, "inner_rate": 0.02, "body_rate": 0.002, **inner})
    return MetaHead(ALGORITHMS[name], settings, body)


def moved(head: MetaHead, body: EncoderBody) -> dict[str, Tensor]:
    rows = torch.from_numpy(body.rows(TEXTS))
    learner = head.loop.learner
    meta = learner.initial(rows.shape[1], 0)
    meta |= learner.source_statistics(meta, rows, torch.arange(len(rows)) % 3)
    generator = torch.Generator().manual_seed(2)
    return {
        n: t + 0.02 * torch.randn(t.shape, generator=generator) * (not n.startswith("fixed."))
        for n, t in meta.items()
    }


def tasks_of(body: EncoderBody) -> Batch:
    rows = torch.from_numpy(body.rows(TEXTS))
    support = torch.tensor([[[0], [2]], [[1], [3]]])
    query = torch.tensor([[1, 4], [4, 5]])
    batch = Batch.of(rows, support, query, torch.ones(2, 2, 1))
    return replace(batch, rows=body.trim(batch.rows))


@every_body
@pytest.mark.parametrize("algorithm", ["maml", "anil"])
def test_many_tasks_at_once_are_one_after_another(bert, name, algorithm):
    """Second order through a transformer, texts of unlike lengths, and every tensor has a say."""
    body = EncoderBody.build(name, SETTINGS, bert)
    head = head_of(algorithm, body)
    meta, batch = moved(head, body), tasks_of(body)
    results = []
    loop = head.loop
    for one in (loop, SequentialLoop(loop.learner, loop.settings)):
        learned = as_learned(meta)
        loss = meta_loss(one, head.algorithm, learned, batch).loss
        results.append((loss, gradients(loss, learned)))
    (first, of_first), (second, of_second) = results
    assert torch.allclose(first, second, atol=1e-5)
    for n, gradient in of_first.items():
        assert torch.allclose(gradient, of_second[n], atol=1e-5, rtol=1e-4), n
    silent = [n for n, g in of_first.items() if n.startswith("body.") and not g.any()]
    # A key's bias changes all scores of a query alike, and the pooler is not used.
    assert not [n for n in silent if "key.bias" not in n]


def test_the_meta_gradient_through_a_transformer_is_the_slope_of_the_loss(bert):
    body = EncoderBody.build("lora", SETTINGS, bert)
    head = head_of("maml", body, body_rate=0.05, inner_rate=0.1)
    meta = moved(head, body)
    batch = tasks_of(body)
    direction = {
        n: torch.randn(t.shape, generator=torch.Generator().manual_seed(5))
        for n, t in meta.items()
        if n.startswith("body.")
    }

    def loss(step: float) -> float:
        at = {n: t + step * direction.get(n, torch.zeros(())) for n, t in meta.items()}
        return meta_loss(head.loop, head.algorithm, at, batch).loss.item()

    slope = (loss(2e-3) - loss(-2e-3)) / 4e-3

    def along(first_order: bool) -> float:
        learned = as_learned(meta)
        loop = replace(head.loop, first_order=first_order)
        gradient = gradients(meta_loss(loop, head.algorithm, learned, batch).loss, learned)
        return float(sum((gradient[n] * d).sum() for n, d in direction.items()))

    assert along(False) == pytest.approx(slope, rel=0.01)
    assert abs(along(True) - slope) > 3 * abs(along(False) - slope)


def test_padding_and_the_company_of_longer_texts_have_no_say(bert):
    body = EncoderBody.build("layers", SETTINGS, bert)
    rows = torch.from_numpy(body.rows(TEXTS))
    tensors = tensors_of(body, rows)
    whole = body.features(tensors, rows)
    assert torch.allclose(body.features(tensors, body.trim(rows)), whole, atol=1e-6)
    alone = body.features(tensors, body.trim(rows[1:2]))
    assert torch.allclose(alone[0], whole[1], atol=1e-6)
    assert body.trim(rows[1:2]).shape[1] == 3 * body.width  # [CLS] word4 [SEP]


def test_a_text_runs_through_the_frozen_layers_once(bert, monkeypatch):
    body = EncoderBody.build("layers", SETTINGS, bert)
    assert body.below is not None
    read, texts = body.below.cache_states, []
    monkeypatch.setattr(
        body.below, "cache_states", lambda ids, features: (texts.extend(ids), read(ids, features))
    )
    first = body.rows(["word11 word12", "word13", "word11 word12"])
    again = body.rows(["word13", "word11 word12"])
    assert len(texts) == 2
    assert np.array_equal(first[0], again[1])


def test_long_texts_are_cut(bert):
    body = EncoderBody.build("layers", SETTINGS, bert)
    rows = body.rows([" ".join(WORDS)]).reshape(12, body.width)
    assert rows[:, -1].sum() == 12


def test_more_layers_than_there_are(bert):
    with pytest.raises(OptionError, match=r"layers=4: .* has 3 layers"):
        EncoderBody.build("layers", replace(SETTINGS, layers=4), bert)


@pytest.mark.parametrize("name", ["lora", "everything"])
@pytest.mark.slow
def test_a_classifier_from_source_data_to_a_folder(bert, tmp_path, name):
    rng = np.random.default_rng(0)

    def data(classes: range) -> Dataset:
        return Dataset.from_examples(
            Example(f"word{2 * c} word{2 * c + 1} {'我的' if rng.random() < 0.5 else 'word29'}", c)
            for c in classes
            for _ in range(5)
        )

    options = {
        "body": name,
        "layers": 1,
        "tokens": 12,
        "rank": 2,
        "meta_steps": 2,
        "meta_tasks": 2,
        "check_every": 1,
        "check_tasks": 4,
    }
    method = build_method("maml", bert, options=options)
    shape = TaskSize((2, 2), (1, 1), 2)
    method.meta_train([data(range(8))], shape, folder=tmp_path / "meta")
    target = data(range(8, 11))
    bot = FewShotClassifier("maml", bert, prepared=str(tmp_path / "meta"), label_names=False)
    with pytest.warns(UserWarning, match="2-way 1-shot"):
        bot.fit(target.texts, target.known_targets)
    bot.save(tmp_path / "bot")
    again = FewShotClassifier.load(tmp_path / "bot", encoder=bert)
    assert np.allclose(again.predict_proba(TEXTS), bot.predict_proba(TEXTS), atol=1e-5)
    assert again.classify("word16 word17", nearest=1).nearest[0].label == 8
