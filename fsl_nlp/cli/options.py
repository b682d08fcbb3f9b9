"""Options that several commands have, worded once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fsl_nlp.cli.run import was_given
from fsl_nlp.errors import OptionError

TextColumn = Annotated[
    str | None, typer.Option("--text-column", help="Column of the texts, if its name is unusual.")
]
LabelColumn = Annotated[
    str | None, typer.Option("--label-column", help="Column of the labels, likewise.")
]
OnError = Annotated[
    str, typer.Option("--on-error", help="Bad rows: 'raise' reports them, 'skip' leaves them out.")
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder of public corpora. Default: FSL_NLP_DATA."),
]
From = Annotated[
    Path | None,
    typer.Option("--from", help="Folder that `fsl-nlp meta-train` wrote: its method and encoder."),
]
Device = Annotated[str, typer.Option(help="'auto', 'cpu' or 'cuda'.")]
ClassifierFolder = Annotated[Path, typer.Argument(help="Folder that `fsl-nlp fit --out` wrote.")]


def chosen_method(
    folder: Path | None, method: str, encoder: str, options: dict[str, Any]
) -> tuple[str, str, dict[str, Any]]:
    """Method, encoder and options: as given, or as the folder of a meta-training says."""
    if folder is None:
        return method, encoder, options
    from fsl_nlp.meta.folder import load_prepared

    found = load_prepared(folder)
    if was_given("--method") and method != found.method:
        raise OptionError(f"--method {method}: {folder} holds a meta-trained {found.method!r}.")
    name = encoder if was_given("--encoder") else found.encoder["name"]
    return found.method, name, {**options, "prepared": str(folder)}
