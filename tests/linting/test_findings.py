"""Each fault that is planted is found, and clean data has none."""

from __future__ import annotations

import numpy as np
import pytest

from fsl_nlp import Dataset
from fsl_nlp.linting.findings import (
    ConfusablePair,
    Finding,
    MergeableIntents,
    Mislabel,
    NearDuplicates,
    ThinIntent,
    TooLong,
    TwoTopics,
    UnbalancedIntent,
)
from fsl_nlp.linting.report import LintReport
from fsl_nlp.linting.run import lint_vectors

from .conftest import Corpus


def checked(corpus: Corpus, seed: int = 0) -> LintReport:
    return lint_vectors(corpus.dataset, corpus.vectors, [False] * len(corpus.texts), seed)


def test_clean_data_has_no_findings(corpus: Corpus) -> None:
    report = checked(corpus)
    assert report.findings == ()
    assert report.accuracy is not None
    assert report.accuracy.value == 1
    assert "nothing found" in str(report)


def test_a_wrong_label_is_found(corpus: Corpus) -> None:
    corpus.labels[3] = "b"  # a sentence of "a"
    (finding,) = checked(corpus).findings
    assert isinstance(finding, Mislabel)
    assert finding.sentences[0].row == 3
    assert finding.labels == ("b", "a")
    assert finding.probability > 0.5


def test_sentences_that_cross_are_named(corpus: Corpus) -> None:
    first, second = corpus.direction(), corpus.direction()
    corpus.add("near 1", 12, first)
    corpus.add("near 2", 12, first + 0.08 * second)
    kinds = (ConfusablePair, MergeableIntents)
    (finding,) = (f for f in checked(corpus).findings if isinstance(f, kinds))
    assert finding.labels == ("near 1", "near 2")
    assert finding.sentences
    assert all({s.label, s.predicted} == {"near 1", "near 2"} for s in finding.sentences)


def test_two_names_of_one_intent_are_to_be_merged(corpus: Corpus) -> None:
    middle = corpus.add("same 1", 20)
    corpus.add("same 2", 20, middle)
    (finding,) = checked(corpus).of(MergeableIntents)
    assert finding.labels == ("same 1", "same 2")
    assert finding.preferred >= 0.35


@pytest.mark.parametrize(
    ("text", "again"),
    [("Where is it?", "where is  it!"), ("我的包裹在哪里？", "我的包裹 在哪里")],
)
def test_the_same_words_are_found(corpus: Corpus, text: str, again: str) -> None:
    away = corpus.direction()
    corpus.add_text(text, "a", away)
    corpus.add_text(again, "b", -away)  # the words are the same whatever an encoder says
    (finding,) = checked(corpus).of(NearDuplicates)
    assert [s.text for s in finding.sentences] == [text, again]
    assert finding.harm == 1  # one of them stands in the wrong intent


def test_nearly_the_same_vectors_are_found(corpus: Corpus) -> None:
    corpus.texts.append("another way to say it")
    corpus.labels.append("a")
    corpus.rows.append(corpus.rows[0] + np.float32(0.001))
    (finding,) = checked(corpus).of(NearDuplicates)
    assert [s.row for s in finding.sentences] == [0, 60]
    assert 0 < finding.harm < 1


def test_duplicates_are_never_on_both_sides_of_a_fold(corpus: Corpus) -> None:
    """A text that was learned from is not held out: its copies would hide that it is alone."""
    lonely = corpus.direction()
    for i in range(4):
        corpus.add_text("the same" + "!" * i, "a", lonely)
    report = checked(corpus)
    assert report.accuracy is not None
    assert report.accuracy.value < 1


def test_sizes(corpus: Corpus) -> None:
    corpus.add("one", 1)
    corpus.add("many", 60)
    report = checked(corpus)
    assert [(f.labels, f.count) for f in report.of(ThinIntent)] == [(("one",), 1)]
    assert [(f.labels, f.count) for f in report.of(UnbalancedIntent)] == [(("many",), 60)]


def test_an_intent_with_two_topics_is_shown_in_its_groups(corpus: Corpus) -> None:
    start = len(corpus.texts)
    corpus.add("both", 8)
    corpus.add("both", 5)
    (finding,) = checked(corpus).of(TwoTopics)
    assert finding.labels == ("both",)
    rows = [{s.row for s in group} for group in finding.groups]
    assert rows == [set(range(start, start + 8)), set(range(start + 8, start + 13))]


def test_texts_that_are_too_long(corpus: Corpus) -> None:
    flags = [i == 7 for i in range(len(corpus.texts))]
    (finding,) = lint_vectors(corpus.dataset, corpus.vectors, flags).of(TooLong)
    assert finding.sentences[0].row == 7


def test_the_worst_comes_first(corpus: Corpus) -> None:
    corpus.labels[3] = "b"
    corpus.texts[12] = corpus.texts[13] = "the same"
    harms = [finding.harm for finding in checked(corpus).findings]
    assert len(harms) == 2
    assert harms == sorted(harms, reverse=True)


def test_every_finding_says_what_it_is(corpus: Corpus) -> None:
    corpus.labels[3] = "b"
    corpus.add("one", 1)
    for finding in checked(corpus).findings:
        content = finding.to_dict()
        assert content["kind"]
        assert content["summary"]
        assert content["advice"]


def test_the_same_seed_gives_the_same_report(corpus: Corpus) -> None:
    corpus.labels[3] = "b"
    assert checked(corpus, 4).to_dict() == checked(corpus, 4).to_dict()


def test_one_text_of_each_label() -> None:
    corpus = Corpus()
    for name in "abc":
        corpus.add(name, 1)
    report = checked(corpus)
    assert report.accuracy is None
    assert report.gain is None
    assert "cannot tell" in str(report)
    assert len(report.of(ThinIntent)) == 3


def test_equal_texts_with_different_labels_everywhere() -> None:
    data = Dataset.from_texts(["same"] * 30, ["a", "b", "c"] * 10)
    report = lint_vectors(data, np.ones((30, 8), np.float32), [False] * 30)
    (finding,) = report.of(NearDuplicates)
    assert len(finding.sentences) == 30
    assert report.accuracy is None  # nothing can be held out


def test_every_class_of_findings_has_a_kind() -> None:
    # A dataclass with slots is made twice, and both stand in __subclasses__.
    classes = {cls.__name__: cls.kind for cls in Finding.__subclasses__()}
    assert all(classes.values())
    assert len(set(classes.values())) == len(classes)
