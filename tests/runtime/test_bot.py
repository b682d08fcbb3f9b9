"""A bot answers as its classifier does, and needs no torch."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fsl_nlp import Dataset, Example, FewShotClassifier, TextEncoder
from fsl_nlp.editing.versions import Recipe, Version
from fsl_nlp.encoders import load_encoder
from fsl_nlp.encoders.catalogue import locate
from fsl_nlp.errors import ArtifactError, DataError, ModelError, OptionError
from fsl_nlp.export import export_bot
from fsl_nlp.heads import HEADS, head_class
from fsl_nlp.heads.learned import LearnedHead
from fsl_nlp.methods import build_method
from fsl_nlp.methods.base import Classifier
from fsl_nlp.runtime import Bot
from fsl_nlp.runtime.bot import NeedsTorchError
from fsl_nlp.runtime.graph import FORMAT, INFO, MODEL, TOKENIZER, WEIGHTS

ENGLISH = {
    "track": ["where is my parcel", "has my order been sent", "when will it be delivered"],
    "refund": ["I want my money back", "refund me please", "the refund has not arrived"],
    "log_in": ["I forgot my password", "I cannot sign in", "my account is locked"],
}
CHINESE = {
    "查询物流": ["我的包裹到哪了", "快递怎么还没到", "订单发货了吗"],
    "退货": ["我要退货", "怎么退款", "把钱退给我"],
}
QUESTIONS = ["is my package on its way?", "give me the money", "密码忘了怎么办", "?", "a " * 300]

SERVING = [name for name in HEADS if not head_class(name).transductive]
TRAINED = [name for name in SERVING if issubclass(head_class(name), LearnedHead)]
PLAIN = [name for name in SERVING if name not in TRAINED]
TUNED = ["lora", "full", "bitfit", "head", "contrastive"]


@pytest.fixture(scope="session")
def exact(english: TextEncoder) -> TextEncoder:
    """In fp32: bf16, which large batches may be read in, rounds more than is asked for here."""
    return load_encoder("embedded:en", precision="fp32")


@pytest.fixture(scope="session")
def exact_multilingual(multilingual: TextEncoder) -> TextEncoder:
    return load_encoder("embedded:multilingual", precision="fp32")


@pytest.fixture(scope="session")
def small(multilingual: TextEncoder, tmp_path_factory: pytest.TempPathFactory) -> TextEncoder:
    """The three lowest layers of the multilingual encoder, with the pieces that these tests use.

    It reads both languages, and its graph is made in a moment.
    """
    from transformers import BertModel

    source, folder = locate(multilingual.name), tmp_path_factory.mktemp("small") / "encoder"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    settings = json.loads((source / TOKENIZER).read_text("utf-8"))
    texts = [
        t
        for texts_by_label in (ENGLISH, CHINESE)
        for group in texts_by_label.values()
        for t in group
    ]
    characters = {*"▁abcdefghijklmnopqrstuvwxyz?，", *"".join([*texts, *QUESTIONS])}
    added = [token["id"] for token in settings["added_tokens"]]
    kept_ids = [
        i
        for i, (piece, _) in enumerate(settings["model"]["vocab"])
        if i in added or (len(piece) <= 4 and characters.issuperset(piece))
    ]
    settings["model"]["vocab"] = [settings["model"]["vocab"][i] for i in kept_ids]
    for token in settings["added_tokens"]:
        token["id"] = kept_ids.index(token["id"])
    (folder / TOKENIZER).write_text(json.dumps(settings), "utf-8")
    model = BertModel.from_pretrained(source)
    model.encoder.layer = model.encoder.layer[:3]
    words = model.embeddings.word_embeddings.weight.detach()[kept_ids]
    model.embeddings.word_embeddings = torch.nn.Embedding.from_pretrained(words, padding_idx=1)
    model.config.update({"num_hidden_layers": 3, "vocab_size": len(kept_ids)})
    model.save_pretrained(folder)
    return TextEncoder(str(folder), device="cpu", precision="fp32")


def fitted(
    encoder: TextEncoder,
    method: str,
    texts_by_label: dict[str, list[str]] = ENGLISH,
    **options: Any,
) -> FewShotClassifier:
    texts = [text for group in texts_by_label.values() for text in group]
    labels = [label for label, group in texts_by_label.items() for _ in group]
    return FewShotClassifier(method, encoder, **options).fit(texts, labels)


def assert_equal_answers(
    bot: Bot, classifier: FewShotClassifier, questions: Sequence[Any] = QUESTIONS
) -> None:
    """One by one, together, and with all that an answer holds."""
    expected = classifier.predict_proba(list(questions))
    np.testing.assert_allclose(bot.predict_proba(list(questions)), expected, atol=1e-5)
    vectors = bot.embed(list(questions))
    np.testing.assert_allclose(vectors, classifier.embed(list(questions)), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert bot.predict(list(questions)).tolist() == classifier.predict(list(questions)).tolist()
    assert bot.classes_.tolist() == classifier.classes_.tolist()
    for question in questions[:3]:
        ours, theirs = (c.classify(question, top_k=2, nearest=2) for c in (bot, classifier))
        assert (ours.label, ours.reason) == (theirs.label, theirs.reason)
        assert ours.model_version == theirs.model_version
        assert ours.confidence == pytest.approx(theirs.confidence, abs=1e-5)
        assert ours.margin == pytest.approx(theirs.margin, abs=2e-5)
        assert [a.label for a in ours.alternatives] == [a.label for a in theirs.alternatives]
        assert [n.text for n in ours.nearest] == [n.text for n in theirs.nearest]
        similar = [n.similarity for n in theirs.nearest]
        assert [n.similarity for n in ours.nearest] == pytest.approx(similar, abs=1e-5)


@pytest.fixture(scope="session")
def shop_bot(exact: TextEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported folder that tests only read."""
    folder = tmp_path_factory.mktemp("exported") / "bot"
    return export_bot(fitted(exact, "linear"), folder).folder


