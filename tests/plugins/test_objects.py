"""Objects where a method, an encoder or a corpus could be named."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from transformers import BertConfig

from fsl_nlp import Dataset, FewShotClassifier, TextEncoder, load_dataset
from fsl_nlp.data import CATALOGUE, Entry
from fsl_nlp.encoders.catalogue import locate
from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import ArtifactError, DataError, ModelError, OptionError
from fsl_nlp.evaluation import MethodSpec, evaluate
from fsl_nlp.export import export_bot
from fsl_nlp.heads.base import Head, State
from fsl_nlp.heads.projection import ProjectionHead
from fsl_nlp.heads.proto import ProtoHead
from fsl_nlp.heads.ridge import RidgeHead
from fsl_nlp.methods import build_method
from fsl_nlp.methods.frozen.method import FrozenMethod
from fsl_nlp.runtime import Bot

from ..conftest import save_model

COLOURS = [f"{shade} {colour}" for colour in ("red", "blue") for shade in "abcdef"]
NAMES = ["red"] * 6 + ["blue"] * 6


@dataclass(frozen=True)
class NearestMean(Head):
    """score_n(q) = -|q - c_n|^power: a head whose class has no registered name."""

    power: float = 2.0

    def fit(self, support: torch.Tensor, weights: torch.Tensor) -> State:
        total = (support * weights[..., None]).sum(-2)
        return {"mean": total / weights.sum(-1, keepdim=True)}

    def score(self, state: State, query: torch.Tensor) -> torch.Tensor:
        return -((query[:, :, None] - state["mean"][:, None]).norm(dim=-1) ** self.power)


@dataclass(frozen=True)
class Powers(NearestMean):
    """A head with options of types that built-in heads do not have."""

    powers: tuple[float, ...] = (1.0, 2.0)
    folder: Path | None = None


class Everywhere(FrozenMethod):
    """A method whose class has no registered name."""

    @classmethod
    def build(
        cls, name: str, encoder: TextEncoder, seed: int, options: dict[str, Any]
    ) -> FrozenMethod:
        return FrozenMethod.build("ridge", encoder, seed, options)


def fitted(method: Any, encoder: TextEncoder, **options: Any) -> FewShotClassifier:
    return FewShotClassifier(method, encoder, **options).fit(COLOURS, NAMES)


# The classifier


def test_options_of_any_type(words: TextEncoder) -> None:
    assert fitted(Powers(powers=(3.0,)), words).predict(["a red"]).tolist() == ["red"]
    with pytest.raises(OptionError, match=r"powers \(tuple\)"):
        fitted(Powers, words, power_of=2)


def test_objects_that_differ_in_seed_or_learning_are_different_versions(
    english: TextEncoder, colours: Dataset, tmp_path: Path
) -> None:
    first, second = (
        build_method("head", english, seed=seed, options={"epochs": 1}) for seed in (1, 2)
    )
    versions = {fitted(method, english).model_version_ for method in (first, second, first)}
    assert len(versions) == 2
    heads = [
        replace(ProjectionHead(), parameters={"weight": torch.eye(english.dimensions) * factor})
        for factor in (1.0, 2.0)
    ]
    methods = [replace(build_method("projection", english), head=head) for head in heads]
    specs = [MethodSpec.of(method, "auto", colours) for method in methods]
    assert specs[0].all_options != specs[1].all_options
    table = EpisodeTable.sample(colours, way=2, shot=1, query=1, episodes=3, seed=0)
    progress = tmp_path / "progress.jsonl"
    result = evaluate(first, colours, table, progress_file=progress)
    assert result.settings["seed"] == 1
    with pytest.raises(DataError, match="belongs to another run"):
        evaluate(second, colours, table, progress_file=progress)


def test_loading_with_an_object_of_other_options(words: TextEncoder, tmp_path: Path) -> None:
    folder = fitted(RidgeHead(2.0), words).save(tmp_path / "bot")
    assert FewShotClassifier.load(folder, encoder=words, method=RidgeHead(2.0))
    with pytest.raises(ArtifactError, match=r"fitted with .*=2.0, and this method has 5.0"):
        FewShotClassifier.load(folder, encoder=words, method=RidgeHead(5.0))


def test_a_head_object_is_the_head_by_name(words: TextEncoder) -> None:
    by_name = fitted("proto", words, distance="euclidean", label_names=False)
    by_object = fitted(ProtoHead("euclidean"), words, label_names=False)
    assert by_object.method_ == "proto"
    assert by_object.model_version_ == by_name.model_version_
    questions = ["a red", "blue", "green"]
    assert (by_object.predict_proba(questions) == by_name.predict_proba(questions)).all()


def test_a_class_takes_its_options_as_a_name_does(words: TextEncoder) -> None:
    by_class = fitted(ProtoHead, words, distance="euclidean")
    assert by_class.model_version_ == fitted("proto", words, distance="euclidean").model_version_
    mine = fitted(NearestMean, words, power=1.0, label_names=False)
    assert mine.classifier_.head == NearestMean(1.0)
    assert mine.method_ == "NearestMean"
    assert mine.predict(["a red"]).tolist() == ["red"]


def test_scikit_learn(words: TextEncoder) -> None:
    model = FewShotClassifier(NearestMean(1.5), words, label_names=False)
    assert model.get_params()["method"] is model.method
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert "method=NearestMean(power=1.5)" in repr(model)
    heads = [ProtoHead(), NearestMean(), RidgeHead(), "knn"]
    search = GridSearchCV(model, {"method": heads}, cv=2, error_score="raise")
    search.fit(COLOURS, NAMES)
    assert [p["method"] for p in search.cv_results_["params"]] == heads
    assert search.predict(["a blue"]).tolist() == ["blue"]


@pytest.mark.parametrize("method", [object(), 3, None, int])
def test_what_is_no_method(method: Any, words: TextEncoder) -> None:
    model = FewShotClassifier(method, words)  # the constructor only stores
    with pytest.raises(OptionError, match="give a name, a head, a method, or the class of a head"):
        model.fit(COLOURS, NAMES)


def test_an_option_that_the_head_has(words: TextEncoder) -> None:
    with pytest.raises(OptionError, match=r"distance: set this option on the head object\."):
        fitted(ProtoHead(), words, distance="euclidean")
    with pytest.raises(OptionError, match="method 'NearestMean' has no option 'distance'"):
        fitted(NearestMean(), words, distance="euclidean")


def test_unlabelled_texts(words: TextEncoder) -> None:
    more = ["g red", "h blue"]
    model = FewShotClassifier(NearestMean(), words).fit(COLOURS, NAMES, unlabelled=more)
    assert model.predict(["g red"]).tolist() == ["red"]


def test_a_method_class_and_a_method_object(words: TextEncoder) -> None:
    assert fitted(Everywhere, words, scale=2.0).method_ == "Everywhere"
    with pytest.raises(OptionError, match="FrozenMethod: this class has several names"):
        fitted(FrozenMethod, words)
    method = build_method("ridge", words, seed=3, options={"label_names": False})
    model = FewShotClassifier(method).fit(COLOURS, NAMES)
    assert model.encoder_ is words
    assert model.classifier_.head == RidgeHead()
    with pytest.raises(OptionError, match="scale: a method object already has its options"):
        FewShotClassifier(method, scale=2.0).fit(COLOURS, NAMES)


def test_a_method_object_brings_its_encoder(words: TextEncoder, other_words: TextEncoder) -> None:
    method = build_method("ridge", words)
    with pytest.raises(OptionError, match="encoder: this method object has its own"):
        FewShotClassifier(method, other_words).fit(COLOURS, NAMES)
    assert clone(FewShotClassifier(method)).fit(COLOURS, NAMES).encoder_ is words


# Saving


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "classifier.json").read_text("utf-8"))


def assert_same(first: FewShotClassifier, second: FewShotClassifier) -> None:
    questions = ["a red", "blue", "green"]
    np.testing.assert_allclose(
        first.predict_proba(questions), second.predict_proba(questions), atol=1e-6
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda words: ProtoHead("euclidean"),
        lambda words: build_method("proto", words, options={"distance": "euclidean"}),
        lambda words: ProtoHead,
    ],
    ids=["head", "method", "class"],
)
def test_a_registered_class_is_saved_by_name(make: Any, words: TextEncoder, tmp_path: Path) -> None:
    method = make(words)
    options = {"distance": "euclidean"} if method is ProtoHead else {}
    model = fitted(method, words, **options)
    saved = manifest(model.save(tmp_path / "bot"))
    assert saved["method"] == saved["parameters"]["method"] == "proto"
    assert saved["parameters"]["distance"] == "euclidean"
    assert "method_source" not in saved
    loaded = FewShotClassifier.load(tmp_path / "bot", encoder=words)
    assert_same(loaded, model)
    assert_same(FewShotClassifier.load(tmp_path / "bot", method=method, encoder=words), model)


def test_an_unregistered_head_is_given_again_at_loading(words: TextEncoder, tmp_path: Path) -> None:
    model = fitted(NearestMean(1.5), words)
    folder = model.save(tmp_path / "bot")
    assert manifest(folder)["method_source"] == "object"
    message = (
        r"was fitted with a method object, NearestMean\. Give it again: .*load\(folder, method"
    )
    with pytest.raises(ArtifactError, match=message):
        FewShotClassifier.load(folder, encoder=words)
    loaded = FewShotClassifier.load(folder, method=NearestMean(1.5), encoder=words)
    assert_same(loaded, model)
    loaded.save(tmp_path / "again")
    assert_same(
        FewShotClassifier.load(tmp_path / "again", method=NearestMean(1.5), encoder=words), model
    )
    with pytest.raises(ArtifactError, match="fitted with 'NearestMean', not with 'proto'"):
        FewShotClassifier.load(folder, method=ProtoHead(), encoder=words)
    with pytest.raises(ArtifactError, match="does not answer as it did when it was saved"):
        FewShotClassifier.load(folder, method=NearestMean(0.2), encoder=words)


def test_a_name_of_a_class_in_a_file_imports_nothing(words: TextEncoder, tmp_path: Path) -> None:
    folder = fitted("proto", words).save(tmp_path / "bot")
    for method in ("os:system", "tests.plugins.test_objects:NearestMean"):
        content = manifest(folder)
        content["method"] = content["parameters"]["method"] = method
        from fsl_nlp.artifact.manifest import content_sum

        content["sum"] = content_sum(content)
        (folder / "classifier.json").write_text(json.dumps(content))
        with pytest.raises(ArtifactError, match="There is no method '"):
            FewShotClassifier.load(folder, encoder=words)


def test_a_head_that_learned_of_source_classes(words: TextEncoder, tmp_path: Path) -> None:
    vectors = torch.from_numpy(words.encode(COLOURS))
    head = ProjectionHead().prepare(vectors, torch.arange(12) // 2)
    model = fitted(head, words)
    assert model.model_version_ != fitted(replace(head, shrinkage=0.5), words).model_version_
    loaded = FewShotClassifier.load(model.save(tmp_path / "bot"), encoder=words)
    assert_same(loaded, model)


def test_an_exported_bot_needs_no_class_of_its_head(english: TextEncoder, tmp_path: Path) -> None:
    model = fitted(NearestMean(1.5), english)
    bot = Bot.load(export_bot(model, tmp_path / "bot").folder)
    np.testing.assert_allclose(
        bot.predict_proba(["a red", "blue"]), model.predict_proba(["a red", "blue"]), atol=0.01
    )


# The evaluator


@pytest.fixture(scope="module")
def colours() -> Dataset:
    texts = [f"{shade} {colour}" for colour in ("red", "blue", "green") for shade in "abcdefgh"]
    return Dataset.from_texts(texts, [text.split()[1] for text in texts], name="colours")


def test_episodes_of_a_head_object(words: TextEncoder, colours: Dataset) -> None:
    table = EpisodeTable.sample(colours, way=2, shot=2, query=2, episodes=8, seed=0)
    batched = evaluate(NearestMean(1.5), colours, table, encoder=words)
    alone = evaluate(NearestMean(1.5), colours, table, encoder=words, one_by_one=True)
    assert batched.method == "NearestMean"
    assert batched.settings["power"] == 1.5
    assert batched.settings["encoder"] == "words"
    assert batched.accuracy.value == alone.accuracy.value == 1
    by_name = evaluate("proto", colours, table, encoder=words)
    assert evaluate(ProtoHead(), colours, table, encoder=words).accuracy == by_name.accuracy
    method = build_method("ridge", words)
    assert evaluate(method, colours, table).settings["encoder"] == "words"


def test_evaluating_says_what_does_not_fit(words: TextEncoder, colours: Dataset) -> None:
    table = EpisodeTable.sample(colours, way=2, shot=2, query=2, episodes=2, seed=0)
    with pytest.raises(OptionError, match="encoder: a MethodSpec already names its encoder"):
        evaluate(MethodSpec("proto", "embedded:en"), colours, table, encoder=words)
    with pytest.raises(OptionError, match="workers=2: worker processes load the encoder by name"):
        evaluate(NearestMean(), colours, table, encoder=words, one_by_one=True, workers=2)


# Encoders and corpora


def test_a_sentence_transformer(english: TextEncoder) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(locate("embedded:en")), device="cpu")
    classifier = FewShotClassifier("proto", model).fit(COLOURS, NAMES)
    assert classifier.encoder_.fingerprint == english.fingerprint
    with torch.no_grad():
        next(model.parameters()).add_(0.1)
    with pytest.raises(ModelError, match=r"is not what lies in .* Save it with save_pretrained"):
        FewShotClassifier("proto", model).fit(COLOURS, NAMES)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The folder of a tiny model."""
    config = BertConfig(
        vocab_size=9,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
    )
    return save_model(tmp_path / "tiny", config, ["red", "blue", "红", "蓝"])


