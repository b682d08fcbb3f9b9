"""zero-shot, prompt, p-tuning, pet and efl: what they learn, what they keep, what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fsl_nlp import Dataset, FewShotClassifier, TextEncoder
from fsl_nlp.errors import ArtifactError, DataError, ModelError, OptionError
from fsl_nlp.methods import build_method
from fsl_nlp.methods.frozen.method import FrozenMethod
from fsl_nlp.methods.prompted.classifier import PromptClassifier
from fsl_nlp.methods.prompted.efl import default_statement
from fsl_nlp.methods.prompted.method import PromptMethod
from fsl_nlp.methods.prompted.pet import PetClassifier
from fsl_nlp.methods.prompted.prompt import default_templates
from fsl_nlp.prompts import load_masked_net
from fsl_nlp.training import checkpoint
from fsl_nlp.training.checkpoint import checkpoints
from fsl_nlp.training.trainer import Trainer
from fsl_nlp.types import Example, LabelInfo, Task

FIRST = ["快递", "新闻", "体育", "订单", "财经", "我的", "四面", "八方"]
WORDS = {"good": "满意", "bad": "退款"}


def reviews(count: int, seed: int) -> Dataset:
    """Says 很好 or 不好 twice, somewhere."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for i in range(count):
        label = ("good", "bad")[i % 2]
        words = rng.choice(FIRST, 2).tolist()
        for _ in range(2):
            words.insert(int(rng.integers(3)), {"good": "很很", "bad": "不不"}[label])
        texts.append("".join(words))
        labels.append(label)
    return Dataset.from_texts(texts, labels)


SUPPORT, QUERY = reviews(24, 0), reviews(60, 1)
UNLABELLED = Dataset(
    SUPPORT.examples + tuple(Example(text) for text in reviews(40, 2).texts), SUPPORT.labels
)
TEMPLATE = {"template": "{text}这[MASK]。", "words": WORDS}
# Random weights need larger steps than pretrained ones.
QUICK = {"epochs": 25, "patience": 30, "learning_rate": 1e-2, "targets": "all"}


@pytest.fixture(scope="module")
def bert(masked: Callable[[str], TextEncoder]) -> TextEncoder:
    return masked("bert")


def accuracy(classifier: Any, query: Dataset = QUERY) -> float:
    best = classifier.scores(query.examples).argmax(1)
    hits = [classifier.labels[i] == t for i, t in zip(best, query.targets, strict=True)]
    return float(np.mean(hits))


def fit(name: str, encoder: TextEncoder, support: Dataset = SUPPORT, **options: Any) -> Any:
    return build_method(name, encoder, options=options).fit(support)


# Asking


def test_zero_shot_is_the_mean_of_a_labels_words(bert: TextEncoder) -> None:
    words = {"good": ["好", "满意"], "bad": ["不", "退款"]}
    options = {"template": TEMPLATE["template"], "temperature": 1.0}
    classifier = fit("zero-shot", bert, words=words, **options)
    both = classifier.scores(QUERY.examples)
    parts = [
        fit("zero-shot", bert, words=w, **options).scores(QUERY.examples)
        for w in ({"good": "好", "bad": "不"}, {"good": "满意", "bad": "退款"})
    ]
    # Alone, the words of one length are scored up to a constant of each text.
    gaps = [(p[:, 0] - p[:, 1]) for p in parts]
    np.testing.assert_allclose(both[:, 0] - both[:, 1], np.mean(gaps, 0), atol=1e-4)


def test_zero_shot_needs_no_examples(bert: TextEncoder) -> None:
    empty = Dataset((), ("bad", "good"), {k: LabelInfo(words=(w,)) for k, w in WORDS.items()})
    classifier = fit("zero-shot", bert, empty, template=TEMPLATE["template"])
    np.testing.assert_allclose(
        classifier.scores(QUERY.examples),
        fit("zero-shot", bert, **TEMPLATE, temperature=1.0).scores(QUERY.examples),
        atol=1e-6,
    )
    with pytest.raises(DataError, match="learns from examples, and there are none"):
        fit("prompt", bert, empty, template=TEMPLATE["template"])


