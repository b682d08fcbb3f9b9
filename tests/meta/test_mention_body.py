"""The layers that mentions are read from as a body: it begins as the encoder's own four parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fsl_nlp import Dataset, FewShotClassifier, TextEncoder
from fsl_nlp.encoders.mentions import encode_mentions
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.inputs.mentions import combine
from fsl_nlp.meta.bodies import BodySettings
from fsl_nlp.meta.mention_body import MentionBody
from fsl_nlp.meta.settings import TaskSize
from fsl_nlp.methods import build_method
from fsl_nlp.types import Example

SETTINGS = BodySettings(layers=1, tokens=24, shrinkage=1.0)
QUICK = {
    "body": "mentions",
    "layers": 1,
    "tokens": 24,
    "pretrain": False,
    "meta_rate": 3e-4,
    "meta_tasks": 4,
    "meta_steps": 10,
    "check_every": 5,
    "check_tasks": 60,
    "label_names": False,
}
FIRST = ["Anna", "Boris", "Clara", "Dmitri", "Eva", "Farid", "Greta", "Hugo"]
SECOND = ["Acme", "Bolt", "Crane", "Delta", "Ember", "Fargo", "Grove", "Halo"]


def relations(verbs: list[str], name: str, seed: int) -> Dataset:
    """Who does what to whom; the same names in every relation."""
    rng = np.random.default_rng(seed)
    examples = []
    for verb in verbs:
        for _ in range(8):
            head, tail = rng.choice(FIRST), rng.choice(SECOND)
            start = rng.choice(["", "In May, ", "They say that "])
            text = f"{start}{head} {verb} {tail}."
            spans = {"head": head, "tail": tail}
            examples.append(
                Example(
                    text,
                    verb,
                    **{n: (text.index(w), text.index(w) + len(w)) for n, w in spans.items()},
                )
            )
    return Dataset.from_examples(examples, name=name)


LEARNED = ["works for", "founded", "left", "sued", "bought", "advises", "owns", "visited"]
UNSEEN = ["sold", "praised", "was fired by", "invested in"]


@pytest.fixture(scope="module")
def encoder(english: TextEncoder) -> TextEncoder:
    return TextEncoder(english.name, precision="fp32")


@pytest.fixture(scope="module")
def body(encoder: TextEncoder) -> MentionBody:
    return MentionBody.build("mentions", SETTINGS, encoder)


def test_features_begin_as_the_encoders_own_parts(encoder, body):
    """Mentions that touch have nothing between them; long texts are cut around the mentions."""
    touching = Example("Anna Acme", "x", head=(0, 4), tail=(5, 9))
    text = "word " * 40 + "Anna left Acme"
    late = Example(text, "x", head=(200, 204), tail=(210, 214))
    examples = [*relations(LEARNED[:3], "r", 0).examples, touching]
    parts = encode_mentions(encoder, examples)
    centre = parts.mean(0)
    rows = torch.from_numpy(body.mention_rows(examples, centre))
    start = body.initial(rows.shape[1], 0)
    tensors = {**start, **body.source_statistics(start, rows, torch.arange(len(rows)) % 3)}
    features = body.features(tensors, body.trim(rows))
    expected = F.normalize(torch.from_numpy(combine(parts, centre)), dim=-1)
    assert torch.allclose(features, expected, atol=1e-4)
    cut = body.mention_rows([late], centre).reshape(-1, body.width)[4:]
    assert cut[:, -1].sum() == 24
    assert np.allclose(cut[:, -4:-1].sum(0), 1)


def test_a_text_without_mentions_has_only_its_sentence_part(encoder, body):
    centre = encode_mentions(encoder, relations(LEARNED[:3], "r", 0).examples).mean(0)
    rows = torch.from_numpy(body.sentence_rows(encoder.encode(["works for"]), centre))
    start = body.initial(rows.shape[1], 0)
    identity = {"mean": torch.zeros(1536), "whitening": torch.eye(1536)}
    features = body.features({**start, **identity}, body.trim(rows))
    expected = F.normalize(torch.from_numpy(encoder.encode("works for") - centre[0]), dim=-1)
    assert torch.allclose(features[0, :384], expected, atol=1e-5)
    assert not features[0, 384:].any()


def test_centres_follow_what_was_learned(encoder, body):
    """In rows of a source as in a reader's centre; the sentence part stays."""
    data = relations(LEARNED[:3], "r", 0).examples
    parts = encode_mentions(encoder, data)
    rows = torch.from_numpy(body.mention_rows(data, parts.mean(0)))
    generator = torch.Generator().manual_seed(0)
    moved = {
        n: t + 0.05 * torch.randn(t.shape, generator=generator)
        for n, t in body.initial(rows.shape[1], 0).items()
    }
    expected = body._means(moved, rows).mean(0)
    assert (expected - torch.from_numpy(parts[:, 1:].mean(0))).norm(dim=1).min() > 0.05
    centre = body.centre_of(data, {f"body.{n}": t for n, t in moved.items()})
    assert np.allclose(centre[0], parts[:, 0].mean(0), atol=1e-6)
    assert np.allclose(centre[1:], expected, atol=1e-5)
    assert np.allclose(body.centre_of(data, {}), parts.mean(0), atol=1e-6)
    again = body.recentre(moved, rows.clone())
    assert np.allclose(again, body.mention_rows(data, centre), atol=1e-4)
    centred = body._vectors(moved, again).unflatten(1, (4, 384))[:, 1:]
    assert centred.mean(0).norm(dim=1).max() < 0.2


