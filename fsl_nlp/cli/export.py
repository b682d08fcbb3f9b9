from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fsl_nlp.cli.run import Run, command


def add_to(app: typer.Typer) -> None:
    @command(app, example="fsl-nlp export my-bot --out my-encoder")
    def export(
        run: Run,
        folder: Annotated[Path, typer.Argument(help="Folder of a classifier that was tuned.")],
        out: Annotated[Path, typer.Option(help="New folder for its encoder.")],
    ) -> None:
        """Write a classifier's tuned encoder as an ordinary Hugging Face model."""
        from fsl_nlp import FewShotClassifier
        from fsl_nlp.export import export_encoder

        written = export_encoder(FewShotClassifier.load(folder), out)
        run.show(
            {"out": str(written)},
            lambda: f"Saved in {written}. Use it by its path: --encoder {written}",
        )