# --- as the classifier does ---------------------------------------------------------------------


@pytest.mark.parametrize("method", PLAIN)
def test_frozen_methods(method: str, exact: TextEncoder, tmp_path: Path) -> None:
    classifier = fitted(exact, method)
    exported = export_bot(classifier, tmp_path / "bot")
    assert (exported.changed, exported.examples) == (0, 9)
    assert exported.least_cosine == pytest.approx(1, abs=1e-5)
    assert_equal_answers(Bot.load(exported.folder), classifier)


@pytest.mark.parametrize("method", [*TRAINED, "anil", "protomaml"])
@pytest.mark.slow
def test_methods_that_learned_from_source_classes(
    method: str, small: TextEncoder, tmp_path: Path
) -> None:
    texts = [f"{verb} the {noun}" for verb in VERBS for noun in NOUNS]
    source = Dataset.from_texts(texts, [text.split()[0] for text in texts])
    options = {"meta_steps": 2} if method not in TRAINED else {}
    built = build_method(method, small, options=options).prepare(source, way=3, shot=3, query=2)
    support = Dataset.from_texts([t for g in ENGLISH.values() for t in g], list("aaabbbccc"))
    classifier = FewShotClassifier(method, small, **options)
    recipe = Recipe(method, built, small)
    classifier._version = Version(recipe, built.fit(support), support, "0" * 12)
    exported = export_bot(classifier, tmp_path / "bot")
    assert_equal_answers(Bot.load(exported.folder), classifier)


VERBS = ("buy", "sell", "eat", "lose", "wash", "paint", "lift", "see")
NOUNS = ("apple", "boat", "car", "dress", "egg", "flat")


@pytest.mark.slow
def test_a_tuned_copy_of_the_embedded_encoder(exact: TextEncoder, tmp_path: Path) -> None:
    classifier = fitted(exact, "lora", epochs=2)
    exported = export_bot(classifier, tmp_path / "bot")
    assert_equal_answers(Bot.load(exported.folder), classifier)


