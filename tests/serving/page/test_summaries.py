"""The page says in its own words what the toolkit's edits say in English."""

from __future__ import annotations

from typing import Any

import pytest

from fsl_nlp import Dataset, Example
from fsl_nlp.editing import support as edits

from .conftest import Open

DESCRIBE = """async (summary) => {
  const { describe } = await import('./page/summaries.js');
  const place = document.createElement('p');
  place.append(...describe(summary).flat(9));
  return place.textContent;
}"""
# Labels of users hold quotes, commas and "and"; numbers have no quotes.
LABELS = ["track, order", 'it\'s "here"', "退款 and 换货", "line\nbreak \\ 😀", 'a"b']


def summaries() -> list[tuple[str, list[Any]]]:
    """What each kind of edit says of itself, with the labels that it names."""
    data = Dataset.from_texts([f"text {i}" for i in range(10)], [*LABELS, *LABELS])
    first, second, third, fourth, fifth = LABELS
    numbers = Dataset.from_texts(["a", "b", "c", "d"], [1, -2, 30, 1])
    new = [Example(f"new {i}", label) for i, label in enumerate(LABELS)]
    drafts = [
        (edits.add_examples(data, new[:1]), [first]),
        (edits.add_examples(data, new), [first, second, third]),  # of five, three are named
        (edits.add_label(data, "gift, 'wrap'", [], "what to wrap"), ["gift, 'wrap'"]),
        (edits.remove_examples(data, [Example("text 3"), Example("text 4")]), [fourth, fifth]),
        (edits.remove_label(data, second), [second]),
        (edits.rename_label(data, third, "with 2 texts"), [third, "with 2 texts"]),
        (edits.merge_labels(data, [first, second], fifth), [first, second, fifth]),
        (edits.relabel(data, [Example("text 0"), Example("text 1")], fifth), [fifth]),
        (edits.relabel(numbers, [Example("a")], -2), [-2]),
        (edits.remove_label(numbers, 30), [30]),
    ]
    said = [(draft.summary, labels) for draft, labels in drafts]
    adapted = said[0][0].replace("added", "adapted to", 1)  # as Editable.adapt writes it
    return [*said, (adapted, [first]), (f"undone: {said[6][0]}", said[6][1])]


def test_the_summary_of_every_edit_is_read(open_page: Open) -> None:
    pages = {locale: open_page(locale=locale) for locale in ("en-US", "zh-CN")}
    for summary, labels in summaries():
        english = pages["en-US"].evaluate(DESCRIBE, summary)
        chinese = pages["zh-CN"].evaluate(DESCRIBE, summary)
        assert english != summary
        for label in labels:
            assert str(label) in english
            assert str(label) in chinese
        for words in (" text", "added", "removed", "renamed", "merged", "undone", "adapted"):
            assert words not in chinese.replace("with 2 texts", ""), summary
    counted = pages["en-US"].evaluate(DESCRIBE, "added 1 text of 'a'")
    assert counted == "Added 1 sentence to a"


@pytest.mark.parametrize("summary", ["something new", "added many texts", ""])
def test_what_is_new_to_the_page_is_shown_as_it_is(open_page: Open, summary: str) -> None:
    assert open_page().evaluate(DESCRIBE, summary) == summary
