import json

import numpy as np
import pytest

from fsl_nlp.data import load_dataset
from fsl_nlp.decision import signals as signals_module
from fsl_nlp.decision.familiarity import Familiarity, fit_familiarity
from fsl_nlp.decision.outputs import HeldOut, Outputs
from fsl_nlp.decision.signals import NAMES, Signals, unlike_examples
from fsl_nlp.encoders import load_encoder

DIMENSIONS = 16


def draw(centres, count, rng, noise=0.12):
    """Unit vectors around each centre, and their classes."""
    classes = np.repeat(np.arange(len(centres)), count)
    rows = centres[classes] + noise * rng.standard_normal((len(classes), centres.shape[1]))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), classes


def means_of(vectors, classes):
    return np.stack([vectors[classes == c].mean(0) for c in range(classes.max() + 1)])


def outputs(vectors, means, sharpness=10.0):
    """What a classifier by class means shows."""
    return Outputs(sharpness * vectors @ means.T, vectors)


def split_off(vectors, classes, out, fold, **more):
    """A split in which the classes `out` and every fifth text are held out."""
    keep = np.array([c for c in range(classes.max() + 1) if c not in out])
    column = np.full(classes.max() + 1, -1)
    column[keep] = np.arange(len(keep))
    held = np.isin(classes, out) | (np.arange(len(classes)) % 5 == fold)
    training, training_classes = vectors[~held], column[classes[~held]]
    means = means_of(training, training_classes)
    return HeldOut(
        training, training_classes, outputs(vectors[held], means), column[classes[held]], **more
    )


def splits_of(vectors, classes):
    count = classes.max() + 1
    groups = np.array_split(np.arange(count), min(5, count))
    return [split_off(vectors, classes, out, fold) for fold, out in enumerate(groups)]


def auroc(inside, outside):
    return (inside[:, None] > outside[None]).mean()


