"""A frozen encoder with a head: what counts as evidence, and how the temperature is learned."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fsl_nlp import Dataset, FewShotClassifier, TextEncoder, load_dataset
from fsl_nlp.decision.probabilities import fit_temperature, softmax
from fsl_nlp.editing.versions import Recipe, Version
from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.evaluation import MethodSpec, evaluate
from fsl_nlp.heads import HEADS
from fsl_nlp.heads.base import Head, State, pack
from fsl_nlp.heads.linear import LinearHead
from fsl_nlp.heads.proto import ProtoHead
from fsl_nlp.methods import METHODS, build_method
from fsl_nlp.methods.frozen.classifier import FrozenClassifier
from fsl_nlp.methods.frozen.method import FrozenMethod
from fsl_nlp.methods.frozen.temperature import cross_fit, score_gap
from fsl_nlp.splits import sample_shots
from fsl_nlp.types import Example, LabelInfo


class SpyHead(Head):
    """Scores 1 for a query that it was fitted on, else 0."""

    def fit(self, support: Tensor, weights: Tensor) -> State:
        return {"support": support.flatten(1, 2), "used": weights.flatten(1) > 0}

    def score(self, state: State, query: Tensor) -> Tensor:
        same = (query[:, :, None] == state["support"][:, None]).all(-1)  # [B, Q, N * K]
        return (same & state["used"][:, None]).any(-1, keepdim=True).float().expand(-1, -1, 3)


def packed(sizes: list[int], width: int = 4) -> tuple[Tensor, Tensor, np.ndarray]:
    """Distinct random vectors, so many of each class."""
    classes = [c for c, size in enumerate(sizes) for _ in range(size)]
    vectors = np.random.default_rng(0).normal(size=(len(classes), width)).astype(np.float32)
    return pack(vectors, classes, len(sizes))


def fitted(encoder: TextEncoder, support: Dataset, name: str = "proto", **options: Any) -> Any:
    return build_method(name, encoder, options=options).fit(support)


@pytest.fixture
def source() -> Dataset:
    """Eight classes of six sentences: one word of its own each, and one that all share."""
    own = ["cat", "dog", "oak", "elm", "rain", "snow", "茶", "酒"]
    said = ["one", "two", "three", "four", "five", "六"]
    return Dataset.from_texts(
        [f"{word} {other}" for word in own for other in said], [w for w in own for _ in said]
    )


@pytest.fixture
def support(texts: list[str], labels: list[str]) -> Dataset:
    return Dataset.from_texts(texts, labels)


# cross_fit


def test_the_spy_knows_what_it_has_seen() -> None:
    vectors, weights, _ = packed([2, 1, 3])
    seen = SpyHead().score(SpyHead().fit(vectors, weights), vectors.flatten(1, 2))
    assert torch.equal(seen[0, :, 0], weights.flatten())


@pytest.mark.parametrize("sizes", [[2, 2, 2], [7, 3, 12], [1, 2, 9], [6, 1, 1]])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_example_is_scored_by_a_head_that_saw_it(sizes: list[int], seed: int) -> None:
    vectors, weights, places = packed(sizes)
    scores, targets, _ = cross_fit(SpyHead(), vectors, weights, places, seed)
    assert scores.max() == 0
    # Every example of a class that has two or more is scored once.
    expected = [c for c, size in enumerate(sizes) for _ in range(size) if size > 1]
    assert sorted(targets.tolist()) == expected


def test_scores_belong_to_their_targets() -> None:
    class EchoHead(SpyHead):
        def score(self, state: State, query: Tensor) -> Tensor:
            return query

    vectors, weights, places = packed([6, 4, 5], width=3)
    vectors[..., 0] = torch.arange(3)[None, :, None]  # the class, for the echo
    scores, targets, _ = cross_fit(EchoHead(), vectors, weights, places, 3)
    np.testing.assert_array_equal(scores[:, 0], targets)
    assert len(np.unique(scores[:, 1])) == len(targets) == 15


@pytest.mark.parametrize(("size", "folds"), [(20, 5), (400, 5), (500, 4), (1665, 2), (1667, 1)])
def test_of_thousands_of_examples_a_thousand_are_held_out(size: int, folds: int) -> None:
    """Each fold is one more fit, and the temperature is but one number."""
    fits = []

    class Counted(ProtoHead):
        def fit(self, support: Tensor, weights: Tensor) -> State:
            fits.append(len(support))
            return super().fit(support, weights)

    scores, targets, _ = cross_fit(Counted(), *packed([size] * 3), 0)
    assert fits == [folds]
    assert len(scores) >= min(3 * size, 1000)
    # Every class has its share of them.
    assert np.bincount(targets).min() == np.bincount(targets).max()


def test_classes_of_one_example_give_nothing_to_learn_from() -> None:
    scores, targets, _ = cross_fit(SpyHead(), *packed([1, 1, 1]), 0)
    assert scores.shape == (0, 3)
    assert targets.shape == (0,)


def test_what_is_no_example_is_never_held_out() -> None:
    """A label's name stays with its class in every fold."""
    vectors, weights, places = packed([3, 3, 3])
    names = places[[2, 5, 8]]
    scores, *_ = cross_fit(SpyHead(), vectors, weights, np.setdiff1d(places, names), 0)
    assert len(scores) == 6

    class Keeping(SpyHead):
        def fit(self, support: Tensor, weights: Tensor) -> State:
            assert (weights.flatten(1)[:, names] == 1).all()
            return super().fit(support, weights)

    cross_fit(Keeping(), vectors, weights, np.setdiff1d(places, names), 0)


