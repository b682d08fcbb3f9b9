"""Edits of a fitted classifier: the same as a fit on the changed examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from fsl_nlp import Example, FewShotClassifier, TextEncoder
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.heads import HEADS, head_class

from .conftest import LABELS, QUESTIONS, TEXTS

Fitted = Callable[..., FewShotClassifier]

QUICK = [n for n in HEADS if head_class(n)().ready and not head_class(n).transductive]


def assert_fit_on(
    edited: FewShotClassifier, texts: Sequence[str], labels: Sequence[Any], **options: Any
) -> None:
    """The classifier answers as one that was fitted on these texts, and has its name."""
    options.setdefault("reject", edited.reject)
    fresh = FewShotClassifier(edited.method, edited.encoder, **options).fit(texts, labels)
    assert edited.classes_.tolist() == fresh.classes_.tolist()
    np.testing.assert_allclose(
        edited.predict_proba(QUESTIONS), fresh.predict_proba(QUESTIONS), atol=1e-6
    )
    assert edited.model_version_ == fresh.model_version_
    assert edited.examples_ == fresh.examples_


@pytest.mark.parametrize("method", QUICK)
def test_every_edit_of_every_head_is_a_fit(method: str, fitted: Fitted) -> None:
    bot = fitted(method)
    texts, labels = list(TEXTS), list(LABELS)

    bot.add_examples(["send my money back", "退 快递"], ["get_refund", "查询物流"])
    texts, labels = [*texts, "send my money back", "退 快递"], [*labels, "get_refund", "查询物流"]
    assert_fit_on(bot, texts, labels)

    bot.remove_examples(["where is my parcel"])
    labels.pop(texts.index("where is my parcel"))
    texts.remove("where is my parcel")
    assert_fit_on(bot, texts, labels)

    bot.add_label("pay", ["can I pay by card", "which cards do you take"])
    texts += ["can I pay by card", "which cards do you take"]
    labels += ["pay", "pay"]
    assert_fit_on(bot, texts, labels)

    bot.rename_label("log_in", "sign_in")
    labels = ["sign_in" if label == "log_in" else label for label in labels]
    assert_fit_on(bot, texts, labels)

    bot.merge_labels(["track_order", "查询物流"], into="delivery")
    merged = ("track_order", "查询物流")
    labels = ["delivery" if label in merged else label for label in labels]
    assert_fit_on(bot, texts, labels)

    bot.relabel(["my account is locked"], "delivery")
    labels[texts.index("my account is locked")] = "delivery"
    assert_fit_on(bot, texts, labels)

    bot.remove_label("pay")
    texts, labels = map(
        list, zip(*[(t, x) for t, x in zip(texts, labels, strict=True) if x != "pay"], strict=True)
    )
    assert_fit_on(bot, texts, labels)

    assert [change.action for change in bot.history()] == [
        "add_examples",
        "remove_examples",
        "add_label",
        "rename_label",
        "merge_labels",
        "relabel",
        "remove_label",
    ]


def test_undo_goes_back_step_by_step(fitted: Fitted) -> None:
    bot = fitted("linear")
    seen = [(bot.model_version_, bot.examples_, bot.predict_proba(QUESTIONS))]

    def keep() -> None:
        seen.append((bot.model_version_, bot.examples_, bot.predict_proba(QUESTIONS)))

    for edit in (
        lambda b: b.add_label("pay", ["can I pay by card"], "how to pay"),
        lambda b: b.add_examples(["refund my card"], ["get_refund"]),
        lambda b: b.rename_label("pay", "付款"),
        lambda b: b.merge_labels(["付款", "get_refund"], into="get_refund"),
        lambda b: b.relabel(["我的 快递 到 哪 了", "where is my parcel"], "log_in"),
        lambda b: b.remove_examples(["I cannot sign in", "refund me please"]),
        lambda b: b.remove_label("查询物流"),
    ):
        edit(bot)
        keep()
    for number in range(len(seen) - 2, -1, -1):
        edit = bot.undo()
        version, examples, probabilities = seen[number]
        assert (edit.after, edit.action) == (number + 1, "undo")
        assert (bot.model_version_, bot.examples_) == (version, examples)
        np.testing.assert_array_equal(bot.predict_proba(QUESTIONS), probabilities)
    assert bot.history() == []
    with pytest.raises(DataError, match="no edit to undo"):
        bot.undo()


def test_a_description_comes_back_with_its_label(fitted: Fitted) -> None:
    bot = fitted("proto")
    bot.add_label("pay", ["can I pay by card"], "how to pay, and in which currency")
    described = bot.version_.support.info["pay"]
    bot.rename_label("pay", "payment")
    assert bot.version_.support.info["payment"] == described
    bot.remove_label("payment")
    assert "payment" not in bot.version_.support.info
    bot.undo()
    bot.undo()
    assert bot.version_.support.info == {"pay": described}


def test_an_edit_says_what_it_did(fitted: Fitted) -> None:
    bot = fitted("proto")
    asked = "my parcel was refunded and sent back"
    before = bot.classify(asked).label
    edit = bot.add_examples([asked, "where is my parcel"], ["get_refund", "track_order"])
    assert (edit.before, edit.after, edit.applied) == (1, 2, True)
    assert edit.model_version == bot.model_version_
    assert edit.summary == "added 1 text of 'get_refund'"
    assert edit.note == "left out 1 text: stored already, or given twice."
    (moved,) = [moved for moved in edit.moved if moved.text == asked]
    assert (moved.before, moved.after, moved.label) == (before, "get_refund", "get_refund")
    assert asked in str(edit)
    assert edit.to_dict()["moved"][0]["after"] == moved.after


def test_relabelling_says_which_texts_move(fitted: Fitted) -> None:
    bot = fitted("knn")
    edit = bot.relabel(["refund me please", "I cannot sign in"], "log_in")
    assert edit.summary == "relabelled 1 text of 'get_refund' as 'log_in'"
    assert edit.note == "left out 1 text of 'log_in' already."
    assert [(m.text, m.after) for m in edit.moved if m.label == "log_in"] == [
        ("refund me please", "log_in")
    ]
    assert bot.diff().relabelled[0].after == "log_in"


def test_stored_texts_can_get_a_new_label(fitted: Fitted) -> None:
    bot = fitted("knn")
    before = bot.model_version_
    edit = bot.relabel(["refund me please"], "complaint", create=True)
    assert edit.summary == "relabelled 1 text of 'get_refund' as 'complaint'"
    assert "complaint" in bot.classes_
    assert bot.classify("refund me please").label == "complaint"
    with pytest.raises(DataError, match="looks like the label 'complaint'"):
        bot.relabel(["I want my money back"], "Complaint", create=True)
    bot.relabel(["I want my money back"], "complaint", create=True)  # it exists by now
    bot.undo()
    bot.undo()
    assert "complaint" not in bot.classes_
    assert bot.model_version_ == before


def test_renaming_moves_no_text(fitted: Fitted) -> None:
    bot = fitted("knn")
    assert bot.rename_label("log_in", "sign_in").moved == ()
    assert bot.merge_labels(["sign_in", "get_refund"], into="account").moved == ()
    assert bot.undo().moved == ()


def test_numbers_stay_numbers(words: TextEncoder) -> None:
    bot = FewShotClassifier("proto", words).fit(["red", "blue", "dark red"], [2, 10, 2])
    bot.add_examples(["light blue"], ["10"])
    bot.rename_label(2, 11)
    bot.relabel(["light blue"], "11")
    bot.relabel(["light blue"], 10)
    assert bot.classes_.tolist() == [10, 11]
    assert bot.classify("red").label == 11


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda b: b.add_examples(["hi"], ["track_ordr"]), "no label 'track_ordr'. Did you mean"),
        (lambda b: b.add_examples(["hi"], ["pay"]), "use add_label"),
        (lambda b: b.add_examples(["refund me please"], ["log_in"]), "cannot be one of 'log_in'"),
        (lambda b: b.add_examples(["refund me please"], ["get_refund"]), "stored already"),
        (lambda b: b.add_examples([], []), "no texts to add"),
        (lambda b: b.add_examples(["a", "b"], ["log_in"]), "each text needs a label"),
        (lambda b: b.add_examples([" "], ["log_in"]), r"texts\[0\] is empty"),
        (lambda b: b.remove_examples(["refund me plese"]), "no stored example.*refund me please"),
        (lambda b: b.remove_examples(TEXTS[:3]), "'track_order' would have no example"),
        (lambda b: b.relabel(TEXTS[:3], "log_in"), "'track_order' would have no example"),
        (lambda b: b.relabel(["refund me plese"], "log_in"), "Did you mean refund me please"),
        (lambda b: b.relabel(["refund me please"], "pay"), "no label 'pay'. For a new label"),
        (lambda b: b.relabel(["refund me please"], "get_refund"), "nothing to change: 1 text"),
        (lambda b: b.relabel([], "get_refund"), "nothing to change"),
        (lambda b: b.add_label("log_in", ["let me in"]), "The label 'log_in' exists"),
        (lambda b: b.add_label("Log-In", ["let me in"]), "looks like the label 'log_in'"),
        (lambda b: b.add_label("pay"), "Give texts of the label 'pay'"),
        (lambda b: b.add_label(" ", ["let me in"]), r"label\[0\] is empty"),
        (lambda b: b.remove_label("pay"), "no label 'pay'"),
        (lambda b: b.rename_label("log_in", "get_refund"), "use merge_labels"),
        (lambda b: b.rename_label("log_in", "Get Refund"), "looks like the label 'get_refund'"),
        (lambda b: b.merge_labels(["log_in"], into="x"), "made of one label only"),
        (lambda b: b.merge_labels(["log_in", "pay"], into="x"), "no label 'pay'"),
        (lambda b: b.merge_labels(list(dict.fromkeys(LABELS)), into="x"), "at least two classes"),
    ],
)
def test_an_impossible_edit_changes_nothing(
    edit: Callable[[FewShotClassifier], object], message: str, fitted: Fitted
) -> None:
    bot = fitted()
    version = bot.version_
    with pytest.raises(DataError, match=message):
        edit(bot)
    assert bot.version_ is version


def test_an_edit_needs_a_fit(words: TextEncoder) -> None:
    with pytest.raises(ValueError, match="not fitted yet"):
        FewShotClassifier("proto", words).undo()


def test_what_an_edit_learns_with_weights_and_unlabelled_texts(words: TextEncoder) -> None:
    weights = [1.0 + i % 3 for i in range(len(TEXTS))]
    unlabelled = ["my parcel is not here", "the password is wrong", "refund it"]
    bot = FewShotClassifier("linear", words).fit(
        TEXTS, LABELS, sample_weight=weights, unlabelled=unlabelled
    )
    bot.add_examples([Example("a parcel of money", weight=2.0)], ["track_order"])
    fresh = FewShotClassifier("linear", words).fit(
        [*TEXTS, "a parcel of money"],
        [*LABELS, "track_order"],
        sample_weight=[*weights, 2.0],
        unlabelled=unlabelled,
    )
    assert bot.model_version_ == fresh.model_version_
    np.testing.assert_allclose(
        bot.predict_proba(QUESTIONS), fresh.predict_proba(QUESTIONS), atol=1e-6
    )


def test_the_threshold_is_that_of_a_fit(words: TextEncoder, fitted: Fitted) -> None:
    bot = fitted(reject=0.1)
    first = bot.decision_
    edit = bot.add_examples(["where is it now", "退 快递"], ["track_order", "查询物流"])
    fresh = FewShotClassifier("proto", words, reject=0.1)
    fresh.fit([*TEXTS, "where is it now", "退 快递"], [*LABELS, "track_order", "查询物流"])
    for before, after in zip(bot.classify(QUESTIONS), fresh.classify(QUESTIONS), strict=True):
        assert (before.label, before.reason) == (after.label, after.reason)
        assert before.in_scope == pytest.approx(after.in_scope, abs=1e-6)
    assert first is not None
    assert first.expected is not None
    assert edit.expected_before.accuracy == first.expected.accuracy_of_all.value
    assert edit.expected_after.familiarity == pytest.approx(fresh.decision_.least_familiarity)
    assert "expected accuracy: " in str(edit)
    assert bot.history()[0].accuracy == edit.expected_after.accuracy
    bot.undo()
    assert bot.decision_.least_familiarity == pytest.approx(first.least_familiarity)


def test_an_edit_that_makes_it_worse_is_refused(fitted: Fitted) -> None:
    bot = fitted(reject=0.1)
    version = bot.version_
    wrong = [f"my parcel {n} is not here and my money is back" for n in range(6)]
    crossed = ["log_in", "get_refund", "track_order", "log_in", "get_refund", "track_order"]
    edit = bot.add_examples(wrong, crossed, refuse_if_worse=True)
    assert (edit.applied, edit.before, edit.after) == (False, 1, 1)
    assert edit.is_worse
    assert bot.version_ is version
    assert "refused, version 1 stays" in str(edit)
    assert bot.add_examples(wrong, crossed).applied
    with pytest.raises(OptionError, match="no accuracy to compare"):
        fitted().add_examples(["refund"], ["get_refund"], refuse_if_worse=True)
