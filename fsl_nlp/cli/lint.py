from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fsl_nlp.cli.completion import data_names
from fsl_nlp.cli.options import (
    DataDir,
    Device,
    Encoder,
    LabelColumn,
    NoHeader,
    OnError,
    TextColumn,
)
from fsl_nlp.cli.run import Run, command
from fsl_nlp.output import one_line

if TYPE_CHECKING:
    from fsl_nlp.linting import LintReport
    from fsl_nlp.linting.findings import Finding

_SENTENCES = 3  # of a finding


def add_to(app: typer.Typer) -> None:
    """Add the command `lint`."""

    @command(app, example="fsl-nlp lint train.csv --html check.html")
    def lint(
        run: Run,
        train: Annotated[
            str,
            typer.Argument(
                help="Labelled texts: a file as `fsl-nlp fit` takes it, or a data name.",
                autocompletion=data_names,
            ),
        ],
        html: Annotated[
            Path | None, typer.Option(help="Write a page with all findings and a map of the texts.")
        ] = None,
        top: Annotated[int, typer.Option(min=1, help="Number of findings to show.")] = 20,
        encoder: Encoder = "auto",
        text_column: TextColumn = None,
        label_column: LabelColumn = None,
        no_header: NoHeader = False,
        on_error: OnError = "raise",
        data_dir: DataDir = None,
        device: Device = "auto",
    ) -> None:
        """Check training texts: wrong labels, confusable intents, duplicates; the worst first."""
        from fsl_nlp.data import load_dataset
        from fsl_nlp.encoders import load_encoder
        from fsl_nlp.encoders.choice import choose_encoder
        from fsl_nlp.linting import lint as check

        data = load_dataset(
            train,
            text=text_column,
            label=label_column,
            header=not no_header,
            on_error=on_error,
            data_dir=data_dir,
        )
        loaded = load_encoder(choose_encoder(encoder, data), device=device)
        report = check(data, loaded, run.seed)
        result = report.to_dict()
        if html is not None:
            result["html"] = str(report.to_html(html))
        run.show(result, lambda: _as_text(report, top, html))


def _crossing(finding: Finding) -> list[tuple[str, str]]:
    """Sentences that are taken for another intent, and from which to which."""
    from fsl_nlp.linting.findings import ConfusablePair, MergeableIntents

    if not isinstance(finding, ConfusablePair | MergeableIntents):
        return []
    rows = [
        (one_line(s.text), f"{one_line(s.label)} -> {one_line(s.predicted)}")
        for s in finding.sentences[:_SENTENCES]
    ]
    more = len(finding.sentences) - _SENTENCES
    return [*rows, (f"and {more} more (--json lists all)", "")] if more > 0 else rows


def _as_text(report: LintReport, top: int, html: Path | None) -> Any:
    from fsl_nlp.cli.tables import Group, Table

    parts: list[Any] = [report.headline, report.expectation]
    if report.findings:
        table = Table("harm", "kind", "what", "what to do")
        for finding in report.findings[:top]:
            table.add_row(f"{finding.harm:.1f}", finding.kind, finding.summary, finding.advice)
            for text, way in _crossing(finding):
                table.add_row("", "", f"  {text}", way)
        parts += ["", table]
    if len(report.findings) > top:
        parts.append(
            f"{len(report.findings) - top} more: --top {len(report.findings)}, or --html FILE."
        )
    parts += ["", *report.advice]
    parts.append(
        f"{report.encoding_seconds:.1f} s to read the texts, {report.seconds:.1f} s to check them."
    )
    if html is not None:
        parts.append(f"The page is {html}.")
    return Group(*parts)
