"""Tuned methods: they learn what frozen vectors cannot, and leave the encoder as it was."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, DistilBertConfig, RobertaConfig

from fsl_nlp import Dataset, FewShotClassifier, TextEncoder
from fsl_nlp.errors import ArtifactError, DataError, ModelError, OptionError
from fsl_nlp.export import export_encoder
from fsl_nlp.methods import build_method
from fsl_nlp.methods.tuned.classifier import TunedClassifier
from fsl_nlp.methods.tuned.method import RECIPES
from fsl_nlp.training import checkpoint, trainer
from fsl_nlp.types import Example, LabelInfo

from ...conftest import SPECIAL, save_model

WORDS = [f"word{i}" for i in range(40)]
KEYS = {"left": "east", "right": "west"}
CHINESE = list("我的订单到哪了退款请帮查")

SIZE = {"max_position_embeddings": 40, "pad_token_id": 0}
BERT = {
    **SIZE,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
}
CONFIGS: dict[str, Callable[[int], Any]] = {
    "bert": lambda words: BertConfig(vocab_size=words, **BERT),
    "roberta": lambda words: RobertaConfig(vocab_size=words, **BERT),
    "distilbert": lambda words: DistilBertConfig(
        vocab_size=words, dim=32, hidden_dim=64, n_layers=3, n_heads=4, **SIZE
    ),
}
# Random weights need larger and more steps than pretrained ones.
QUICK: dict[str, dict[str, Any]] = {
    "lora": {"epochs": 30, "learning_rate": 1e-2, "targets": "all"},
    "full": {"epochs": 30, "learning_rate": 3e-3},
    "bitfit": {"epochs": 20, "learning_rate": 2e-2},
    "head": {"epochs": 60, "head_learning_rate": 3e-2},
    "contrastive": {"epochs": 40, "learning_rate": 3e-3, "loss_temperature": 2.0},
}
every_method = pytest.mark.parametrize("name", QUICK)


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TextEncoder]:
    known: dict[str, TextEncoder] = {}

    def find(kind: str) -> TextEncoder:
        if kind not in known:
            words = [*WORDS, *KEYS.values(), *KEYS, *CHINESE]
            config = CONFIGS[kind](len(SPECIAL) + len(words))
            folder = save_model(tmp_path_factory.mktemp(kind), config, words)
            known[kind] = TextEncoder(str(folder))
        return known[kind]

    return find


@pytest.fixture(scope="module")
def bert(encoders: Callable[[str], TextEncoder]) -> TextEncoder:
    return encoders("bert")


def sentences(count: int, seed: int, share: float = 0.5) -> Dataset:
    """Says the same key word twice, or both: means of words cannot tell the one from the other."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for i in range(count):
        label = list(KEYS)[i >= count * share]
        first, second = rng.permutation(list(KEYS.values()))
        words = rng.choice(WORDS[:4], 2)
        texts.append(f"{words[0]} {first} {words[1]} {first if label == 'left' else second}")
        labels.append(label)
    return Dataset.from_texts(texts, labels)


SUPPORT, QUERY = sentences(64, 0), sentences(100, 1)


def fitted(
    encoder: TextEncoder, name: str = "full", support: Dataset = SUPPORT, **options: Any
) -> TunedClassifier:
    options = {**QUICK[name], "batch_size": 32, "patience": 60, **options}
    classifier = build_method(name, encoder, options=options).fit(support)
    assert isinstance(classifier, TunedClassifier)
    return classifier


def accuracy(classifier: Any, query: Dataset = QUERY) -> float:
    best = classifier.scores(query.examples).argmax(1)
    return float(
        np.mean([classifier.labels[i] == t for i, t in zip(best, query.targets, strict=True)])
    )


def weights_hash(encoder: TextEncoder) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(encoder.module.state_dict().items()):
        digest.update(name.encode() + tensor.float().numpy().tobytes())
    return digest.hexdigest()


# Going on where it was stopped


