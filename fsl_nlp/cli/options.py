"""Options that several commands have, worded once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
Device = Annotated[str, typer.Option(help="'auto', 'cpu' or 'cuda'.")]
ClassifierFolder = Annotated[Path, typer.Argument(help="Folder that `fsl-nlp fit --out` wrote.")]