def test_the_seed_decides_the_folds() -> None:
    vectors, weights, places = packed([6, 6])
    first, again, other = (
        cross_fit(ProtoHead(), vectors, weights, places, seed)[0] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


# temperature


def test_a_fixed_temperature_divides_the_scores(words: TextEncoder, support: Dataset) -> None:
    one, ten = (fitted(words, support, temperature=t) for t in (1, 10.0))
    assert (one.temperature, ten.temperature) == (1, 10)
    question = [Example("where is the refund")]
    np.testing.assert_allclose(ten.scores(question), one.scores(question) / 10, rtol=1e-6)


@pytest.mark.parametrize("name", ["proto", "linear"])
def test_the_learned_temperature_is_of_examples_held_out(
    name: str, words: TextEncoder, support: Dataset
) -> None:
    model = fitted(words, support, name, label_names=False)
    vectors, weights, places = pack(
        words.encode(support.texts), [support.labels.index(t) for t in support.known_targets], 3
    )
    scores, targets, gaps = cross_fit(model.head, vectors, weights, places, 0, model.head_state)
    gap = score_gap(model.head.score(model.head_state, vectors.flatten(1, 2))[0], weights[0])
    in_gaps = fit_temperature(scores / gaps[:, None], targets, start=0.08)
    assert model.temperature == pytest.approx(in_gaps * gap)
    assert model.temperature != pytest.approx(0.08 * gap)
    assert model.calibration is not None
    assert (model.calibration.how, model.calibration.held_out) == ("cross-fitted", len(targets))
    assert model.calibration.temperature == model.temperature


def test_too_few_examples_give_the_default_temperature(words: TextEncoder) -> None:
    support = Dataset.from_texts(["where is it", "money back"], ["track", "refund"])
    model = fitted(words, support, label_names=False)
    # Of one example a class, the score for its own class is the cosine to itself.
    own, other = words.encode(support.texts)
    cosine = own @ other / np.linalg.norm(own) / np.linalg.norm(other)
    assert model.temperature == pytest.approx(0.08 * (1 - cosine), rel=1e-5)


def test_the_gap_by_hand() -> None:
    scores = torch.tensor([[5.0, 1.0], [7.0, 3.0], [9.0, 9.0], [2.0, 4.0]])
    weights = torch.tensor([[1.0, 1.0], [0.0, 1.0]])  # the third row is padding
    assert score_gap(scores, weights) == pytest.approx(16 / 3 - 2)
    assert score_gap(torch.ones(4, 2), weights) == 0  # nothing tells the classes apart
    assert score_gap(torch.ones(2, 1), torch.ones(1, 2)) == 0  # there is one class only


class Longer(TextEncoder):
    """The vectors of another encoder, so many times as long."""

    def __init__(self, inner: TextEncoder, times: float) -> None:
        self.inner, self.times = inner, times
        self.name, self.device = inner.name, inner.device

    def encode(self, texts: str | Sequence[str]) -> np.ndarray:
        return self.times * self.inner.encode(texts)


@pytest.mark.parametrize("shots", [1, 3])
@pytest.mark.parametrize("times", [0.01, 30.0])
def test_beliefs_by_euclidean_distance_do_not_hang_on_the_length_of_vectors(
    times: float, shots: int, words: TextEncoder, support: Dataset
) -> None:
    few = sample_shots(support, shots)
    questions = [Example("where is the refund"), Example("password"), Example("hello")]
    plain, longer = (
        softmax(fitted(encoder, few, distance="euclidean").scores(questions))
        for encoder in (words, Longer(words, times))
    )
    np.testing.assert_allclose(longer, plain, atol=1e-3)


def calibration_error(beliefs: np.ndarray, targets: np.ndarray) -> float:
    """Expected calibration error over ten bins of confidence."""
    confidence, hit = beliefs.max(1), beliefs.argmax(1) == targets
    bins = np.minimum((10 * confidence).astype(int), 9)
    gaps = [abs((confidence - hit)[bins == i].sum()) for i in range(10)]
    return sum(gaps) / len(targets)


@pytest.mark.parametrize("shots", [1, 5])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.slow
def test_euclidean_confidence_is_as_honest_as_cosine(
    language: str, shots: int, request: pytest.FixtureRequest
) -> None:
    encoder = request.getfixturevalue({"en": "english", "zh": "multilingual"}[language])
    train, test = (load_dataset(f"support_{language}:{part}") for part in ("train", "test"))
    few = sample_shots(train, shots)
    targets = np.array([train.labels.index(label) for label in test.known_targets])
    cosine, euclidean = (
        calibration_error(
            softmax(
                fitted(encoder, few, distance=distance, label_names=False).scores(test.examples)
            ),
            targets,
        )
        for distance in ("cosine", "euclidean")
    )
    assert euclidean < cosine + 0.03
    assert euclidean < 0.15


@pytest.mark.parametrize("name", ["gaussian", "ridge", "simpleshot"])
def test_one_example_a_class_gives_honest_confidence_by_other_heads(
    name: str, english: TextEncoder
) -> None:
    train, test = load_dataset("support_en"), load_dataset("support_en:test")
    targets = np.array([train.labels.index(label) for label in test.known_targets])
    model = fitted(english, sample_shots(train, 1), name, label_names=False)
    assert calibration_error(softmax(model.scores(test.examples)), targets) < 0.15


# evidence


def test_label_names_are_one_more_example(words: TextEncoder, support: Dataset) -> None:
    by_hand = Dataset.from_texts(
        [*support.texts, "track order", "get refund", "log in"],
        [*support.known_targets, "track_order", "get_refund", "log_in"],
    )
    options = {"temperature": 1.0}
    question = [Example("can you track my refund")]
    with_names = fitted(words, support, **options).scores(question)
    written = fitted(words, by_hand, label_names=False, **options).scores(question)
    without = fitted(words, support, label_names=False, **options).scores(question)
    np.testing.assert_allclose(with_names, written, atol=1e-6)
    assert np.abs(with_names - without).max() > 0.01


def test_names_and_descriptions_of_a_dataset_count(words: TextEncoder) -> None:
    """A given name comes before the label itself; a description counts beside the name."""
    info = {7: LabelInfo(name="red wine"), "z": LabelInfo(description="white wine")}
    examples = (Example("a", 7), Example("b", "z"), Example("c", "blue_wine"))
    support = Dataset(examples, (7, "blue_wine", "z"), info)
    wines = [Example("red"), Example("blue"), Example("white")]
    known = fitted(words, support, temperature=1).scores(wines).diagonal()
    nameless = fitted(words, support, temperature=1, label_names=False).scores(wines).diagonal()
    assert (known > 0.4).all()
    assert (nameless > 0.4).tolist() == [False, False, True]


def test_a_class_that_nothing_describes_is_refused(words: TextEncoder) -> None:
    examples = (Example("where is it", "track"), Example("money back", "refund"))
    support = Dataset(examples, (3, "refund", "track"))
    with pytest.raises(DataError, match=r"These labels have nothing to learn from: \[3\]"):
        fitted(words, support)
    named = Dataset(examples, ("exchange", "refund", "track"))
    assert fitted(words, named).labels == named.labels
    with pytest.raises(DataError, match="'exchange'"):
        fitted(words, named, label_names=False)


# options


def test_every_head_is_a_method(words: TextEncoder, support: Dataset) -> None:
    assert HEADS.keys() <= METHODS.keys()
    for name in ("proto", "linear"):
        assert isinstance(fitted(words, support, name), FrozenClassifier)


def test_options_reach_the_head_and_the_settings(words: TextEncoder) -> None:
    method = build_method("linear", words, seed=3, options={"C": 2, "label_names": False})
    assert isinstance(method, FrozenMethod)
    assert (method.head, method.settings.label_names, method.seed) == (LinearHead(2), False, 3)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "linear",
            {"distance": "cosine"},
            "method 'linear' has no option 'distance'. It has: C (n",
        ),
        ("proto", {"C": 1}, "method 'proto' has no option 'C'. It has: "),
        ("linear", {"C": "abc"}, "C='abc': must be a number."),
        ("linear", {"C": True}, "C=True: must be a number."),
        ("linear", {"C": None}, "C=None: must be a number."),
        ("linear", {"C": -1}, "C=-1: must be greater than 0"),
        ("linear", {"label_names": "no"}, "label_names='no': must be true or false."),
        ("linear", {"label_names": 1}, "label_names=1: must be true or false."),
        ("proto", {"temperature": "hot"}, "temperature='hot': must be a number or None."),
        ("proto", {"temperature": 0}, "temperature=0: must be greater than 0."),
        ("proto", {"distance": "far"}, "distance='far': choose one of 'cosine', 'euclidean'"),
        ("prot", {}, "There is no method 'prot'. Did you mean proto"),
        (
            "projection",
            {"parameters": {}},
            "method 'projection' has no option 'parameters'. It has: descriptions (true or false), "
            "label_names (true or false), none_margin (number), shrinkage (number), "
            "statistics (text), temperature (number or None).",
        ),
    ],
)
def test_wrong_options_are_named(
    name: str, options: dict[str, Any], message: str, words: TextEncoder
) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        build_method(name, words, options=options)