@pytest.mark.parametrize("texts_by_label", [ENGLISH, CHINESE], ids=["English", "Chinese"])
@pytest.mark.parametrize("method", TUNED)
@pytest.mark.slow
def test_tuned_methods(
    method: str, texts_by_label: dict[str, list[str]], small: TextEncoder, tmp_path: Path
) -> None:
    options = {"dora": True} if method == "lora" else {}
    classifier = fitted(small, method, texts_by_label, epochs=2, **options)
    exported = export_bot(classifier, tmp_path / "bot")
    assert_equal_answers(Bot.load(exported.folder), classifier)


@pytest.mark.slow
def test_chinese(exact_multilingual: TextEncoder, tmp_path: Path) -> None:
    classifier = fitted(exact_multilingual, "linear", CHINESE)
    exported = export_bot(classifier, tmp_path / "bot")
    questions = ["我的快递呢", "how do I return it", "退款要多久？", "，", "查" * 600]
    assert_equal_answers(Bot.load(exported.folder), classifier, questions)


PAIRS = [
    Example("where is it", text_b="where is my parcel"),
    Example("where is it", text_b="cancel my order"),
    Example("send it back", text_b="return the goods"),
    Example("send it back", text_b="what is the weather"),
]


@pytest.mark.parametrize("method", ["linear", "lora"])
def test_pairs_of_texts(method: str, small: TextEncoder, tmp_path: Path) -> None:
    options = {"epochs": 1} if method == "lora" else {}
    classifier = FewShotClassifier(method, small, **options).fit(PAIRS, [1, 0, 1, 0])
    bot = Bot.load(export_bot(classifier, tmp_path / "bot").folder)
    questions = [Example("hello", text_b="good day"), Example("refund me", text_b="open the door")]
    assert_equal_answers(bot, classifier, questions)


def test_sentences_with_mentions(exact: TextEncoder, tmp_path: Path) -> None:
    texts = [
        "Ada was born in London.",
        "Kurt was born in Brno.",
        "Intel makes chips.",
        "BMW makes cars.",
    ]
    spans = [((0, 3), (16, 22)), ((0, 4), (17, 21)), ((0, 5), (12, 17)), ((0, 3), (10, 14))]
    examples = [Example(t, head=h, tail=e) for t, (h, e) in zip(texts, spans, strict=True)]
    classifier = FewShotClassifier("proto", exact).fit(examples, ["born", "born", "makes", "makes"])
    bot = Bot.load(export_bot(classifier, tmp_path / "bot").folder)
    questions = [
        Example("Alan was born in Maida Vale.", head=(0, 4), tail=(17, 27)),
        Example(f"{'well, ' * 300}Nokia makes boots.", head=(1800, 1805), tail=(1812, 1817)),
        Example("ab", head=(0, 1), tail=(1, 2)),
    ]
    assert_equal_answers(bot, classifier, questions)
    with pytest.raises(DataError, match=r"is a single text, .* on texts with marked mentions"):
        bot.classify("Alan was born")


def test_examples_with_candidates(exact: TextEncoder, tmp_path: Path) -> None:
    examples = [
        Example("the sky is [?]", candidates=("blue", "loud")),
        Example("we drink [?]", candidates=("stones", "water")),
    ]
    classifier = FewShotClassifier("proto", exact, blank="[?]").fit(examples, [0, 1])
    bot = Bot.load(export_bot(classifier, tmp_path / "bot").folder)
    questions = [Example("cats eat [?]", candidates=("fish", "roads"))]
    assert_equal_answers(bot, classifier, questions)


@pytest.mark.slow
def test_two_methods_with_two_encoders(
    exact: TextEncoder, multilingual: Any, tmp_path: Path
) -> None:
    classifier = fitted(exact, "together", members="linear, proto@embedded:multilingual")
    bot = Bot.load(export_bot(classifier, tmp_path / "bot").folder)
    ours = bot.predict_proba(QUESTIONS[:2])
    # The second encoder computes in what suits this processor.
    np.testing.assert_allclose(ours, classifier.predict_proba(QUESTIONS[:2]), atol=5e-3)


def test_a_classifier_saved_and_not_exported_answers_without_torch_too(
    exact: TextEncoder, tmp_path: Path
) -> None:
    classifier = fitted(exact, "linear")
    folder = classifier.save(tmp_path / "bot")
    assert_equal_answers(Bot.load(folder), classifier)


