"""The report as one HTML page: no network, no library, readable on a phone."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING

from fsl_nlp.linting.findings import Finding, Sentence, TwoTopics
from fsl_nlp.output import one_line, to_json
from fsl_nlp.vectors import Matrix

if TYPE_CHECKING:
    from fsl_nlp.linting.report import LintReport

# Headings of the kinds of findings.
_TITLES = {
    "mislabel": "Labels that are likely wrong",
    "merge": "Intents that cannot be told apart",
    "confusable": "Intents whose sentences cross",
    "duplicates": "Sentences that repeat each other",
    "thin": "Intents with few sentences",
    "unbalanced": "Intents with many sentences",
    "two topics": "Intents with two topics",
    "too long": "Sentences that are too long",
}
_SHOWN = 10  # sentences of a finding before "and more"; the map has all
_LONGEST = 300  # characters of a sentence in a list; the map has all
_GAINS = 20


def page(report: LintReport, positions: Matrix) -> str:
    """The page; `positions` [n, 2] are from -1 to 1."""
    template = files("fsl_nlp.linting").joinpath("page.html").read_text("utf-8")
    script = _between(template, "<script>", "</script>")
    # The browser runs the script with this hash and no other, whatever a text may hold.
    parts = {
        "HASH": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "TITLE": _escape(report.name),
        "HEADLINE": _escape(report.headline),
        "EXPECTATION": _escape(report.expectation),
        "FINDINGS": "".join(_findings(report.findings)),
        "GAINS": _gains(report),
        "ENCODER": _escape(report.encoder),
        "DATA": _data(report, positions),
    }
    # One pass: a text that holds such a mark itself stays as it is.
    return re.sub("@@([A-Z]+)@@", lambda mark: parts[mark[1]], template)


def _between(text: str, start: str, end: str) -> str:
    return text.split(start, 1)[1].split(end, 1)[0]


def _escape(value: object) -> str:
    return escape(one_line(value))


def _data(report: LintReport, positions: Matrix) -> str:
    """Labels, and [x, y, label, predicted or -1, flags, text] of each sentence, as JSON."""
    index = {label: i for i, label in enumerate(report.labels)}
    flagged = {s.row for f in report.findings if f.kind == "mislabel" for s in f.sentences}
    rows = [
        [
            round(float(x), 4),
            round(float(y), 4),
            index[sentence.label],
            index[sentence.predicted] if sentence.predicted is not None else -1,
            int(sentence.row in flagged),
            sentence.text,
        ]
        for sentence, (x, y) in zip(report.sentences, positions, strict=True)
    ]
    content = to_json({"labels": [str(label) for label in report.labels], "sentences": rows})
    # "</script>" and "<!--" in a text would end or change the element that holds it.
    return content.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _findings(findings: Sequence[Finding]) -> list[str]:
    """A section for each kind, that with the most harmful finding first."""
    order = list(dict.fromkeys(finding.kind for finding in findings))
    by_kind = sorted(findings, key=lambda finding: order.index(finding.kind))
    sections = []
    for kind, group in groupby(by_kind, key=lambda finding: finding.kind):
        items = list(group)
        opened = " open" if kind == order[0] else ""
        sections.append(
            f"<details{opened}><summary><h2>{_TITLES[kind]}</h2> <b>{len(items)}</b></summary>"
            f"<ol>{''.join(map(_item, items))}</ol></details>\n"
        )
    return sections


def _item(finding: Finding) -> str:
    shown = f"<p>{_escape(finding.summary)}</p><p class=advice>{_escape(finding.advice)}</p>"
    if isinstance(finding, TwoTopics):
        return f"<li>{shown}{''.join(map(_list, finding.groups))}</li>\n"
    return f"<li>{shown}{_list(finding.sentences)}</li>\n"


def _list(sentences: Sequence[Sentence]) -> str:
    if not sentences:
        return ""
    lines = [_line(sentence) for sentence in sentences[:_SHOWN]]
    if len(sentences) > _SHOWN:
        lines.append(f"<li>and {len(sentences) - _SHOWN} more</li>")
    return f"<ul>{''.join(lines)}</ul>"


def _line(sentence: Sentence) -> str:
    label = f"<i>{_escape(sentence.label)}</i>"
    if sentence.predicted is not None and sentence.predicted != sentence.label:
        label += f" &rarr; <i>{_escape(sentence.predicted)}</i>"
    text = sentence.text if len(sentence.text) <= _LONGEST else f"{sentence.text[:_LONGEST]}..."
    return f'<li data-row="{sentence.row}"><q>{_escape(text)}</q> {label}</li>'


def _gains(report: LintReport) -> str:
    """What ten more sentences of each intent would bring, as a table."""
    words = "".join(f"<p>{_escape(line)}</p>" for line in report.advice)
    if report.gain is None:
        return words
    cells = [
        f"<tr><td>{_escape(gain.label)}<td>{gain.accuracy:.0%}"
        + (
            f"<td>+{100 * gain.value:.2f}<td>{100 * gain.low:.2f} to {100 * gain.high:.2f}</tr>"
            if gain.is_clear
            else "<td colspan=2>cannot tell</tr>"
        )
        for gain in report.gains[:_GAINS]
    ]
    header = "<tr><th>intent<th>right now<th>points<th>95%</tr>"
    return f"{words}<div class=wide><table>{header}{''.join(cells)}</table></div>"