@pytest.mark.parametrize("value", [3, np.int64(3), np.float32(3)])
def test_numbers_of_numpy_are_numbers(value: Any, words: TextEncoder) -> None:
    assert isinstance(build_method("linear", words, options={"C": value}), FrozenMethod)


@pytest.mark.parametrize("seed", [-1, 1.5, "0", None, True])
def test_a_seed_is_a_whole_number(seed: Any, words: TextEncoder) -> None:
    with pytest.raises(OptionError, match=re.escape(f"seed={seed!r}: must be a whole number")):
        build_method("linear", words, seed=seed)


# heads that need more than a support set


@pytest.mark.parametrize("name", ["laplacian", "soft-kmeans"])
def test_a_head_that_looks_at_the_whole_batch_is_for_episodes_only(
    name: str, words: TextEncoder, source: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OptionError, match=f"method '{name}' reads all queries together") as said:
        fitted(words, source, name)
    assert f"fsl-nlp episodes DATA --method {name}" in str(said.value)
    monkeypatch.setattr("fsl_nlp.encoders.load_encoder", lambda *_, **__: words)
    table = EpisodeTable.sample(source, way=3, shot=2, query=3, episodes=5)
    result = evaluate(MethodSpec(name, "words", {}), source, table)
    assert result.settings["transductive"] is True
    assert result.accuracy.value > 0.5


