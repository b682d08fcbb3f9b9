from __future__ import annotations

from typing import Any

import typer

from fsl_nlp.cli.options import DataDir
from fsl_nlp.cli.run import Run, command


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="The datasets that have a name.")
    app.add_typer(group, name="data")

    @command(group, name="list", example="fsl-nlp data list --data-dir corpora")
    def list_(run: Run, data_dir: DataDir = None) -> None:
        """List the named datasets, their splits, and whether they are here."""
        from fsl_nlp.data import list_datasets

        statuses = list_datasets(data_dir)
        result = {
            "datasets": [
                {
                    "name": status.entry.name,
                    "description": status.entry.description,
                    "language": status.entry.language,
                    "kind": status.entry.kind,
                    "licence": status.entry.licence,
                    "splits": list(status.entry.splits),
                    "available": list(status.splits),
                    "folder": str(status.folder) if status.folder else None,
                }
                for status in statuses
            ]
        }

        def text() -> Any:
            from rich.console import Group
            from rich.table import Table

            table = Table("name", "language", "here", "splits", "what it is", box=None)
            for status in statuses:
                table.add_row(
                    status.entry.name,
                    status.entry.language,
                    "yes" if status.available else "no",
                    ", ".join(status.entry.splits),
                    status.entry.description,
                )
            return Group(
                table,
                "\nUse NAME or NAME:SPLIT where a command takes a file. Public corpora are looked "
                "for in --data-dir or FSL_NLP_DATA.",
            )

        run.show(result, text)