class Alone(Classifier):
    """What another package may bring: it says nothing of parts."""

    labels = ("a", "b")

    def scores(self, examples: Sequence[Example]) -> Any:
        return np.zeros((len(examples), 2), np.float32)

    def embed(self, examples: Sequence[Example]) -> Any:
        return np.ones((len(examples), 3), np.float32)

    def state(self) -> Any:
        return {}, {}


def test_what_needs_torch_says_so(exact: TextEncoder, words: TextEncoder, tmp_path: Path) -> None:
    classifier = FewShotClassifier("proto", exact)
    recipe = Recipe("proto", build_method("proto", exact), exact)
    classifier._version = Version(recipe, Alone(), Dataset((), ("a", "b")), "0" * 12)
    with pytest.raises(ModelError, match=r"cannot answer without torch\. Frozen and tuned methods"):
        export_bot(classifier, tmp_path / "alone")
    assert list(tmp_path.iterdir()) == []
    without = fitted(words, "proto").save(tmp_path / "words")
    with pytest.raises(NeedsTorchError, match="no scorer"):
        Bot.load(without)


# --- as one who uses it -------------------------------------------------------------------------

WITHOUT_TORCH = """
import sys
BARRED = {"torch", "transformers", "sklearn", "sentence_transformers", "scipy", "peft", "onnx",
          "datasets", "accelerate", "pandas", "typer", "rich", "tqdm", "pydantic"}
class Bar:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BARRED:
            raise ImportError(f"{name} is not installed")
sys.meta_path.insert(0, Bar())
from fsl_nlp.runtime import Bot
bot = Bot.load(sys.argv[1])
answer = bot.classify("where is my parcel", nearest=1)
assert not BARRED & {name.split(".")[0] for name in sys.modules}
print(answer.label, answer.nearest[0].text, len(list(bot.stream(f"text {i}" for i in range(3000)))))
"""