@pytest.mark.parametrize("name", ["projection", "matching-context", "relation", "induction"])
def test_a_head_that_has_learned_nothing_says_how_it_could(
    name: str, words: TextEncoder, support: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _, context = name.partition("-")
    options = {"full_context": True} if context else {}
    with pytest.raises(OptionError, match=f"method '{name}' has to learn from source classes"):
        fitted(words, support, name, **options)
    monkeypatch.setattr("fsl_nlp.encoders.load_encoder", lambda *_, **__: words)
    table = EpisodeTable.sample(support, way=2, shot=1, query=2, episodes=3)
    with pytest.raises(OptionError, match="--source DATA or --classes TRAIN,TEST"):
        evaluate(MethodSpec(name, "words", options), support, table)


@pytest.mark.parametrize(
    "name", ["projection", "siamese", "relation", "tadam", "induction", "matching", "simpleshot"]
)
@pytest.mark.slow
def test_a_head_that_has_learned_keeps_it_when_it_is_saved(
    name: str, words: TextEncoder, source: Dataset, support: Dataset, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"full_context": True, "hidden": 8} if name == "matching" else {}
    if name == "induction":
        options = {"width": 16, "slices": 2}
    method = build_method(name, words, options=options).prepare(source, way=3, shot=2, query=2)
    model = method.fit(support)
    questions = ["where is the refund", "我的包裹在哪里", "password"]
    asked = [Example(text) for text in questions]

    restored = build_method(name, words, options=options).restore(model.labels, *model.state())
    np.testing.assert_array_equal(restored.scores(asked), model.scores(asked))

    bot = FewShotClassifier(name, words, **options)
    bot._version = Version(Recipe(name, method, words), model, support, "1")
    loaded = FewShotClassifier.load(bot.save(tmp_path / "bot"), encoder=words)
    np.testing.assert_array_equal(loaded.predict_proba(questions), bot.predict_proba(questions))


# what is left behind


@pytest.mark.parametrize("name", ["proto", "linear"])
def test_restored_from_its_state_it_answers_alike(
    name: str, words: TextEncoder, support: Dataset
) -> None:
    model = fitted(words, support, name)
    tensors, settings = model.state()
    again = build_method(name, words).restore(model.labels, tensors, settings)
    questions = [Example("where is the refund"), Example("password"), Example("")]
    np.testing.assert_array_equal(again.scores(questions), model.scores(questions))


def test_fitting_uses_the_seed_alone(words: TextEncoder, support: Dataset) -> None:
    def state_after(noise: int) -> dict[str, Any]:
        np.random.seed(noise)
        torch.manual_seed(noise)
        return dict(fitted(words, support, "linear").state()[0])

    first, second = state_after(0), state_after(1)
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])