@pytest.fixture(scope="module")
def task():
    """A support of ten classes, its splits, questions of these classes, and outsiders."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((14, DIMENSIONS)) + 2
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    vectors, classes = draw(centres[:10], 10, rng)
    questions = draw(centres[:10], 50, rng)[0]
    near = draw(centres[10:], 50, rng)[0]
    far = draw(-centres, 20, rng)[0]
    means = means_of(vectors, classes)
    return {
        "support": (vectors, classes),
        "splits": splits_of(vectors, classes),
        **{
            name: outputs(rows, means)
            for name, rows in (("questions", questions), ("near", near), ("far", far))
        },
    }


@pytest.fixture(scope="module")
def fitted(task):
    return fit_familiarity(*task["support"], task["splits"])


def test_outsiders_are_less_familiar_than_questions(task, fitted):
    score = fitted[0].score
    assert auroc(score(task["questions"]), score(task["near"])) > 0.9
    assert auroc(score(task["questions"]), score(task["far"])) > 0.999


def test_every_signal_tells_outsiders_from_questions(task, fitted):
    inside, outside = (fitted[0].standardised(task[name]) for name in ("questions", "near"))
    assert inside.shape[1] == len(NAMES)
    for signal in range(NAMES.index("contrast")):
        assert auroc(inside[:, signal], outside[:, signal]) > 0.8


def test_the_score_is_the_mean_of_the_standardised_signals(task, fitted):
    familiarity = fitted[0]
    questions = task["questions"]
    raw = Signals.fit(*task["support"]).measure(questions)
    expected = (raw - familiarity.centre) / familiarity.spread
    expected[:, -1] = np.minimum(expected[:, -1] + 1, 0)
    expected = expected.sum(1) / 5
    np.testing.assert_allclose(familiarity.score(questions), expected)


def test_held_out_questions_are_at_0(task, fitted):
    scores = fitted[1]
    assert [len(part) for part in scores] == [len(split.classes) for split in task["splits"]]
    inside = np.concatenate(
        [part[split.classes >= 0] for part, split in zip(scores, task["splits"], strict=True)]
    )
    assert inside.mean() == pytest.approx(0, abs=1e-9)
    assert 0.5 < inside.std() <= 1


def test_a_threshold_on_held_out_questions_holds_for_new_ones(task, fitted):
    familiarity, scores = fitted
    inside = np.concatenate(
        [part[split.classes >= 0] for part, split in zip(scores, task["splits"], strict=True)]
    )
    turned_away = (familiarity.score(task["questions"]) < np.quantile(inside, 0.05)).mean()
    assert turned_away <= 0.08


def test_in_scope_is_a_probability_that_grows_with_the_score(task, fitted):
    familiarity = fitted[0]
    for name in ("questions", "near", "far"):
        probabilities = familiarity.in_scope(task[name])
        assert ((probabilities >= 0) & (probabilities <= 1)).all()
        order = np.argsort(familiarity.score(task[name]))
        assert (np.diff(probabilities[order]) >= 0).all()
    assert familiarity.in_scope(task["questions"]).mean() > 0.6
    assert familiarity.in_scope(task["far"]).max() < 0.01


def test_in_scope_of_held_out_texts_is_calibrated(task, fitted):
    """Weighted to equal numbers, the mean probability is the share of questions: a half."""
    familiarity, scores = fitted
    classes = np.concatenate([split.classes for split in task["splits"]])
    log_odds = familiarity.slope * np.concatenate(scores) + familiarity.intercept
    probabilities = 1 / (1 + np.exp(-log_odds))
    balanced = (probabilities[classes >= 0].mean() + probabilities[classes < 0].mean()) / 2
    assert balanced == pytest.approx(0.5, abs=0.03)


def test_texts_near_outsiders_become_less_familiar(task):
    rng = np.random.default_rng(1)
    near = task["near"]
    chosen = rng.permutation(len(near))[:20]
    rest = np.setdiff1d(np.arange(len(near)), chosen)
    splits = task["splits"]
    without = fit_familiarity(*task["support"], splits)[0]
    outsiders = near.vectors[chosen]
    informed = fit_familiarity(*task["support"], splits, outsiders=outsiders)[0]
    inside = task["questions"]
    before = auroc(without.score(inside), without.score(near[rest]))
    after = auroc(informed.score(inside), informed.score(near[rest]))
    assert after > before


def test_generic_texts_that_look_like_an_example_are_left_out(task):
    vectors, classes = task["support"]
    generic = np.concatenate([vectors[:3], task["far"].vectors[:5]])
    assert unlike_examples(generic, vectors, classes).tolist() == [False] * 3 + [True] * 5
    familiarity = fit_familiarity(vectors, classes, task["splits"], generic=generic)[0]
    assert len(familiarity.signals.outsiders) == 5


def test_a_restored_familiarity_scores_the_same(task, fitted):
    familiarity = fitted[0]
    arrays, settings = familiarity.state()
    restored = Familiarity.restore(arrays, json.loads(json.dumps(settings)))
    for name in ("questions", "far"):
        np.testing.assert_array_equal(restored.score(task[name]), familiarity.score(task[name]))
        np.testing.assert_array_equal(
            restored.in_scope(task[name]), familiarity.in_scope(task[name])
        )


def test_one_text_scores_as_in_a_batch(task, fitted):
    questions = task["questions"]
    batch = fitted[0].score(questions)
    alone = [fitted[0].score(questions[[i]])[0] for i in range(5)]
    np.testing.assert_allclose(alone, batch[:5], atol=1e-4)
    assert fitted[0].score(questions[[]]).shape == (0,)


def test_a_large_support_keeps_examples_of_every_class(monkeypatch):
    monkeypatch.setattr(signals_module, "MOST_KEPT", 30)
    rng = np.random.default_rng(2)
    centres = np.eye(DIMENSIONS)[:10]
    vectors, classes = draw(centres, 20, rng)
    signals = Signals.fit(vectors, classes)
    assert len(signals.kept) == 30
    nearest = (signals.kept @ centres.T).argmax(1)
    assert np.bincount(nearest).tolist() == [3] * 10


@pytest.mark.parametrize(
    ("vectors", "classes"),
    [
        (np.eye(3), [0, 1, 2]),  # one example a class
        (np.ones((4, 3)), [0, 0, 1, 1]),  # all equal
        (np.eye(2), [0, 0]),  # one class
        (np.zeros((3, 2)), [0, 1, 1]),
        (np.ones((1, 2)), [0]),
    ],
    ids=["one each", "equal", "one class", "zeros", "one example"],
)
def test_the_smallest_supports_give_finite_scores(vectors, classes):
    familiarity, scores = fit_familiarity(vectors, np.array(classes), [])
    question = Outputs(np.zeros((1, max(classes) + 1)), np.ones((1, vectors.shape[1])))
    assert np.isfinite(familiarity.score(question)).all()
    assert 0 <= familiarity.in_scope(question)[0] <= 1
    assert scores == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_samples_know_what_they_do_not_know(language):
    """Ten of the fifteen intents; their other texts, and small talk, are asked."""
    encoder = load_encoder({"en": "embedded:en", "zh": "embedded:multilingual"}[language])
    dataset = load_dataset(f"support_{language}")
    classes = np.array(dataset.class_indices)
    vectors = encoder.encode(dataset.texts)
    rank = np.array([(classes[:i] == c).sum() for i, c in enumerate(classes)])
    trains = (classes < 10) & (rank < 9)
    asked = (classes < 10) & (rank >= 9)
    support = vectors[trains], classes[trains]
    familiarity = fit_familiarity(*support, splits_of(*support))[0]
    means = means_of(*support)
    small_talk = {
        "en": ["do you like jazz", "how tall is that tower", "my cat sleeps all day"],
        "zh": ["你喜欢爵士乐吗", "那座塔有多高", "我的猫整天睡觉"],
    }[language]
    inside = familiarity.score(outputs(vectors[asked], means))
    outside = familiarity.score(outputs(encoder.encode(small_talk), means))
    held_out = outputs(vectors[classes >= 10], means)
    assert auroc(inside, outside) > 0.95
    assert auroc(inside, familiarity.score(held_out)) > 0.6
