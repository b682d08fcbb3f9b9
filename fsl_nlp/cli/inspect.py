from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fsl_nlp.cli.run import Run, command

if TYPE_CHECKING:
    from fsl_nlp.artifact import ClassifierInspection, MetaInspection


def add_to(app: typer.Typer) -> None:
    """Add the command `inspect`."""

    @command(app, example="fsl-nlp inspect my-bot")
    def inspect(
        run: Run,
        folder: Annotated[
            Path, typer.Argument(help="Folder that fit, export or meta-train wrote.")
        ],
    ) -> None:
        """Show what is in a saved bot, without loading a model."""
        from fsl_nlp.artifact import inspect_bot

        inspection = inspect_bot(folder)
        run.show(inspection.to_dict(), lambda: _as_text(inspection))


def _as_text(inspection: ClassifierInspection | MetaInspection) -> Any:
    from fsl_nlp.artifact import ClassifierInspection
    from fsl_nlp.cli.tables import Group

    if isinstance(inspection, ClassifierInspection):
        rows, tables = _classifier_rows(inspection), [_labels(inspection)]
        if inspection.report:
            tables.append(_report(inspection.report))
    else:
        rows, tables = _meta_rows(inspection), []
    tables = [_pairs({**_common_rows(inspection), **rows}), *tables, _files(inspection)]
    return Group(*(part for table in tables for part in (table, "")))


def _common_rows(inspection: ClassifierInspection | MetaInspection) -> dict[str, str]:
    return {
        "kind": inspection.kind,
        "format": str(inspection.format),
        "fsl_nlp": inspection.fsl_nlp or "not noted",
        "written": inspection.written,
        "method": inspection.method,
        "options": _settings(inspection.options),
        "seed": str(inspection.seed),
        "encoder": f"{inspection.encoder} (fingerprint {inspection.fingerprint[:16]})",
    }


def _classifier_rows(bot: ClassifierInspection) -> dict[str, str]:
    without_torch = "yes" if bot.without_torch else "no"
    if bot.without_torch and not bot.exported:
        without_torch = "after fsl-nlp export, or where the cache has its encoder's graph"
    rows = {
        "languages": bot.languages,
        "precision": bot.precision,
        "left out": bot.pruned,
        "model version": bot.model_version,
        "temperature": ", ".join(f"{t:.4g}" for t in bot.temperatures),
        "without torch": without_torch,
        "on held-out texts": _expected(bot.expected),
    }
    return {name: value for name, value in rows.items() if value}


def _expected(expected: Mapping[str, Any] | None) -> str:
    from fsl_nlp.decision.expectation import Expectation

    return str(Expectation.of_dict(expected)).replace("\n", "; ") if expected else "not known"


def _meta_rows(trained: MetaInspection) -> dict[str, str]:
    way, shot = (str(a) if a == b else f"{a}-{b}" for a, b in (trained.way, trained.shot))
    sources = (f"{name} ({classes} classes)" for name, classes in trained.sources.items())
    return {
        "trained on": f"{way}-way {shot}-shot tasks with {trained.query} queries a class",
        "mentions": "yes" if trained.mentions else "no",
        "sources": ", ".join(sources),
        "steps": f"{trained.training.get('kept_step')} of {trained.training.get('steps')}",
    }


def _settings(values: Mapping[str, Any]) -> str:
    shown = (f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items())
    return ", ".join(shown) or "the defaults"


def _pairs(rows: Mapping[str, str]) -> Any:
    from fsl_nlp.cli.tables import Table

    table = Table(show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _labels(bot: ClassifierInspection) -> Any:
    from fsl_nlp.cli.tables import Table

    table = Table("label", "stored examples")
    for entry in bot.labels:
        table.add_row(str(entry.label), "-" if entry.examples is None else str(entry.examples))
    return table


def _report(report: Mapping[str, Any]) -> Any:
    from fsl_nlp.cli.tables import Table

    table = Table(
        "method",
        "accuracy",
        "gain",
        "seconds",
        "note",
        caption=f"auto chose {report['chosen']}: {report['why']}",
    )
    for candidate in report["candidates"]:
        table.add_row(*_candidate(candidate))
    return table


def _candidate(candidate: Mapping[str, Any]) -> Iterator[str]:
    from fsl_nlp.methods.combined.report import accuracy_text, gain_text

    yield candidate["method"]
    yield accuracy_text(candidate)
    yield gain_text(candidate)
    yield f"{candidate['seconds']:.1f}"
    yield candidate["note"]


def _files(inspection: ClassifierInspection | MetaInspection) -> Any:
    from fsl_nlp.cli.tables import Table

    table = Table("file", "bytes")
    for file in inspection.files:
        table.add_row(file.name, f"{file.bytes:,}")
    table.add_row("all files", f"{sum(file.bytes for file in inspection.files):,}")
    return table
