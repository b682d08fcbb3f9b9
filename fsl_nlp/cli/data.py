from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fsl_nlp.cli.completion import catalogue_names, data_names
from fsl_nlp.cli.options import (
    DataDir,
    LabelColumn,
    NoHeader,
    OnError,
    TextBColumn,
    TextColumn,
    shared,
)
from fsl_nlp.cli.run import Run, command
from fsl_nlp.output import one_line, visible

if TYPE_CHECKING:
    from fsl_nlp.data import Fetched, Status

Name = Annotated[
    str,
    typer.Argument(help="A name that `fsl-nlp data list` shows.", autocompletion=catalogue_names),
]
Split = Annotated[str | None, shared("--split", "Default: all.")]
_USE = """Use NAME or NAME:SPLIT where a command takes a file. \
Public corpora are looked for in --data-dir or FSL_NLP_DATA.
`fsl-nlp data get NAME` downloads them, `fsl-nlp data check NAME` verifies them."""


def add_to(app: typer.Typer) -> None:
    """Add the commands `data list`, `data get`, `data check` and `data convert`."""
    group = typer.Typer(
        no_args_is_help=True, help="Datasets that have a name, and conversion of files."
    )
    app.add_typer(group, name="data")

    @command(group, name="list", example="fsl-nlp data list --data-dir corpora")
    def list_(run: Run, data_dir: DataDir = None) -> None:
        """List the named datasets, their splits, and whether they are here."""
        from fsl_nlp.data import list_datasets

        statuses = list_datasets(data_dir)
        result = {"datasets": [_status(status) for status in statuses]}
        run.show(result, lambda: _list_text(statuses))

    @command(group, example="fsl-nlp data get fewrel --split val_wiki --data-dir corpora")
    def get(run: Run, name: Name, split: Split = None, data_dir: DataDir = None) -> None:
        """Download a public corpus from where it is published, and verify it.

        Files that are here stay; a broken download resumes.
        """
        from fsl_nlp.data import fetch_dataset

        def report(file: Fetched) -> None:
            if not run.json:
                print(visible(_fetched_line(file)))

        files = fetch_dataset(name, split=split, data_dir=data_dir, report=report)
        result = [
            {"path": str(file.path), "urls": list(file.urls), "verified": file.verified}
            for file in files
        ]
        run.show({"name": name, "files": result}, lambda: None)

    @command(group, example="fsl-nlp data check banking77")
    def check(run: Run, name: Name, split: Split = None, data_dir: DataDir = None) -> None:
        """Compare the files of a dataset with their published checksums.

        The exit status is 1 if a file differs, or if none of the files is here.
        """
        from fsl_nlp.data import check_dataset

        checks = check_dataset(name, split=split, data_dir=data_dir)
        result = [
            {"split": check.split, "path": str(check.path), "state": check.state}
            for check in checks
        ]
        run.show(
            {"name": name, "files": result},
            lambda: _aligned([(check.state, str(check.path)) for check in checks]),
        )
        here = any(check.split and check.state != "missing" for check in checks)
        if not here or any(check.state == "differs" for check in checks):
            raise typer.Exit(1)

    @command(group, example="fsl-nlp data convert agent.zip:en nlu.yml")
    def convert(
        run: Run,
        source: Annotated[
            str,
            typer.Argument(
                metavar="IN",
                help="A file, a folder or a .zip with labelled texts, or a data name.",
                autocompletion=data_names,
            ),
        ],
        out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.")],
        file_format: Annotated[
            str | None,
            typer.Option(
                "--format",
                help="'csv', 'jsonl', 'rasa' or 'label-studio'. Default: by the ending of OUT.",
            ),
        ] = None,
        force: Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")] = False,
        text_column: TextColumn = None,
        text_b_column: TextBColumn = None,
        label_column: LabelColumn = None,
        no_header: NoHeader = False,
        on_error: OnError = "raise",
        data_dir: DataDir = None,
    ) -> None:
        """Convert labelled texts to CSV, JSON lines, Rasa or Label Studio."""
        from fsl_nlp.data import load_dataset, write_dataset

        data = load_dataset(
            source,
            text=text_column,
            text_b=text_b_column,
            label=label_column,
            header=not no_header,
            on_error=on_error,
            data_dir=data_dir,
        )
        name = write_dataset(data, out, format=file_format, overwrite=force)
        result = {
            "out": str(out),
            "format": name,
            "examples": len(data),
            "labels": len(data.labels),
        }
        run.show(
            result,
            lambda: f"Wrote {len(data)} texts of {len(data.labels)} labels to {out} ({name}).",
        )


def _status(status: Status) -> dict[str, Any]:
    return {
        "name": status.entry.name,
        "description": status.entry.description,
        "language": status.entry.language,
        "kind": status.entry.kind,
        "licence": status.entry.licence,
        "source": status.entry.source or None,
        "splits": list(status.entry.splits),
        "available": list(status.splits),
        "folder": str(status.folder) if status.folder else None,
    }


def _list_text(statuses: Iterable[Status]) -> str:
    """One line for each dataset, for use with grep and awk."""
    rows = [("name", "language", "here", "what it is", "splits")]
    for status in statuses:
        entry, here = status.entry, _here(len(status.splits), len(status.entry.splits))
        rows.append((entry.name, entry.language, here, entry.description, _short(entry.splits)))
    return f"{_aligned(rows)}\n\n{_USE}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def _here(count: int, total: int) -> str:
    return "yes" if count == total else f"{count} of {total}" if count else "no"


def _short(splits: Iterable[str]) -> str:
    """The splits in short: train_0, train_1, train_2 as train_0-2."""
    shown: list[str] = []
    for stem, group in groupby(splits, key=lambda split: split.rstrip("0123456789")):
        names = list(group)
        shown += names if len(names) < 3 else [f"{names[0]}-{names[-1].removeprefix(stem)}"]
    return ", ".join(shown)


def _fetched_line(file: Fetched) -> str:
    verified = "checksum verified" if file.verified else "no checksum is published"
    if not file.urls:
        return f"here already: {file.path} ({verified})"
    return f"fetched {' and '.join(file.urls)}\n  to {file.path} ({verified})"
