from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from fsl_nlp.cli.options import (
    DataDir,
    Device,
    Encoder,
    Method,
    Option,
    Source,
    parse_options,
)
from fsl_nlp.cli.run import Run, command


def add_to(app: typer.Typer) -> None:
    """Add the deprecated command `submit-fewrel`."""

    @command(
        app, example="fsl-nlp submit-fewrel test_wiki_input-5-1.json --out submission", hidden=True
    )
    def submit_fewrel(
        run: Run,
        inputs: Annotated[list[Path], typer.Argument(help="Official test_wiki_input-N-K.json.")],
        out: Annotated[Path, typer.Option(help="Folder for the predictions and their zip.")],
        method: Method = "proto",
        encoder: Encoder = "auto",
        source: Source = None,
        option: Option = None,
        data_dir: DataDir = None,
        device: Device = "auto",
    ) -> None:
        """Deprecated: use `fsl-nlp benchmark fewrel --submit FOLDER`.

        Predict FewRel's hidden test and write the files that its leaderboard takes.
        """
        from fsl_nlp.benchmarks.fewrel import FewRel
        from fsl_nlp.data import zip_predictions

        options, sources = parse_options(option), tuple(source or ())
        plan = FewRel(method, encoder, options, seed=run.seed, source=sources)
        written = plan.predict_files(inputs, out, data_dir, device)
        archive = zip_predictions(out / "submission.zip", written)
        warnings.warn(
            "submit-fewrel is now `fsl-nlp benchmark fewrel --submit FOLDER`, with the input files "
            "in the folder fewrel/ of the data folder.",
            stacklevel=2,
        )
        files = [str(path) for path in written]
        run.show(
            {"predictions": files, "zip": str(archive)},
            lambda: "\n".join([*files, f"All in {archive}"]),
        )
