from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from fsl_nlp.cli.options import (
    DataDir,
    Device,
    From,
    LabelColumn,
    OnError,
    TextColumn,
    chosen_method,
)
from fsl_nlp.cli.run import Run, command
from fsl_nlp.errors import OptionError


def add_to(app: typer.Typer) -> None:
    @command(app, example="fsl-nlp fit train.csv --out my-bot")
    def fit(
        run: Run,
        train: Annotated[
            str, typer.Argument(help="CSV, TSV, JSON, JSON lines or Parquet file, or a data name.")
        ],
        out: Annotated[Path, typer.Option(help="Folder to save the classifier in.")],
        method: Annotated[
            str, typer.Option(help="'auto' or a method; `fsl-nlp models` lists them.")
        ] = "auto",
        encoder: Annotated[
            str, typer.Option(help="'auto', a model's name, a hub id or a folder.")
        ] = "auto",
        budget: Annotated[
            str | None,
            typer.Option(help="For 'auto': time to try tuned methods in; 30s, 5m or 'none'."),
        ] = None,
        report: Annotated[
            bool, typer.Option("--report", help="For 'auto': say what was tried and found.")
        ] = False,
        option: Annotated[
            list[str] | None,
            typer.Option(help="Option of the method, NAME=VALUE. May be repeated."),
        ] = None,
        prepared: From = None,
        shots: Annotated[
            int | None, typer.Option(min=1, help="Learn from so many texts a label only.")
        ] = None,
        descriptions: Annotated[
            Path | None, typer.Option(help="JSON file {label: description in words}.")
        ] = None,
        unlabelled: Annotated[
            str | None,
            typer.Option(help="Texts without labels to learn from, too: a file or a data name."),
        ] = None,
        checkpoint: Annotated[
            Path | None,
            typer.Option(help="Folder for a long training's state: after a crash, it goes on."),
        ] = None,
        store_examples: Annotated[
            bool, typer.Option(help="Keep the training texts in the folder.")
        ] = True,
        text_column: TextColumn = None,
        label_column: LabelColumn = None,
        on_error: OnError = "raise",
        data_dir: DataDir = None,
        device: Device = "auto",
    ) -> None:
        """Train a classifier from labelled texts and save it."""
        from fsl_nlp import FewShotClassifier, load_dataset
        from fsl_nlp.artifact import check_folder
        from fsl_nlp.checks import as_known, with_descriptions
        from fsl_nlp.splits import sample_shots

        check_folder(out)
        if checkpoint and out.resolve() in (checkpoint.resolve(), *checkpoint.resolve().parents):
            raise OptionError("--checkpoint must lie outside --out, which holds the result alone.")
        described = read_descriptions(descriptions)
        method, encoder, options = chosen_method(prepared, method, encoder, parse_options(option))
        data = load_dataset(
            train, text=text_column, label=label_column, on_error=on_error, data_dir=data_dir
        )
        if shots is not None:
            data = sample_shots(data, shots, run.seed)
        started = time.perf_counter()
        classifier = FewShotClassifier(
            method=method,
            encoder=encoder,
            seed=run.seed,
            device=device,
            budget={None: 0, "none": None}.get(budget, budget),
            **options,
        )
        meanings = dict(
            zip(as_known(list(described), data.labels), described.values(), strict=True)
        )
        support = with_descriptions(data, meanings)
        if unlabelled:
            more = load_dataset(unlabelled, labelled=False, on_error=on_error, data_dir=data_dir)
            support = support.with_unlabelled(more)
        classifier.fit_dataset(support, checkpoint)
        seconds = time.perf_counter() - started
        classifier.save(out, store_examples=store_examples)
        result = {
            "out": str(out),
            "examples": len(data),
            "labels": len(classifier.classes_),
            "method": classifier.method_,
            "encoder": classifier.encoder_.name,
            "model_version": classifier.model_version_,
            "seconds": round(seconds, 2),
        }
        found = classifier.report_ if report else None
        if found:
            result["report"] = found.to_dict()
        run.show(
            result,
            lambda: (
                (f"{found}\n\n" if found else "")
                + f"Learned {result['labels']} labels from {result['examples']} texts "
                f"in {seconds:.1f} s ({result['method']} on {result['encoder']}).\n"
                f'Saved in {out}. Ask it: fsl-nlp predict {shlex.quote(str(out))} "..."'
            ),
        )


def parse_options(pairs: list[str] | None) -> dict[str, Any]:
    """NAME=VALUE, the value as JSON where it is JSON, else as text.

    >>> parse_options(["C=3", "distance=euclidean", "label_names=false"])
    {'C': 3, 'distance': 'euclidean', 'label_names': False}
    """
    import json

    options: dict[str, Any] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise OptionError(f"--option {pair}: write it as NAME=VALUE, for example C=10.")
        if name in ("method", "encoder", "seed", "device", "budget"):
            raise OptionError(f"--option {pair}: write it as --{name} {value}.")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


def read_descriptions(path: Path | None) -> dict[str, str]:
    import json

    if path is None:
        return {}
    try:
        descriptions = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise OptionError(f"--descriptions {path}: {error.strerror}.") from None
    except ValueError as error:
        raise OptionError(f"--descriptions {path} is not JSON: {error}.") from None
    if not isinstance(descriptions, dict):
        raise OptionError(f'--descriptions {path}: write {{"label": "what it means", ...}}.')
    return descriptions