def test_words_alone_are_enough_for_zero_shot(bert: TextEncoder) -> None:
    classifier = FewShotClassifier("zero-shot", bert, **TEMPLATE).fit([], [])
    assert classifier.classes_.tolist() == ["bad", "good"]
    same = FewShotClassifier("zero-shot", bert, **TEMPLATE, temperature=1.0).fit(
        ["很好"], ["good"], descriptions={"bad": "不好"}
    )
    np.testing.assert_allclose(
        classifier.predict_proba(QUERY.texts), same.predict_proba(QUERY.texts), atol=1e-6
    )
    with pytest.raises(DataError, match="There is nothing to learn from"):
        FewShotClassifier("zero-shot", bert).fit([], [])
    with pytest.raises(DataError, match="learns from examples, and there are none"):
        FewShotClassifier("prompt", bert, **TEMPLATE).fit([], [])


def test_the_words_choose_the_language_of_the_template(bert: TextEncoder) -> None:
    classifier = FewShotClassifier("zero-shot", bert, words=WORDS).fit([], [])
    assert "这是关于[MASK]的" in classifier.classifier_.state()[1]["template"]


def test_calibration_takes_away_what_words_score_anyway(bert: TextEncoder) -> None:
    raw = {**TEMPLATE, "temperature": 1.0}
    plain = fit("zero-shot", bert, **raw).scores(SUPPORT.examples)
    probabilities = np.exp(plain) / np.exp(plain).sum(1, keepdims=True)
    classifier = fit("zero-shot", bert, **raw, calibration="texts")
    np.testing.assert_allclose(
        classifier.scores(SUPPORT.examples), plain - np.log(probabilities.mean(0)), atol=1e-4
    )
    neutral = [Example(text) for text in ("。", "无", "N/A", "...")]
    nothing = fit("zero-shot", bert, **raw).scores(neutral)
    prior = np.log((np.exp(nothing) / np.exp(nothing).sum(1, keepdims=True)).mean(0))
    contextual = fit("zero-shot", bert, **raw, calibration="contextual")
    np.testing.assert_allclose(contextual.scores(SUPPORT.examples), plain - prior, atol=1e-4)


def test_prototypes_are_the_means_of_the_masks_states(bert: TextEncoder) -> None:
    classifier = fit("zero-shot", bert, **TEMPLATE, verbalizer="prototype")
    states = classifier.embed(SUPPORT.examples)
    states /= np.linalg.norm(states, axis=1, keepdims=True)
    for row, label in zip(classifier.vectors.numpy(), classifier.labels, strict=True):
        mean = states[[t == label for t in SUPPORT.targets]].mean(0)
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-5)


def test_searched_words_have_the_largest_likelihood_ratio(bert: TextEncoder) -> None:
    classifier = fit(
        "zero-shot", bert, template=TEMPLATE["template"], verbalizer="search", searched=2
    )
    net, mask = load_masked_net(bert), bert.tokenizer.mask_token_id
    log_probabilities = []
    for text in SUPPORT.texts:
        inputs = bert.tokenizer(f"{text}这[MASK]。", return_tensors="pt")
        features = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        position = (inputs["input_ids"] == mask).nonzero()[:, 1:]
        with torch.inference_mode():
            log_probabilities.append(
                net.logits(net(features, position))[0, 0].log_softmax(-1).numpy()
            )
    is_good = np.array([label == "good" for label in SUPPORT.targets])
    ratio = np.mean(np.array(log_probabilities)[is_good], 0) - np.mean(
        np.array(log_probabilities)[~is_good], 0
    )
    names = bert.tokenizer.convert_ids_to_tokens(list(range(len(ratio))))
    usable = [i for i, name in enumerate(names) if name.isalnum()]
    best = sorted(usable, key=lambda i: ratio[i])
    assert classifier.labels == ("bad", "good")
    assert set(classifier.spec.words[0]) == {names[i] for i in best[:2]}
    assert set(classifier.spec.words[1]) == {names[i] for i in best[-2:]}


