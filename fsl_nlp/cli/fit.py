from __future__ import annotations

import shlex
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fsl_nlp.cli.completion import data_names
from fsl_nlp.cli.options import (
    DataDir,
    Device,
    Encoder,
    From,
    LabelColumn,
    Method,
    NoHeader,
    OnError,
    Option,
    StoreExamples,
    TextBColumn,
    TextColumn,
    chosen_method,
    parse_number,
    parse_options,
    parse_share,
)
from fsl_nlp.cli.run import Run, command
from fsl_nlp.decision.targets import DEFAULT_REJECT, Targets
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.output import one_line

if TYPE_CHECKING:
    from fsl_nlp.decision.expectation import Expectation
    from fsl_nlp.types import Dataset

_SHOWN = 5  # labels in a note


def add_to(app: typer.Typer) -> None:
    """Add the command `fit`."""

    @command(app, example="fsl-nlp fit train.csv --out my-bot")
    def fit(
        run: Run,
        train: Annotated[
            str,
            typer.Argument(
                help="CSV, TSV, Excel, JSON, JSON lines or Parquet file, export of a chatbot "
                "platform, or a data name.",
                autocompletion=data_names,
            ),
        ],
        out: Annotated[Path, typer.Option(help="Folder to save the bot in.")],
        method: Method = "auto",
        encoder: Encoder = "auto",
        budget: Annotated[
            str | None,
            typer.Option(
                help="For 'auto': time in which to try tuned methods, such as 30s or 5m; "
                "'none': no time limit. Default: try none."
            ),
        ] = None,
        report: Annotated[
            bool, typer.Option("--report", help="For 'auto': show what was tried, with accuracies.")
        ] = False,
        reject: Annotated[
            str,
            typer.Option(
                help="Share of in-scope questions that may be turned away as out of scope; 'none': "
                "answer every question."
            ),
        ] = str(DEFAULT_REJECT).lower(),
        coverage: Annotated[
            float | None,
            typer.Option(
                min=0, max=1, help="Instead of --reject: the share of in-scope questions to answer."
            ),
        ] = None,
        precision: Annotated[
            float | None,
            typer.Option(
                min=0,
                max=1,
                help="Instead of --reject: the share of the answers that must be right.",
            ),
        ] = None,
        outsiders: Annotated[
            str | None,
            typer.Option(
                help="Questions that no label covers, to tell them apart better; none are needed. "
                "A file (.txt: one a line) or data name.",
                autocompletion=data_names,
            ),
        ] = None,
        option: Option = None,
        prepared: From = None,
        shot: Annotated[
            str | None,
            typer.Option(help="Learn from at most this many examples of each label. Default: all."),
        ] = None,
        descriptions: Annotated[
            Path | None, typer.Option(help="JSON file {label: description}.")
        ] = None,
        unlabelled: Annotated[
            str | None,
            typer.Option(
                help="Texts without labels to learn from: a file (.txt: one a line) or data name.",
                autocompletion=data_names,
            ),
        ] = None,
        checkpoint: Annotated[
            Path | None,
            typer.Option(help="Folder for the state of a training; the same command resumes it."),
        ] = None,
        store_examples: StoreExamples = True,
        text_column: TextColumn = None,
        label_column: LabelColumn = None,
        text_b_column: TextBColumn = None,
        no_header: NoHeader = False,
        on_error: OnError = "raise",
        data_dir: DataDir = None,
        device: Device = "auto",
    ) -> None:
        """Train a classifier from labelled texts and save it."""
        from fsl_nlp import FewShotClassifier, load_dataset
        from fsl_nlp.artifact import check_folder
        from fsl_nlp.checks import with_descriptions
        from fsl_nlp.cli.plans import announce_fit
        from fsl_nlp.data.loading import load_unlabelled
        from fsl_nlp.data.overlap import without_test_texts
        from fsl_nlp.spelling import match_keys
        from fsl_nlp.splits import sample_shots

        check_folder(out)
        if checkpoint and out.resolve() in (checkpoint.resolve(), *checkpoint.resolve().parents):
            raise OptionError("--checkpoint must be outside --out, which holds only the result.")
        described = read_descriptions(descriptions)
        if report and method != "auto":
            raise OptionError(f"--report is for --method auto; {method} compares no methods.")
        method, encoder, options = chosen_method(
            run, prepared, method, encoder, parse_options(option)
        )
        data = load_dataset(
            train,
            text=text_column,
            label=label_column,
            text_b=text_b_column,
            header=not no_header,
            on_error=on_error,
            data_dir=data_dir,
        )
        if shot is not None:
            data = sample_shots(data, parse_number("--shot", shot), run.seed)
        classifier = FewShotClassifier(
            method=method,
            encoder=encoder,
            seed=run.seed,
            device=device,
            budget={None: 0, "none": None}.get(budget, budget),
            reject=None if reject == "none" else parse_share("--reject", reject),
            coverage=coverage,
            precision=precision,
            **options,
        )
        meanings = match_keys(described, data.labels, "--descriptions")
        support = with_descriptions(data, meanings)
        plain: dict[str, Any] = {
            "text": text_column,
            "header": not no_header,
            "on_error": on_error,
            "data_dir": data_dir,
        }
        if unlabelled:
            log, note = without_test_texts(
                load_unlabelled(unlabelled, **plain), str(unlabelled), data_dir
            )
            if note:
                run.note(note)
            support = support.with_unlabelled(log)
        out_of_scope = load_unlabelled(outsiders, **plain).examples if outsiders else ()
        if method == "auto" and budget not in (None, "0"):
            limit = "no time limit" if budget == "none" else f"{budget} for tuned methods"
            run.note(f"comparing methods on held-out texts; {limit}.")
        if shot != "1":
            _note_single_examples(run, support)
        decides = Targets.of(classifier.reject, coverage, precision).rejects
        announce_fit(run, method, encoder, options, device, support, decides=decides)
        started = time.perf_counter()
        classifier.fit_dataset(support, checkpoint, out_of_scope)
        seconds = time.perf_counter() - started
        classifier.save(out, store_examples=store_examples)
        expected = classifier.decision_ and classifier.decision_.expected
        result = {
            "out": str(out),
            "examples": len(data),
            "labels": len(classifier.classes_),
            "method": classifier.method_,
            "encoder": classifier.encoder_.name,
            "model_version": classifier.model_version_,
            "seconds": round(seconds, 2),
            "expected": expected.to_dict() if expected else None,
        }
        comparison = classifier.report_ if report else None
        if comparison:
            result["report"] = comparison.to_dict()
        lines = [
            *([f"{comparison}\n"] if comparison else []),
            _learned(result, seconds),
            *([_expected(expected)] if expected else []),
            f'Saved in {out}. Ask it: fsl-nlp predict {shlex.quote(str(out))} "..."',
        ]
        run.show(result, lambda: "\n".join(lines))