def test_a_killed_fit_goes_on(
    bert: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watched: Any
) -> None:
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    folder = tmp_path / "state"
    bot = FewShotClassifier("full", bert, epochs=10, learning_rate=3e-3)
    texts, labels = SUPPORT.texts, SUPPORT.known_targets
    with watched(trainer.Trainer) as all_steps:
        whole = bot.fit(texts, labels).predict_proba(QUERY.texts)
    with watched(trainer.Trainer, killed_at=15):
        bot.fit(texts, labels, checkpoint=folder)
    with pytest.raises(OptionError, match="other data or other settings"):
        FewShotClassifier("full", bert, epochs=11).fit(texts, labels, checkpoint=folder)
    with watched(trainer.Trainer) as steps:
        again = bot.fit(texts, labels, checkpoint=folder).predict_proba(QUERY.texts)
    assert len(steps) == len(all_steps) - 14
    np.testing.assert_array_equal(again, whole)
    assert list(folder.iterdir()) == []
    with pytest.raises(OptionError, match="Name one method"):
        FewShotClassifier("auto", bert).fit(texts, labels, checkpoint=folder)


# Learning


@pytest.mark.parametrize("name", ["lora", "full", "contrastive"])
@pytest.mark.slow
def test_beats_the_frozen_start(bert: TextEncoder, name: str) -> None:
    assert accuracy(build_method("proto", bert).fit(SUPPORT)) < 0.6
    assert accuracy(fitted(bert, name)) > 0.9


@pytest.mark.parametrize("name", ["head", "bitfit"])
def test_few_parameters_beat_class_means(bert: TextEncoder, name: str) -> None:
    """A word in ten says what the label is; the others are noise."""

    def noisy(count: int, seed: int) -> Dataset:
        rng = np.random.default_rng(seed)
        texts = [
            " ".join(rng.permutation([*rng.choice(WORDS, 9), list(KEYS.values())[i % 2]]))
            for i in range(count)
        ]
        return Dataset.from_texts(texts, [list(KEYS)[i % 2] for i in range(count)])

    support, query = noisy(96, 0), noisy(200, 1)
    start = accuracy(build_method("proto", bert).fit(support), query)
    tuned = accuracy(fitted(bert, name, support), query)
    assert tuned > start


@pytest.mark.parametrize("kind", ["roberta", "distilbert"])
@pytest.mark.parametrize("name", ["lora", "full"])
@pytest.mark.slow
def test_other_architectures(encoders: Callable[[str], TextEncoder], kind: str, name: str) -> None:
    assert accuracy(fitted(encoders(kind), name)) > 0.9


@pytest.mark.parametrize("options", [{"rslora": True}, {"dora": True}, {"dropout": 0.1}])
@pytest.mark.slow
def test_kinds_of_lora(bert: TextEncoder, options: dict[str, Any]) -> None:
    assert accuracy(fitted(bert, "lora", **options)) > 0.9


def test_pairs_of_texts_are_read_together(bert: TextEncoder) -> None:
    """The label says whether the two halves hold the same key word: neither half alone tells."""
    rng = np.random.default_rng(0)
    examples = []
    for i in range(120):
        first, second = rng.choice(list(KEYS.values()), 2)
        words = rng.choice(WORDS[:4], 2)
        label = "same" if first == second else "other"
        examples.append(Example(f"{words[0]} {first}", label, f"{words[1]} {second}", id=str(i)))
    support = Dataset.from_examples(examples[:80])
    classifier = fitted(bert, "full", support, epochs=40, learning_rate=5e-3)
    assert accuracy(classifier, Dataset.from_examples(examples[80:])) > 0.9


def test_lower_layers_may_be_frozen(bert: TextEncoder) -> None:
    classifier = fitted(bert, "full", freeze_layers=2, epochs=60)
    assert accuracy(classifier) > 0.9
    tuned = {name for name in classifier.state()[0] if not name.startswith("head.")}
    assert tuned
    assert all(name.startswith("encoder.layer.2.") for name in tuned)