def test_candidates(bert: TextEncoder) -> None:
    """Of several lengths: a candidate's score is the mean log p of its pieces."""
    words = ("四面八方", "新闻", "好")
    examples = [Example(f"我的#idiom#{text}", candidates=words) for text in ("快递", "订单")]
    support = Dataset.from_examples([Example(**{**_fields(e), "label": 1}) for e in examples])
    options = {"template": "{text}", "blank": "#idiom#", "temperature": 1.0}
    classifier = fit("zero-shot", bert, support, **options)
    assert classifier.labels == (0, 1, 2)
    scores = classifier.scores(examples)
    net = load_masked_net(bert)
    for row, example in zip(scores, examples, strict=True):
        for column, word in enumerate(words):
            masks = "[MASK]" * len(word)
            inputs = bert.tokenizer(example.text.replace("#idiom#", masks), return_tensors="pt")
            ids = inputs["input_ids"]
            positions = (ids == bert.tokenizer.mask_token_id).nonzero()[None, :, 1]
            features = {"input_ids": ids, "attention_mask": inputs["attention_mask"]}
            with torch.inference_mode():
                log_probabilities = net.logits(net(features, positions)).log_softmax(-1)[0]
            pieces = bert.tokenizer.convert_tokens_to_ids(list(word))
            mean = np.mean([float(log_probabilities[i, piece]) for i, piece in enumerate(pieces)])
            assert row[column] == pytest.approx(mean, abs=1e-4)


def _fields(example: Example) -> dict[str, Any]:
    return {"text": example.text, "candidates": example.candidates}


def test_of_a_rare_character_in_a_candidate_the_others_speak(bert: TextEncoder) -> None:
    rare = Example("我的#idiom#", 0, candidates=("四龘面", "八方", "龘"))
    plain = Example("我的#idiom#", 0, candidates=("四面", "八方", "[UNK]"))
    scores = [
        fit(
            "zero-shot", bert, Dataset.from_examples([one]), template="{text}", blank="#idiom#"
        ).scores([one])
        for one in (rare, plain)
    ]
    np.testing.assert_allclose(scores[0][0, :2], scores[1][0, :2], atol=1e-5)
    assert np.isfinite(scores[0]).all()


def test_candidates_that_will_not_do(bert: TextEncoder) -> None:
    def support(*examples: Example) -> Dataset:
        return Dataset.from_examples(examples)

    one = Example("我#", 0, candidates=("四面", "八方"))
    with pytest.raises(DataError, match="2 or 3 candidates"):
        fit("zero-shot", bert, support(one, Example("我#", 1, candidates=("一", "二", "三"))),
            template="{text}", blank="#")  # fmt: skip
    with pytest.raises(DataError, match="0 to 1; 2 is not"):
        fit("zero-shot", bert, support(one, Example("我#", 2, candidates=("四面", "八方"))),
            template="{text}", blank="#")  # fmt: skip
    with pytest.raises(OptionError, match="Leave words and verbalizer out"):
        fit("zero-shot", bert, support(one), template="{text}", blank="#", words={"0": "好"})


# Learning


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("prompt", {}),
        ("prompt", {"tune": "full", "learning_rate": 5e-3}),
        ("prompt", {"verbalizer": "soft"}),
        ("prompt", {"adapet": True}),
        ("p-tuning", {}),
    ],
)
@pytest.mark.slow
def test_training_beats_asking(bert: TextEncoder, name: str, options: dict[str, Any]) -> None:
    before = accuracy(fit("zero-shot", bert, **TEMPLATE))
    options = {**QUICK, **options}
    if options.get("tune") == "full":
        del options["targets"]
    after = accuracy(fit(name, bert, **TEMPLATE, **options))
    assert after >= 0.8 > before