@pytest.mark.slow
def test_nothing_but_four_packages_is_needed(shop_bot: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(shop_bot)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("track where is my parcel 3000\n", "")


def test_the_folder_is_all_there_is(shop_bot: Path, tmp_path: Path) -> None:
    """It is copied to a machine with an empty cache, for someone who cannot write there."""
    copied = shutil.copytree(shop_bot, tmp_path / "elsewhere")
    for path in [*copied.rglob("*"), copied]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FSL_NLP_CACHE", str(tmp_path / "no cache"))
        assert Bot.load(copied).classify("where is my parcel").label == "track"
    assert not (tmp_path / "no cache").exists()
    for path in [copied, *(p for p in copied.rglob("*") if p.is_dir())]:
        path.chmod(0o700)


def test_a_stream_is_read_as_it_comes(shop_bot: Path) -> None:
    taken: list[int] = []

    def texts() -> Any:
        for i in range(5000):
            taken.append(i)
            yield "where is my parcel" if i % 2 else " "

    answers = Bot.load(shop_bot).stream(texts())
    assert next(answers).reason == "empty"
    assert next(answers).label == "track"
    assert len(taken) <= 1024
    with pytest.raises(DataError, match="use classify"):
        Bot.load(shop_bot).stream("one text")
    with pytest.raises(DataError, match=r"texts\[1500\] must be a string"):
        list(Bot.load(shop_bot).stream([*["a"] * 1500, 3]))


def test_threads_share_a_bot(shop_bot: Path) -> None:
    bot = Bot.load(shop_bot)
    expected = bot.predict_proba(QUESTIONS)
    failures: list[str] = []

    def ask() -> None:
        for i in range(20):
            row = bot.predict_proba([QUESTIONS[i % 5]])[0]
            if np.abs(row - expected[i % 5]).max() > 1e-5:
                failures.append(QUESTIONS[i % 5])

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_examples_can_stay_at_home(exact: TextEncoder, tmp_path: Path) -> None:
    folder = export_bot(fitted(exact, "linear"), tmp_path / "bot", store_examples=False).folder
    bot = Bot.load(folder)
    assert bot.classify("where is my parcel").label == "track"
    with pytest.raises(DataError, match="no training examples to show"):
        bot.classify("where is my parcel", nearest=1)
    content = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    assert b"where is my parcel" not in content


def test_a_damaged_graph_in_the_cache_calls_for_torch(
    exact: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = fitted(exact, "linear").save(tmp_path / "bot")
    monkeypatch.setenv("FSL_NLP_CACHE", str(tmp_path / "cache"))
    with pytest.raises(NeedsTorchError, match="not in the cache, or is damaged"):
        Bot.load(saved)


def test_a_classifier_in_int8_is_saved_as_one(tmp_path: Path, english: TextEncoder) -> None:
    rough = load_encoder("embedded:en", precision="int8")
    classifier = fitted(rough, "linear")
    folder = classifier.save(tmp_path / "bot")
    assert FewShotClassifier.load(folder).encoder_.precision == "int8"
    # Its scales come from all that is read together, so that a vector depends on its neighbours.
    expected = classifier.predict_proba(QUESTIONS[:1])
    np.testing.assert_allclose(Bot.load(folder).predict_proba(QUESTIONS[:1]), expected, atol=1e-5)
    exported = export_bot(classifier, tmp_path / "exported", precision="int8")
    assert exported.least_cosine == pytest.approx(1, abs=0.02)
    with pytest.raises(OptionError, match="export it with int8"):
        export_bot(classifier, tmp_path / "fp32")


@pytest.mark.parametrize(
    "edit",
    [
        {"format": FORMAT + 1, "opset": 18},
        {"files": []},
        {"files": {}},
        {"files": {MODEL: {}}},
        {"pooling": {}},
        {"pooling": {"prefix": "", "max_length": 4}},
        {"inputs": 3},
        {"kind": "mentions"},
    ],
    ids=str,
)
@pytest.mark.slow
def test_an_edited_graph_in_the_cache_is_not_believed(
    edit: dict[str, Any], small: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FSL_NLP_CACHE", str(tmp_path / "cache"))
    encoder = TextEncoder(small.name, device="cpu", precision="fp32")
    saved = fitted(encoder, "linear").save(tmp_path / "bot")
    expected = Bot.load(saved).predict_proba(["refund me"])
    (path,) = (tmp_path / "cache" / "graphs").glob(f"*/{INFO}")
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **edit}), "utf-8")
    with pytest.raises(NeedsTorchError):
        Bot.load(saved)
    again = TextEncoder(small.name, device="cpu", precision="fp32")
    again.encode("refund me")  # makes it again
    np.testing.assert_allclose(Bot.load(saved).predict_proba(["refund me"]), expected, atol=1e-6)


def test_saving_tuned_classifiers_leaves_nothing_in_the_encoder(
    small: TextEncoder, tmp_path: Path
) -> None:
    small.encode("a")
    before = len(small._graphs)
    for seed in (1, 2):
        fitted(small, "full", epochs=1, seed=seed).save(tmp_path / str(seed))
    assert len(small._graphs) == before


def test_members_with_one_encoder_share_its_graph(small: TextEncoder, tmp_path: Path) -> None:
    classifier = fitted(small, "together", members="linear, proto, knn")
    folder = export_bot(classifier, tmp_path / "bot").folder
    assert [path.name for path in folder.glob("encoder-*")] == ["encoder-0"]
    assert_equal_answers(Bot.load(folder), classifier, QUESTIONS[:3])


def test_wrong_arguments(shop_bot: Path) -> None:
    for threads in (0, -1, "2", 2.5):
        with pytest.raises(OptionError, match="threads="):
            Bot.load(shop_bot, threads=threads)  # type: ignore[arg-type]
    bot = Bot.load(shop_bot, threads=1)
    for wrong in ({"top_k": 1.5}, {"top_k": 0}, {"nearest": "x"}, {"nearest": -1}):
        with pytest.raises(OptionError, match="must be a whole number"):
            bot.classify("hello", **wrong)  # type: ignore[call-overload]
        with pytest.raises(OptionError, match="must be a whole number"):
            bot.stream(["hello"], **wrong)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="must be an iterable of texts"):
        bot.stream(None)  # type: ignore[arg-type]