def test_frozen_layers_give_what_they_gave(bert: TextEncoder) -> None:
    """Without dropout, training on kept states is training through the layers."""
    module = bert.module
    off = [part for part in module.modules() if isinstance(part, torch.nn.Dropout)]
    chances = [part.p for part in off]
    try:
        for part in off:
            part.p = 0.0
        losses: dict[int, list[float]] = {}
        for count in (0, 2):
            method = build_method("lora", bert, options={"epochs": 2, "freeze_layers": count})
            steps: list[float] = losses.setdefault(count, [])
            replace(method, on_step=lambda step, to=steps: to.append(step["loss"])).fit(SUPPORT)  # type: ignore[call-arg]
        # The first step is taken before anything has been tuned.
        assert losses[0][0] == pytest.approx(losses[2][0], rel=2e-2)
    finally:
        for part, chance in zip(off, chances, strict=True):
            part.p = chance


# The encoder that others share


@every_method
def test_the_encoder_stays_as_it_is(bert: TextEncoder, name: str) -> None:
    def answers() -> Any:
        return bert.run([[2, 5, 6, 3]], lambda features, _: bert._pool(bert.module, features))

    before, expected = weights_hash(bert), answers()
    fitted(bert, name, epochs=2)
    assert weights_hash(bert) == before
    np.testing.assert_array_equal(answers(), expected)
    assert not bert.module.training
    assert not any(parameter.requires_grad for parameter in bert.module.parameters())
    assert "lora" not in str(bert.module).lower()


def test_two_classifiers_on_one_encoder_in_threads(bert: TextEncoder) -> None:
    alone = {name: fitted(bert, name, epochs=3) for name in ("lora", "full")}
    expected = {name: c.scores(QUERY.examples) for name, c in alone.items()}
    found: dict[str, Any] = {}

    def work(name: str) -> None:
        found[name] = fitted(bert, name, epochs=3).scores(QUERY.examples)

    threads = [threading.Thread(target=work, args=[name]) for name in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, scores in expected.items():
        np.testing.assert_array_equal(found[name], scores)


@every_method
def test_the_same_seed_gives_the_same_answers(bert: TextEncoder, name: str) -> None:
    torch.manual_seed(5)
    first = fitted(bert, name, epochs=2).scores(QUERY.examples)
    undisturbed = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), undisturbed)
    second = fitted(bert, name, epochs=2).scores(QUERY.examples)
    np.testing.assert_array_equal(first, second)


