from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fsl_nlp.cli.episodes import Encoder, Method, Option, Source, load_sources, method_spec
from fsl_nlp.cli.fit import parse_options
from fsl_nlp.cli.options import DataDir, Device
from fsl_nlp.cli.run import Run, command


def add_to(app: typer.Typer) -> None:
    @command(app, example="fsl-nlp submit-fewrel test_wiki_input-5-1.json --out submission")
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
        """Predict FewRel's hidden test and write the files its leaderboard takes."""
        from fsl_nlp.data import read_submission_episodes, write_predictions, zip_predictions
        from fsl_nlp.evaluation.submission import predict_submission

        learned = load_sources(source, data_dir)
        written = []
        for path in inputs:
            episodes = read_submission_episodes(path)
            spec = method_spec(
                method, encoder, parse_options(option), run, device, episodes.dataset
            )
            predictions = predict_submission(spec, episodes, source=learned)
            written.append(write_predictions(out, episodes, predictions))
        archive = zip_predictions(out / "submission.zip", written)
        files = [str(path) for path in written]
        run.show(
            {"predictions": files, "zip": str(archive)},
            lambda: print("\n".join([*files, f"All in {archive}"])),
        )