@pytest.mark.parametrize(
    ("name", "options", "changed"),
    [
        ("prompt", {"tune": "bias"}, "LayerNorm"),
        ("prompt", {"tune": "lora"}, "lora_"),
        ("p-tuning", {"tune": "none"}, "soft"),
    ],
)
def test_only_what_was_said_trains(
    bert: TextEncoder, name: str, options: dict[str, Any], changed: str
) -> None:
    before = {n: t.clone() for n, t in bert.module.state_dict().items()}
    classifier = fit(name, bert, **TEMPLATE, **options, epochs=1)
    tensors, _ = classifier.state()
    assert tensors
    assert all(changed in n or "bias" in n for n in tensors)
    assert all(torch.equal(t, before[n]) for n, t in bert.module.state_dict().items())


@pytest.mark.parametrize("adapet", [False, True])
def test_a_killed_training_ends_as_it_would_have(
    bert: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adapet: bool, watched: Any
) -> None:
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)

    def scores() -> Any:
        options = {**QUICK, "epochs": 5, "adapet": adapet}
        return fit("prompt", bert, **TEMPLATE, **options).scores(QUERY.examples)

    whole = scores()
    with watched(Trainer, killed_at=10), checkpoints(tmp_path, "it"):
        scores()
    with checkpoints(tmp_path, "it"):
        np.testing.assert_array_equal(scores(), whole)


def test_the_same_seed_gives_the_same_scores(bert: TextEncoder) -> None:
    def scores(seed: int) -> Any:
        method = build_method("p-tuning", bert, seed=seed, options={**TEMPLATE, "epochs": 2})
        return method.fit(SUPPORT).scores(QUERY.examples)

    assert np.array_equal(scores(3), scores(3))
    assert not np.array_equal(scores(3), scores(4))


def test_soft_tokens_begin_as_words(bert: TextEncoder) -> None:
    """Before training, [SOFT:这] is 这."""
    options: dict[str, Any] = {
        "words": WORDS,
        "epochs": 1,
        "learning_rate": 1e-12,
        "head_learning_rate": 1e-12,
    }
    options["temperature"] = 1.0
    plain = fit("zero-shot", bert, **TEMPLATE, temperature=1.0)
    soft = fit("p-tuning", bert, template="{text}[SOFT:这][MASK]。", tune="none", **options)
    np.testing.assert_allclose(soft.scores(QUERY.examples), plain.scores(QUERY.examples), atol=1e-4)


# PET

PATTERNS = {"templates": [TEMPLATE["template"], {"pattern": "[MASK]：{text}", "words": WORDS}]}
PET = {**PATTERNS, "words": WORDS, **QUICK}


def test_pet_weighs_patterns_by_their_accuracy_before_training(bert: TextEncoder) -> None:
    classifier = fit("pet", bert, **PET)
    assert isinstance(classifier, PetClassifier)
    untrained = [
        fit("zero-shot", bert, words=WORDS, template=template)
        for template in (TEMPLATE["template"], "[MASK]：{text}")
    ]
    assert classifier.weights == tuple(accuracy(one, SUPPORT) for one in untrained)
    log_probabilities = [
        torch.from_numpy(m.scores(QUERY.examples)).log_softmax(-1) for m in classifier.models
    ]
    mean = np.average([b.numpy() for b in log_probabilities], axis=0, weights=classifier.weights)
    np.testing.assert_allclose(classifier.scores(QUERY.examples), mean, atol=1e-5)
    assert accuracy(classifier) >= 0.8