def test_other_users_may_read_it(shop_bot: Path) -> None:
    modes = {path.stat().st_mode & 0o777 for path in (shop_bot / "encoder-0").iterdir()}
    assert len(modes) == 1


def test_the_classifier_can_be_loaded_from_it_too(shop_bot: Path) -> None:
    loaded = FewShotClassifier.load(shop_bot)
    assert loaded.classify("where is my parcel").label == "track"


def test_bad_questions_are_refused_as_the_classifier_refuses_them(
    shop_bot: Path, exact: TextEncoder
) -> None:
    bot, classifier = Bot.load(shop_bot), fitted(exact, "linear")
    for question in (None, 3, [3], ["a", None], Example("a", text_b="b"), "half \ud83d"):
        messages = []
        for answering in (bot, classifier):
            with pytest.raises(DataError) as caught:
                answering.classify(question)  # type: ignore[call-overload]
            messages.append(str(caught.value))
        assert messages[0] == messages[1]
    for answering in (bot, classifier):
        assert answering.classify("\x00").reason != "empty"
        assert answering.classify(["", " \n"])[1].reason == "empty"
        assert answering.classify([]) == []


# --- int8 and pruning ---------------------------------------------------------------------------


@pytest.mark.slow
def test_int8_is_smaller_and_says_what_it_changes(exact: TextEncoder, tmp_path: Path) -> None:
    classifier = fitted(exact, "linear")
    whole = export_bot(classifier, tmp_path / "fp32")
    small = export_bot(classifier, tmp_path / "int8", precision="int8", max_changed=0.2)
    assert small.megabytes < 0.3 * whole.megabytes
    assert small.least_cosine is not None
    assert 0.9 < small.least_cosine < 0.99999
    assert small.changed <= 1
    bot = Bot.load(small.folder)
    answers = bot.predict_proba(QUESTIONS[:3])
    np.testing.assert_allclose(answers, classifier.predict_proba(QUESTIONS[:3]), atol=0.15)
    assert (answers != classifier.predict_proba(QUESTIONS[:3])).any()
    assert small.to_dict()["precision"] == "int8"
    alone = np.concatenate([bot.predict_proba([question]) for question in QUESTIONS])
    np.testing.assert_allclose(bot.predict_proba(QUESTIONS), alone, atol=1e-4)