def _expected(expectation: Expectation) -> str:
    """What held-out examples show of the answers."""
    lines = str(expectation).split("\n")
    return "\n".join(["On texts that it had not seen, it", *(f"  {line}" for line in lines)])


def _learned(result: Mapping[str, Any], seconds: float) -> str:
    """What the classifier now knows, and from where."""
    from fsl_nlp.inputs.support import EXAMPLES
    from fsl_nlp.methods import method_class

    labels, name = result["labels"], result["method"]
    how = f"({name} on {result['encoder']})"
    if EXAMPLES in method_class(name).learns_from(name):
        return f"Learned {labels} labels from {result['examples']} texts in {seconds:.1f} s {how}."
    return (
        f"Ready: it tells {labels} labels apart by their names or words {how}. "
        f"{name} learns nothing from the {result['examples']} texts; prompt does."
    )


def _note_single_examples(run: Run, support: Dataset) -> None:
    """Name the labels that have one example. Candidates have positions, not labels."""
    if any(example.candidates for example in support.examples):
        return
    counts = Counter(support.labelled.known_targets)
    single = [str(label) for label in support.labels if counts[label] == 1]
    if not single:
        return
    names = ", ".join(map(one_line, single[:_SHOWN])) + (", ..." if len(single) > _SHOWN else "")
    subject = "1 label has" if len(single) == 1 else f"{len(single)} labels have"
    run.note(
        f"{subject} a single example: {names}. {'Its' if len(single) == 1 else 'Their'} "
        "confidence cannot be calibrated on held-out examples; add two or more."
    )


def read_descriptions(path: Path | None) -> dict[str, str]:
    """The label descriptions of a JSON file; {} without a file."""
    from fsl_nlp.reading import read_json

    if path is None:
        return {}
    source = f"--descriptions {path}"
    descriptions = read_json(path, source)
    if not isinstance(descriptions, dict):
        raise DataError(f'{source}: write {{"label": "what it means", ...}}.')
    return descriptions