@pytest.mark.slow
def test_pet_distils_what_its_models_and_its_student_say_of_unlabelled_texts(
    bert: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = fit("pet", bert, UNLABELLED, **PET, distil=False)
    assert len(together.models) == 2
    calls: list[Any] = []

    def distil(method: Any, support: Dataset, texts: list[Example], probabilities: Any) -> Any:
        calls.extend([method, support, texts, probabilities])
        return together.models[0]

    monkeypatch.setattr(FrozenMethod, "distil", distil)
    classifier = fit("pet", bert, UNLABELLED, **PET)
    student, support, texts, probabilities = calls
    assert support.examples == SUPPORT.examples
    assert texts == [e for e in UNLABELLED if e.label is None]
    # What it thinks of them by itself counts as much as all prompts.
    views = (together.scores(texts), student.fit(UNLABELLED).scores(texts))
    prompts, student_view = (torch.from_numpy(view).log_softmax(-1) for view in views)
    np.testing.assert_allclose(
        probabilities, ((prompts + student_view) / 2 / 2).softmax(-1), atol=1e-5
    )
    assert classifier.models == (together.models[0],)


@pytest.mark.parametrize("name", ["linear", "lora"])
def test_the_final_classifier_believes_what_it_is_told(bert: TextEncoder, name: str) -> None:
    """A student of soft labels that contradict the words: it follows them."""
    texts = list(QUERY.examples)
    wrong = np.array([[0.9, 0.1] if t == "good" else [0.1, 0.9] for t in QUERY.targets])
    options = {**QUICK, "epochs": 30} if name == "lora" else {}
    method = build_method(name, bert, options=options)
    classifier = method.distil(SUPPORT, texts, wrong.astype(np.float32))  # type: ignore[attr-defined]
    probabilities = torch.from_numpy(classifier.scores(texts)).softmax(-1)
    agreement = np.mean(
        (probabilities.argmax(1).numpy() == 0) == np.array([t == "good" for t in QUERY.targets])
    )
    assert agreement > 0.7


def test_a_student_of_its_own(
    bert: TextEncoder, masked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another encoder; and for pairs with marked words, which it cannot read, a prompt."""
    # A tuned student would read by torch when it has learned, and through a graph when restored.
    monkeypatch.setenv("FSL_NLP_BACKEND", "torch")
    encoder_name = masked("roberta").name
    options = {**PET, "epochs": 1}
    for student in (f"lora@{encoder_name}", f"proto@{encoder_name}"):
        classifier = fit("pet", bert, UNLABELLED, **options, student=student)
        assert classifier.models[0].reader.encoder.name == encoder_name
        tensors, settings = classifier.state()
        method = build_method("pet", bert, options={**options, "student": student})
        again = method.restore(classifier.labels, tensors, json.loads(json.dumps(settings)))
        np.testing.assert_allclose(
            again.scores(QUERY.examples), classifier.scores(QUERY.examples), atol=1e-5
        )
    settings["models"][0]["student"]["fingerprint"] = "another"
    with pytest.raises(ArtifactError, match="has changed since the classifier was fitted"):
        method.restore(classifier.labels, tensors, settings)
    marked = replace(
        UNLABELLED, examples=tuple(replace(e, head=(0, 1)) for e in UNLABELLED.examples)
    )
    prompt = fit("pet", bert, marked, **options).models[0]
    assert prompt.settings.verbalizer == "soft"


def test_ipet_grows_from_what_the_others_say(bert: TextEncoder, monkeypatch: Any) -> None:
    sizes = []
    learn = PromptMethod.learn

    def counted(self: PromptMethod, support: Dataset) -> PromptClassifier:
        sizes.append(len(support))
        return learn(self, support)

    monkeypatch.setattr(PromptMethod, "learn", counted)
    few = Dataset(UNLABELLED.examples[:4] + UNLABELLED.examples[24:], SUPPORT.labels)
    fit("pet", bert, few, **{**PET, "epochs": 2}, generations=2, growth=2, distil=False)
    # Two patterns asked, then trained on 4, then on 4 more each, then on 12 more.
    assert sizes[:4] == [4, 4, 4, 4]
    assert all(4 < size <= 8 for size in sizes[4:6])
    assert all(4 < size <= 16 for size in sizes[6:8])


def test_ipet_needs_texts(bert: TextEncoder) -> None:
    with pytest.raises(DataError, match="iPET needs unlabelled texts"):
        fit("pet", bert, **{**PET, "epochs": 1}, generations=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"template": "{text}[MASK]"}, r"Write templates=\[...\]"),
        ({"templates": []}, "give a list of templates"),
        ({"templates": [3]}, "3 is neither a text nor"),
        ({"templates": ["{text}"]}, "there is no mask"),
        ({"weighting": "best"}, "choose one of 'accuracy', 'uniform'"),
        ({"nonsense": 1}, "no option 'nonsense'"),
    ],
)
def test_pet_refuses(bert: TextEncoder, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        fit("pet", bert, words=WORDS, **options)


def test_a_student_is_found_again_from_elsewhere(
    bert: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match=r"student: write model as .*model, or a saved"):
        fit("pet", bert, UNLABELLED, **PET, student="linear@model")


@pytest.mark.parametrize(
    ("student", "message"),
    [
        ("efl", "write METHOD or METHOD@ENCODER"),
        ("lorra", "write METHOD or METHOD@ENCODER"),
        ("laplacian", "reads all queries together"),
    ],
)
def test_a_wrong_student_is_refused_before_anything_trains(
    bert: TextEncoder, student: str, message: str, watched: Any
) -> None:
    with watched(Trainer) as steps, pytest.raises(OptionError, match=message):
        fit("pet", bert, UNLABELLED, **PET, student=f"{student}@{bert.name}")
    assert steps == []


# Entailment


def test_entailment_learns_from_the_support_alone(bert: TextEncoder) -> None:
    options = {"statement": "这[MASK]。", "words": {"good": "满意", "bad": "退款"}}
    losses: list[float] = []
    method = build_method("efl", bert, options={**options, **QUICK, "epochs": 40, "patience": 50})
    classifier = replace(method, on_step=lambda step: losses.append(step["loss"])).fit(SUPPORT)
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    assert accuracy(classifier, SUPPORT) >= 0.8


def test_entailment_with_a_head_for_it(save: Callable[..., str], tmp_path: Path) -> None:
    """Its own head, asked as it is: log p(entailment) against the rest."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    folder = save("roberta", tmp_path)
    config = AutoConfig.from_pretrained(folder)
    config.num_labels = 3
    config.id2label = {0: "contradiction", 1: "neutral", 2: "entailment"}
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    encoder = TextEncoder(folder, precision="fp32")
    empty = Dataset((), ("bad", "good"))
    classifier = fit("efl", encoder, empty, statement="这[MASK]。", words=WORDS, tune="none")
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    scores = classifier.scores(QUERY.examples[:3])
    for row, example in zip(scores, QUERY.examples, strict=False):
        for column, label in enumerate(classifier.labels):
            pair = encoder.tokenizer(example.text, f"这{WORDS[label]}。", return_tensors="pt")
            with torch.inference_mode():
                logits = model(pair["input_ids"], pair["attention_mask"]).logits[0]
            assert row[column] == pytest.approx(float(logits.log_softmax(-1)[2]), abs=1e-4)


# As methods


SAVED = [
    ("zero-shot", {**TEMPLATE, "calibration": "contextual"}),
    ("zero-shot", {**TEMPLATE, "verbalizer": "prototype"}),
    ("prompt", {**TEMPLATE, "epochs": 1, "verbalizer": "soft"}),
    ("p-tuning", {**TEMPLATE, "epochs": 1}),
    ("pet", {**PATTERNS, "words": WORDS, "epochs": 1}),
    ("efl", {"statement": "这[MASK]。", "words": WORDS, "epochs": 1}),
]


@pytest.mark.parametrize(("name", "options"), SAVED)
def test_saved_and_loaded(
    bert: TextEncoder, tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    classifier = FewShotClassifier(name, bert, **options)
    classifier.fit(SUPPORT.texts, SUPPORT.known_targets)
    before = classifier.predict_proba(QUERY.texts)
    folder = classifier.save(tmp_path / "saved")
    after = FewShotClassifier.load(folder, encoder=bert).predict_proba(QUERY.texts)
    np.testing.assert_allclose(after, before, atol=1e-6)
    assert classifier.classify("快递很好", nearest=1).nearest
    assert not list(folder.glob("*.pkl"))
    assert json.loads((folder / "classifier.json").read_text())["method"] == name


def test_unlabelled_texts_through_the_classifier(bert: TextEncoder, tmp_path: Path) -> None:
    classifier = FewShotClassifier("pet", bert, **{**PET, "epochs": 2})
    texts = reviews(20, 2).texts
    classifier.fit(SUPPORT.texts, SUPPORT.known_targets, unlabelled=texts)
    assert len(classifier.classifier_.models) == 1
    assert len(classifier.examples_) == len(SUPPORT)
    before = classifier.predict_proba(QUERY.texts)
    folder = classifier.save(tmp_path / "saved")
    after = FewShotClassifier.load(folder, encoder=bert).predict_proba(QUERY.texts)
    np.testing.assert_allclose(after, before, atol=1e-6)
    with pytest.raises(DataError, match="learns nothing from unlabelled texts"):
        FewShotClassifier("efl", bert).fit(SUPPORT.texts, SUPPORT.known_targets, unlabelled=texts)


def test_pairs(bert: TextEncoder, tmp_path: Path) -> None:
    pairs = [Example(t, l, text_b="很好") for t, l in zip(*_columns(), strict=True)]  # noqa: E741
    support = Dataset.from_examples(pairs)
    options = {"template": "{text}？[MASK]，{text_b}", "words": WORDS}
    classifier = FewShotClassifier("zero-shot", bert, **options).fit_dataset(support)
    folder = classifier.save(tmp_path / "saved")
    again = FewShotClassifier.load(folder, encoder=bert)
    np.testing.assert_allclose(
        again.classifier_.scores(pairs), classifier.classifier_.scores(pairs), atol=1e-6
    )


def _columns() -> tuple[list[str], list[Any]]:
    return SUPPORT.texts, SUPPORT.known_targets


def test_the_evaluator_takes_them(bert: TextEncoder) -> None:
    from fsl_nlp.evaluation.one_by_one import predict_task

    method = build_method("zero-shot", bert, options=TEMPLATE)
    predicted = predict_task(method, Task(SUPPORT, QUERY))
    best = method.fit(SUPPORT).scores(QUERY.examples).argmax(1)
    assert predicted == best.tolist()


def test_refusals(bert: TextEncoder) -> None:
    with pytest.raises(OptionError, match="zero-shot trains nothing"):
        fit("zero-shot", bert, tune="lora")
    with pytest.raises(OptionError, match="tune='some'"):
        fit("prompt", bert, tune="some")
    with pytest.raises(OptionError, match="no option 'sharpness'"):
        fit("prompt", bert, sharpness=1.0)
    support = Dataset(SUPPORT.examples[:1], ("bad", "good"))
    with pytest.raises(DataError, match="no example, so no prototype"):
        fit("zero-shot", bert, support, **TEMPLATE, verbalizer="prototype")
    with pytest.raises(OptionError, match="needs label words"):
        fit("prompt", bert, **TEMPLATE, adapet=True, verbalizer="soft")


def test_an_encoder_without_a_head(english: TextEncoder) -> None:
    with pytest.raises(ModelError, match="no head that fills in masks"):
        fit("zero-shot", english, words=WORDS)


@pytest.mark.parametrize(
    ("texts", "chinese"),
    [
        (["我的快递到哪了", "iPhone 15"], True),
        (["我的 package 到哪了", "where is it"], True),
        (["where is it", "refund me", "退款"], False),
        (["荷物はどこですか", "返金してください", "営業時間"], False),
        (["wo ist mein Paket"], False),
    ],
)
def test_defaults_are_chinese_for_texts_that_are_mostly_chinese(
    texts: list[str], chinese: bool
) -> None:
    examples = [Example(text) for text in texts]
    assert ("这是关于" in default_templates(examples)[0]) == chinese
    assert ("这是关于" in default_statement(examples)) == chinese