def test_a_sentence_transformer_is_saved_and_sent_by_its_folder(tiny: Path) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(tiny), device="cpu")
    classifier = FewShotClassifier("linear", model).fit(["red 红", "blue 蓝"], ["red", "blue"])
    expected = classifier.predict_proba(["红", "blue"])
    loaded = FewShotClassifier.load(classifier.save(tiny.parent / "bot"))
    assert loaded.encoder == str(tiny)
    np.testing.assert_array_equal(loaded.predict_proba(["红", "blue"]), expected)
    sent = pickle.dumps(classifier)
    assert len(sent) < 10_000  # without the weights, which take 80 kB
    np.testing.assert_array_equal(pickle.loads(sent).predict_proba(["红", "blue"]), expected)


def test_a_sentence_transformer_without_a_folder(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sentence_transformers import SentenceTransformer

    def refused(match: str) -> None:
        with pytest.raises(ModelError, match=match + r".* Save it with save_pretrained\(FOLDER\)"):
            FewShotClassifier("linear", model).fit(["red", "blue"], ["red", "blue"])

    monkeypatch.chdir(tmp_path)
    model = SentenceTransformer("./tiny", device="cpu")
    monkeypatch.chdir("/")
    refused(r"cannot be read again from '\./tiny'")
    model[0].auto_model.config._name_or_path = ""
    refused("does not say where it lies")


def test_an_entry_is_a_source_of_data(tmp_path: Path) -> None:
    (tmp_path / "toy.csv").write_text("text,label\na red,red\na blue,blue\n")
    entry = Entry("toy", "colours", "en", "sample", {"train": "toy.csv"}, root=tmp_path)
    assert load_dataset(entry).labels == ("blue", "red")
    assert "toy" not in CATALOGUE