def test_int8_that_changes_too_much_is_refused(
    exact: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = fitted(exact, "linear")
    scores = classifier.classifier_.scores

    def other_answers(examples: Sequence[Example]) -> Any:
        return -scores(examples)

    class Other:
        labels, inputs, runtime_parts, embed = (
            classifier.classifier_.labels,
            classifier.classifier_.inputs,
            classifier.classifier_.runtime_parts,
            classifier.classifier_.embed,
        )
        scores = staticmethod(other_answers)

    version = replace(classifier.version_, classifier=Other())
    monkeypatch.setattr(classifier, "_version", version)
    with pytest.raises(ArtifactError, match=r"In int8, 9 of 9 answers .* \(--max-changed 1.00\)"):
        export_bot(classifier, tmp_path / "bot", precision="int8")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_int8_without_examples_needs_consent(exact: TextEncoder, tmp_path: Path) -> None:
    saved = fitted(exact, "linear").save(tmp_path / "saved", store_examples=False)
    classifier = FewShotClassifier.load(saved, encoder=exact)
    with pytest.raises(ArtifactError, match="Without training examples"):
        export_bot(classifier, tmp_path / "bot", precision="int8")
    folder = export_bot(classifier, tmp_path / "bot", precision="int8", max_changed=1).folder
    assert Bot.load(folder).classify("where is my parcel").label == "track"


@pytest.mark.slow
def test_other_scripts_can_be_left_out(exact_multilingual: TextEncoder, tmp_path: Path) -> None:
    classifier = fitted(exact_multilingual, "linear", CHINESE)
    pruned = export_bot(classifier, tmp_path / "bot", scripts=("latin", "han"))
    assert any("cyrillic" in words for words in pruned.dropped)
    assert pruned.megabytes < 400
    bot = Bot.load(pruned.folder)
    questions = [
        "我的快递呢？ 3.5kg",
        "où est mon colis ?",
        "退款 refund ＡＢＣ 🙂",
        "請問",
        "１２３",
    ]
    assert_equal_answers(bot, classifier, questions)
    # What is left out is unknown, and answered all the same.
    assert bot.predict(["Где моя посылка?"])[0] in classifier.classes_
    info = json.loads((pruned.folder / "encoder-0" / INFO).read_text("utf-8"))
    assert info["pruned"] == "han latin"
    with pytest.raises(OptionError, match="no pieces in 'klingon'"):
        export_bot(classifier, tmp_path / "other", scripts=("klingon",))
    with pytest.raises(OptionError, match=r"'latn'\. Did you mean latin"):
        export_bot(classifier, tmp_path / "other", scripts=("latn",))


def test_only_unigram_tokenizers_are_pruned(exact: TextEncoder, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="has no scripts to leave out"):
        export_bot(fitted(exact, "linear"), tmp_path / "bot", scripts=("latin",))


def test_wrong_settings(exact: TextEncoder, tmp_path: Path) -> None:
    classifier = fitted(exact, "linear")
    (tmp_path / "there").mkdir()
    with pytest.raises(ArtifactError, match=r"exists\. Give a new folder"):
        export_bot(classifier, tmp_path / "there")
    with pytest.raises(OptionError, match="precision='int4'"):
        export_bot(classifier, tmp_path / "bot", precision="int4")
    with pytest.raises(OptionError, match="max_changed=2"):
        export_bot(classifier, tmp_path / "bot", max_changed=2)


# --- damage -------------------------------------------------------------------------------------


@pytest.fixture
def damaged(shop_bot: Path, tmp_path: Path) -> Path:
    return shutil.copytree(shop_bot, tmp_path / "damaged")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
@pytest.mark.parametrize("name", [MODEL, WEIGHTS, TOKENIZER, INFO])
def test_a_damaged_encoder_is_refused(
    name: str, damage: Callable[[Path], None], damaged: Path
) -> None:
    damage(damaged / "encoder-0" / name)
    with pytest.raises(ArtifactError, match=r"altered|cannot be read|missing"):
        Bot.load(damaged)


@pytest.mark.parametrize("pattern", ["scorer-*.onnx", "tensors-*", "examples-*"])
def test_a_damaged_file_is_refused(pattern: str, damaged: Path) -> None:
    (path,) = damaged.glob(pattern)
    flip(path)
    with pytest.raises(ArtifactError, match="altered"):
        Bot.load(damaged)


def test_a_scorer_of_an_unknown_version_is_refused(damaged: Path, edit_manifest: Any) -> None:
    """As a newer exporter might write: the sums are right and the content is not understood."""
    (path,) = damaged.glob("scorer-*.onnx")
    path.write_bytes(b"\x08\x63" + path.read_bytes()[2:])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    edit_manifest(damaged, lambda m: m["files"]["scorer-0"].update(sha256=digest))
    with pytest.raises(ArtifactError, match="upgrade onnxruntime"):
        Bot.load(damaged)


def test_a_bot_that_answers_otherwise_is_refused(damaged: Path, edit_manifest: Any) -> None:
    """Other labels in the manifest's sum are right, and the scorer is another's."""
    from safetensors.numpy import load_file, save

    (path,) = damaged.glob("tensors-*")
    tensors = load_file(path)
    name = "runtime.self_test.probabilities"
    tensors[name] = tensors[name][::-1].copy()
    content = save(tensors)
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    edit_manifest(damaged, lambda m: m["files"]["tensors"].update(sha256=digest))
    with pytest.raises(ArtifactError, match="does not answer as it did"):
        Bot.load(damaged)


def test_without_onnxruntime_a_bot_names_the_package(
    shop_bot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match="pip install onnxruntime"):
        Bot.load(shop_bot)


def test_a_bot_says_that_a_text_was_cut(shop_bot: Path) -> None:
    answers = Bot.load(shop_bot, threads=1).classify(["my parcel", "my parcel " * 300, " "])
    assert [answer.truncated for answer in answers] == [False, True, False]