def one_shot_accuracy(trained: Any, data: Dataset) -> float:
    """With each of the eight sentences of a relation as its only one, in turn."""
    shares = []
    for first in range(8):
        few = data.examples[first::8]
        queries = [example for example in data if example not in few]
        fitted = trained.fit(Dataset.from_examples(few))
        best = fitted.scores(queries).argmax(1)
        shares += [fitted.labels[i] == e.label for i, e in zip(best, queries, strict=True)]
    return float(np.mean(shares))


@pytest.mark.slow
def test_relations_teach_it(encoder):
    """Without the whitening, which helps whatever was learned."""
    learned, unseen = relations(LEARNED, "learned", 0), relations(UNSEEN, "unseen", 1)
    accuracies = {}
    for rate in (1e-12, 1e-3):
        options = {**QUICK, "shrinkage": 1.0, "meta_rate": rate, "meta_steps": 20}
        method = build_method("meta-baseline", encoder, options=options)
        trained = method.meta_train([learned], TaskSize((3, 3), (1, 1), 3))
        assert trained.mentions
        with pytest.warns(UserWarning, match="4-way 1-shot"):
            accuracies[rate] = one_shot_accuracy(trained, unseen)
    assert accuracies[1e-3] > accuracies[1e-12] + 0.2


@pytest.mark.slow
def test_a_classifier_keeps_what_was_learned(encoder, tmp_path):
    learned, unseen = relations(LEARNED, "learned", 0), relations(UNSEEN, "unseen", 1)
    method = build_method("meta-baseline", encoder, options=QUICK)
    method.meta_train([learned], TaskSize((3, 3), (1, 1), 3), folder=tmp_path / "meta")
    few = unseen.examples[::4]  # two of each
    bot = FewShotClassifier("meta-baseline", encoder, prepared=str(tmp_path / "meta"))
    with pytest.warns(UserWarning, match="4-way 2-shot"):
        bot.fit(few, [example.label for example in few])
    queries = [example for example in unseen if example not in few]
    again = FewShotClassifier.load(bot.save(tmp_path / "bot"), encoder=encoder)
    assert np.allclose(again.predict_proba(queries), bot.predict_proba(queries), atol=1e-4)
    assert again.classify(queries[0], nearest=1).nearest[0].text in [e.text for e in few]


def test_sentences_without_mentions_are_refused(encoder):
    plain = Dataset.from_texts([f"text {i}" for i in range(32)], [i // 8 for i in range(32)])
    method = build_method("meta-baseline", encoder, options=QUICK)
    with pytest.raises(DataError, match="trained on sentences with a head and a tail"):
        method.meta_train([plain], TaskSize((2, 2), (1, 1), 2))


@pytest.mark.parametrize(("name", "steps"), [("meta-baseline", False), ("anil", True)])
def test_only_inner_steps_need_full_precision(english, name, steps):
    built = build_method(name, english, options={"body": "mentions", "layers": 1})
    assert built.head.body.precision == ("fp32" if steps else english.precision)


def test_more_layers_than_lie_below_the_mentions(encoder):
    with pytest.raises(OptionError, match="layers=4: body='mentions' takes 3 at most"):
        MentionBody.build("mentions", BodySettings(layers=4), encoder)
    with pytest.raises(OptionError, match=r"layers=5: .* has 4 layers"):
        MentionBody.build("mentions", BodySettings(layers=5), encoder)
