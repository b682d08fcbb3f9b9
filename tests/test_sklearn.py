"""`FewShotClassifier` among scikit-learn's own tools, and under its own checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from fsl_nlp import FewShotClassifier, TextEncoder
from fsl_nlp.artifact.self_test import QUESTION
from fsl_nlp.encoders.pooling import Pooling

COLOURS = [f"{shade} {colour}" for colour in ("red", "blue") for shade in "abcdef"]
NAMES = ["red"] * 6 + ["blue"] * 6


@pytest.fixture
def model(words: TextEncoder) -> FewShotClassifier:
    return FewShotClassifier("linear", words, label_names=False)


# scikit-learn's tools


def test_in_a_pipeline(model: FewShotClassifier) -> None:
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    pipeline = Pipeline([("lower", lower), ("model", model)]).fit(COLOURS, NAMES)
    assert pipeline.predict(["RED", "BLUE"]).tolist() == ["red", "blue"]
    assert pipeline.score(["RED", "BLUE"], ["red", "red"]) == 0.5
    assert pipeline.classes_.tolist() == ["blue", "red"]
    pipeline.set_params(model__method="proto", model__distance="euclidean").fit(COLOURS, NAMES)
    assert pipeline["model"].method_ == "proto"
    assert pipeline["model"].classifier_.head.distance == "euclidean"


@pytest.mark.parametrize("labels", [NAMES, [3] * 6 + [1] * 6])
@pytest.mark.slow
def test_cross_validation(labels: list[Any], model: FewShotClassifier) -> None:
    assert cross_val_score(model, COLOURS, labels, cv=3).tolist() == [1, 1, 1]
    assert cross_val_score(model, COLOURS, labels, scoring="f1_macro").min() == 1
    auc = make_scorer(roc_auc_score, response_method="predict_proba")
    assert cross_val_score(model, np.array(COLOURS), np.array(labels), scoring=auc).min() == 1
    shuffled = StratifiedKFold(2, shuffle=True, random_state=0)
    assert cross_val_score(model, COLOURS, labels, scoring="neg_log_loss", cv=shuffled).max() < 0


def test_grid_search_over_options_and_methods(model: FewShotClassifier) -> None:
    grid = [
        {"method": ["linear"], "C": np.logspace(-1, 1, 2), "label_names": [True, False]},
        {"method": ["proto"], "distance": ["cosine", "euclidean"]},
    ]
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(COLOURS, NAMES)
    assert len(search.cv_results_["params"]) == 6
    assert search.best_score_ == 1
    assert search.predict(["a red"]).tolist() == ["red"]
    assert "C" not in model.get_params()


def test_among_other_classifiers(model: FewShotClassifier, words: TextEncoder) -> None:
    proto = FewShotClassifier("proto", words)
    voting = VotingClassifier([("linear", model), ("proto", proto)], voting="soft")
    assert voting.fit(COLOURS, NAMES).predict(["red", "blue"]).tolist() == ["red", "blue"]


def test_a_clone_has_the_settings_and_shares_the_encoder(english: TextEncoder) -> None:
    model = FewShotClassifier("proto", english, seed=4, distance="euclidean")
    model.fit(COLOURS, NAMES)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert copy.get_params()["distance"] == "euclidean"
    assert copy.encoder is english
    assert not hasattr(copy, "classes_")
    assert clone(FewShotClassifier(C=3)).get_params() == {
        "method": "auto",
        "encoder": "auto",
        "seed": 0,
        "device": "auto",
        "budget": 0,
        "reject": 0.05,
        "coverage": None,
        "precision": None,
        "C": 3,
    }


def test_the_constructor_only_stores() -> None:
    model = FewShotClassifier(method="nonsense", encoder="/nowhere", device="abacus", temprature=1)
    assert model.get_params()["temprature"] == 1
    assert repr(model) == (
        "FewShotClassifier(device='abacus', encoder='/nowhere', method='nonsense',\n"
        "                  temprature=1)"
    )


# scikit-learn's checks. Of an estimator of texts its own runner checks three things and no more. So
# the checks that need no data are called one by one, but for `check_fit_score_takes_y`: it wants
# the labels to be called y. The others run on matrices, each row written as a text.

UNFITTED_CHECKS = [
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimators_unfitted",
    "check_mixin_order",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_estimators_partial_fit_n_features",
]


@pytest.mark.parametrize("name", UNFITTED_CHECKS)
def test_checks_that_need_no_data(name: str) -> None:
    getattr(estimator_checks, name)("FewShotClassifier", FewShotClassifier())


class NumberEncoder(TextEncoder):
    """The vector of the text "1.5 -2.0" is (1.5, -2)."""

    def __init__(self, width: int) -> None:
        self.name, self.fingerprint, self.pooling = "numbers", "0" * 64, Pooling()
        self.precision = "fp32"
        self.width = width

    def encode(self, texts: Any) -> NDArray[np.float32]:
        if isinstance(texts, str):
            return self.encode([texts])[0]
        # The question of the self-test, which pickle asks, has no numbers.
        ones = " ".join(["1"] * self.width)
        texts = [ones if text == QUESTION else text for text in texts]
        numbers = [float(x) for text in texts for x in text.split()]
        return np.array(numbers, np.float32).reshape(len(texts), self.width)


class OnRows(FewShotClassifier):
    """The classifier for the matrices that the checks are made of: each row becomes a text."""

    def __init__(
        self,
        method: str = "linear",
        encoder: str = "auto",
        seed: int = 0,
        device: str = "auto",
        label_names: bool = False,
    ) -> None:
        super().__init__(method, encoder, seed, device)
        self.label_names = label_names

    def fit(self, X: Any, y: Any) -> OnRows:  # type: ignore[override]
        X, y = validate_data(self, X, y)
        super().fit(self._texts(X), y)
        return self

    def predict_proba(  # type: ignore[override]
        self, X: Any, *, store: bool = False
    ) -> NDArray[np.float64]:
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False)
        return super().predict_proba(self._texts(rows), store=store)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # type: ignore[override]
        return super().score(X, y, sample_weight)

    def _texts(self, X: Any) -> list[str]:
        return [" ".join(repr(float(x)) for x in row) for row in X]

    def _load_encoder(self, _: Any) -> TextEncoder:
        return NumberEncoder(self.n_features_in_)

    def _options(self) -> dict[str, Any]:
        return {"label_names": self.label_names}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array, tags.input_tags.two_d_array = False, True
        tags.input_tags.string = False
        return tags


def _checks() -> list[Any]:
    pairs = estimator_checks.estimator_checks_generator(OnRows())
    # This one skips itself unless scipy was started with its array API.
    left_out = {"check_array_api_input"}
    return [
        pytest.param(check, id=f"{check.func.__name__}-{i}")
        for i, (_, check) in enumerate(pairs)
        if check.func.__name__ not in left_out
    ]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("check", _checks())
def test_checks_on_matrices(check: Callable[[Any], None]) -> None:
    check(OnRows())