def test_training_examples_are_encoded_once(
    bert: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`nearest` asks for them at each question."""
    classifier = FewShotClassifier("lora", bert, epochs=1).fit(
        SUPPORT.texts, [str(target) for target in SUPPORT.targets]
    )
    sizes: list[int] = []
    real = TextEncoder.run

    def run(self: TextEncoder, ids: Any, vectors_of: Any, **named: Any) -> Any:
        sizes.append(len(ids))
        return real(self, ids, vectors_of, **named)

    monkeypatch.setattr(TextEncoder, "run", run)
    for i in range(3):
        assert classifier.classify(f"word{i} east", nearest=2).nearest
    assert max(sizes) == 1


# Saving


@every_method
@pytest.mark.parametrize("language", ["English", "Chinese"])
def test_answers_survive_saving(
    bert: TextEncoder, name: str, language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if language == "Chinese":
        texts = ["我的订单到哪了", "订单到了", "请退款", "帮我退款"]
        labels = ["查询物流", "查询物流", "退款", "退款"]
    else:
        texts, labels = SUPPORT.texts[::6], [str(t) for t in SUPPORT.targets[::6]]
    classifier = FewShotClassifier(name, bert, epochs=2).fit(texts, labels)
    classifier.save(tmp_path / "saved")
    loaded = FewShotClassifier.load(tmp_path / "saved", encoder=bert)
    through_a_graph = loaded.predict_proba(texts)  # in fp32
    np.testing.assert_allclose(through_a_graph, classifier.predict_proba(texts), atol=1e-3)
    monkeypatch.setattr(bert, "backend", "torch")
    loaded = FewShotClassifier.load(tmp_path / "saved", encoder=bert)
    # Equal but for the last bits: some kernels follow where a tensor lies in memory.
    expected = classifier.predict_proba(texts)
    np.testing.assert_allclose(loaded.predict_proba(texts), expected, atol=1e-6)
    assert loaded.model_version_ == classifier.model_version_


@every_method
def test_only_what_differs_is_kept(bert: TextEncoder, name: str) -> None:
    tensors, _ = fitted(bert, name, epochs=2).state()
    assert not any("embeddings.weight" in key for key in tensors)
    assert not any("pooler" in key for key in tensors)
    if name == "head":
        assert set(tensors) == {"head.cosine", "head.centre"}
    if name == "lora":
        assert all("lora_" in key for key in tensors if not key.startswith("head."))
    if name == "bitfit":
        assert all(array.ndim == 1 for key, array in tensors.items() if not key.startswith("head."))


# Bad input


def test_no_attention_to_adapt(bert: TextEncoder) -> None:
    layer = torch.nn.ModuleDict({"up": torch.nn.Linear(2, 4), "down": torch.nn.Linear(4, 2)})
    mixer = pretend(bert, torch.nn.ModuleDict({"mixer": torch.nn.ModuleList([layer])}))
    with pytest.raises(OptionError, match="Choose among up, down, sep"):
        fitted(mixer, "lora", targets="attention")
    no_maps = pretend(bert, torch.nn.ModuleDict({"norm": torch.nn.LayerNorm(4)}))
    with pytest.raises(ModelError, match="no linear layer for an adapter"):
        fitted(no_maps, "lora", targets="attention")


def pretend(encoder: TextEncoder, module: torch.nn.Module, **others: Any) -> TextEncoder:
    """The encoder with another model in it."""
    other = object.__new__(TextEncoder)
    other.__dict__.update(encoder.__dict__, _module=module, **others)
    return other


def test_a_model_with_modules_of_its_own_is_refused(bert: TextEncoder) -> None:
    custom = pretend(bert, bert.module, pooling=replace(bert.pooling, custom=True))
    with pytest.raises(ModelError, match="cannot be tuned"):
        fitted(custom, "full")


def test_targets_by_name(bert: TextEncoder) -> None:
    tensors, _ = fitted(bert, "lora", epochs=1, targets="query, output.dense").state()
    adapted = {
        key.split(".lora_")[0].rsplit("layer.", 1)[-1][2:] for key in tensors if "lora_" in key
    }
    assert adapted == {"attention.self.query", "attention.output.dense", "output.dense"}
    with pytest.raises(
        OptionError, match=r"targets='querry'.*has no such layer.*query, key, value"
    ):
        fitted(bert, "lora", targets="querry")


def test_nothing_to_train(bert: TextEncoder) -> None:
    with pytest.raises(OptionError, match=r"freeze_layers=4: .* has 3 layers"):
        fitted(bert, "lora", freeze_layers=4)


def test_one_example_among_large_classes(bert: TextEncoder) -> None:
    support = sentences(60, 3, share=1 / 60)
    assert support.targets.count("left") == 1
    classifier = fitted(bert, "full", support)
    assert np.isfinite(classifier.scores(QUERY.examples)).all()
    # The one is not drowned by the others.
    assert accuracy(classifier, support) == 1


@every_method
def test_equal_examples(bert: TextEncoder, name: str) -> None:
    support = Dataset.from_texts(["word1 word2"] * 8, ["left", "right"] * 4)
    scores = fitted(bert, name, support, epochs=2).scores(QUERY.examples)
    assert np.isfinite(scores).all()


def test_classes_known_by_description_alone(bert: TextEncoder) -> None:
    info = {"a": LabelInfo(description="east word1"), "b": LabelInfo(description="west word2")}
    support = Dataset((), ("a", "b"), info)
    assert fitted(bert, "full", support, epochs=2).labels == ("a", "b")
    with pytest.raises(DataError, match=r"These labels have nothing to learn from: \['a', 'b'\]"):
        fitted(bert, "full", support, descriptions=False, label_names=False)


def test_marked_mentions_are_refused(bert: TextEncoder) -> None:
    support = Dataset.from_examples(
        [Example("word1 word2", x, head=(0, 5), tail=(6, 11)) for x in "ab"]
    )
    with pytest.raises(DataError, match="'full' does not take texts with marked mentions"):
        fitted(bert, "full", support)


def test_a_pair_among_single_texts(bert: TextEncoder) -> None:
    support = Dataset.from_examples([Example("word1", "a", "word2"), Example("word3", "b")])
    with pytest.raises(DataError, match=r"is a single text: 'word3'. All must be of one kind"):
        fitted(bert, "full", support)


@pytest.mark.parametrize("name", ["lora", "contrastive"])
def test_training_follows_the_weights(name: str, bert: TextEncoder) -> None:
    texts, labels = ["red", "dark red", "blue", "sky blue", "blue sea"], ["r", "r", "b", "b", "b"]

    def answers(sample_weight: Any = None, **options: Any) -> Any:
        model = FewShotClassifier(name, bert, epochs=2, label_names=False, **options)
        return model.fit(texts, labels, sample_weight=sample_weight).predict_proba(texts)

    weight = np.array([9, 1, 1, 1, 1])
    np.testing.assert_allclose(answers(weight), answers(weight / 100), atol=1e-5)
    assert np.abs(answers(weight) - answers()).max() > 1e-4
    assert np.abs(answers(class_weight={"b": 9}) - answers(class_weight=None)).max() > 1e-4
    assert np.abs(answers(class_weight=None) - answers()).max() > 1e-5


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("full", {"rank": 8}, "no option 'rank'. It has: batch_size"),
        ("lora", {"rank": "8"}, "rank='8': must be a whole number"),
        ("lora", {"rank": 0}, "rank=0: must be a whole number, at least 1"),
        ("lora", {"alpha": -1}, "alpha=-1: must be greater than 0"),
        ("full", {"epochs": 2.5}, "epochs=2.5: must be a whole number"),
        ("full", {"learning_rate": 0}, "learning_rate=0: must be greater than 0"),
        ("full", {"warmup": 2}, "warmup=2: must be from 0 to 1"),
        ("head", {"temperature": -1.0}, "temperature=-1.0: must be greater than 0"),
        ("head", {"freeze_layers": 1}, "no option 'freeze_layers'"),
        ("bitfit", {"class_weight": "even"}, "class_weight='even': must be 'balanced', None or a"),
        ("bitfit", {"class_weight": {"a": 0}}, "class_weight['a']=0: must be greater than 0"),
    ],
)
def test_options_are_checked(
    bert: TextEncoder, name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError) as caught:
        build_method(name, bert, options=options)
    assert message in str(caught.value)


# What may go wrong while it trains


def test_a_loss_that_is_no_number_starts_again(
    bert: TextEncoder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = {"backward": 0}
    real = trainer.Trainer._backward

    def broken(self: Any, *args: Any) -> float:
        calls["backward"] += 1
        return float("nan") if calls["backward"] in (2, 4) else real(self, *args)

    monkeypatch.setattr(trainer.Trainer, "_backward", broken)
    rates: list[float] = []
    options = {**QUICK["full"], "epochs": 40, "batch_size": 32, "patience": 60}
    method = build_method("full", bert, options={**options, "learning_rate": 0.05})
    with caplog.at_level(logging.WARNING, "fsl_nlp"):
        classifier = replace(method, on_step=lambda step: rates.append(step["learning_rate"])).fit(
            SUPPORT
        )  # type: ignore[call-arg]
    assert accuracy(classifier) > 0.8
    assert caplog.text.count("training starts again at a lower learning rate") == 1
    assert max(rates[2:]) == pytest.approx(0.05 / 16)


def test_a_loss_that_is_never_a_number(bert: TextEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsl_nlp.heads.options.check_size", lambda *_: None)
    monkeypatch.setattr("fsl_nlp.training.settings.require_rate", lambda *_: None)
    with pytest.raises(ModelError, match="Training failed"):
        fitted(bert, "full", learning_rate=1e30, head_learning_rate=1e30, clip=1e30)


def stopped(bert: TextEncoder, after: int) -> Any:
    """A classifier whose training gets Ctrl-C after so many steps, five of them an epoch."""

    def stop(step: dict[str, float]) -> None:
        if step["step"] == after:
            raise KeyboardInterrupt

    method = build_method("full", bert, options={"epochs": 12, "batch_size": 16})
    return replace(method, on_step=stop).fit_until_stopped(SUPPORT)  # type: ignore[call-arg]


def test_ctrl_c_keeps_the_best_so_far(bert: TextEncoder, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "fsl_nlp"):
        classifier = stopped(bert, 9)
    assert "Stopped after 1 of 12 epochs" in caplog.text
    assert np.isfinite(classifier.scores(QUERY.examples)).all()
    assert any(not key.startswith("head.") for key in classifier.state()[0])


def test_ctrl_c_in_the_first_epoch_keeps_nothing(bert: TextEncoder) -> None:
    with pytest.raises(KeyboardInterrupt, match="nothing is learned or saved"):
        stopped(bert, 2)


@pytest.mark.slow
def test_too_little_memory_makes_batches_smaller(
    bert: TextEncoder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = torch.nn.functional.cross_entropy
    sizes: list[int] = []

    def small_machine(scores: Any, *args: Any, **options: Any) -> Any:
        sizes.append(len(scores))
        if len(scores) > 10:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")
        return real(scores, *args, **options)

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", small_machine)
    with caplog.at_level(logging.WARNING, "fsl_nlp"):
        classifier = fitted(bert)
    assert accuracy(classifier) > 0.9
    assert caplog.text.count("Out of memory") == 1
    assert max(sizes[-10:]) <= 10


def test_other_errors_are_not_taken_for_too_little_memory(
    bert: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: Any, **_options: Any) -> Any:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        fitted(bert)


def test_stops_when_nothing_is_left_to_learn(bert: TextEncoder) -> None:
    steps: list[float] = []
    method = build_method("full", bert, options={**QUICK["full"], "epochs": 400})
    replace(method, on_step=lambda step: steps.append(step["loss"])).fit(SUPPORT)  # type: ignore[call-arg]
    assert len(steps) < 600


# A real model


def test_a_pretrained_model(english: TextEncoder) -> None:
    texts = {
        "track order": ["where is my parcel", "has my order been sent", "when will it arrive"],
        "get refund": ["I want my money back", "send me the refund", "return what I paid"],
        "log in": ["I forgot my password", "I cannot sign in", "my account is locked"],
    }
    support = Dataset.from_texts(
        [text for known in texts.values() for text in known],
        [label for label, known in texts.items() for _ in known],
    )
    before = weights_hash(english)
    for name in ("lora", "full"):
        classifier = build_method(name, english, options={"epochs": 3}).fit(support)
        questions = ["is the package on its way?", "pay me back", "the log-in page refuses me"]
        best = classifier.scores([Example(text) for text in questions]).argmax(1)
        assert [classifier.labels[i] for i in best] == list(texts)
    assert weights_hash(english) == before


def test_every_recipe_is_tested() -> None:
    assert QUICK.keys() == RECIPES.keys()


@pytest.mark.parametrize(
    ("name", "options"),
    [("full", {}), ("lora", {}), ("lora", {"dora": True}), ("bitfit", {}), ("contrastive", {})],
)
def test_the_tuned_encoder_becomes_a_model_of_its_own(
    name: str, options: dict[str, Any], bert: TextEncoder, tmp_path: Path
) -> None:
    data = sentences(24, seed=0)
    tuned = FewShotClassifier(
        name, bert, **{**QUICK[name], **options, "centre": False, "epochs": 8}
    )
    tuned.fit(data.texts, data.targets)
    before = bert.encode(data.texts)
    own = tuned.classifier_.embed(data.examples)
    written = TextEncoder(str(export_encoder(tuned, tmp_path / "deep" / "mine")))
    vectors = written.encode(data.texts)
    assert np.abs(vectors - own).max() < 0.02  # bf16
    assert np.abs(vectors - before).max() > 0.05
    np.testing.assert_array_equal(bert.encode(data.texts), before)
    np.testing.assert_array_equal(tuned.classifier_.embed(data.examples), own)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["mine"]
    with pytest.raises(ArtifactError, match="Give a new folder"):
        export_encoder(tuned, tmp_path / "deep" / "mine")


def test_what_was_not_tuned_has_nothing_to_export(bert: TextEncoder, tmp_path: Path) -> None:
    frozen = FewShotClassifier("proto", bert).fit(["word1", "word2"], ["a", "b"])
    with pytest.raises(OptionError, match="did not tune its encoder"):
        export_encoder(frozen, tmp_path / "mine")
