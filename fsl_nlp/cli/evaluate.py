from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from fsl_nlp.cli.options import (
    ClassifierFolder,
    DataArgument,
    DataDir,
    Device,
    LabelColumn,
    NoHeader,
    OnError,
    TextBColumn,
    TextColumn,
)
from fsl_nlp.cli.run import Run, command

if TYPE_CHECKING:
    from fsl_nlp.evaluation.scoring import Score


def add_to(app: typer.Typer) -> None:
    """Add the command `evaluate`."""

    @command(app, example="fsl-nlp evaluate my-bot test.csv")
    def evaluate(
        run: Run,
        folder: ClassifierFolder,
        test: DataArgument,
        text_column: TextColumn = None,
        label_column: LabelColumn = None,
        text_b_column: TextBColumn = None,
        no_header: NoHeader = False,
        on_error: OnError = "raise",
        data_dir: DataDir = None,
        device: Device = "auto",
    ) -> None:
        """Score a saved classifier on labelled texts."""
        from fsl_nlp import load_dataset
        from fsl_nlp.cli.predict import load_bot
        from fsl_nlp.evaluation.scoring import check_targets, score_predictions
        from fsl_nlp.spelling import match_labels

        data = load_dataset(
            test,
            text=text_column,
            label=label_column,
            text_b=text_b_column,
            header=not no_header,
            on_error=on_error,
            data_dir=data_dir,
        )
        classifier = load_bot(folder, device)
        labels = classifier.classifier_.labels
        targets = match_labels(data.known_targets, labels)
        check_targets(targets, labels)  # before the long work
        predicted = classifier.predict(data.examples, store=True).tolist()
        score = score_predictions(targets, predicted, labels, seed=run.seed)
        result = {"test": test, "model_version": classifier.model_version_, **score.to_dict()}
        run.show(result, lambda: score_as_table(score))


def score_as_table(score: Score) -> Any:
    """The score as a table for people."""
    from fsl_nlp.cli.tables import Group, Table

    def percent(value: float, interval: tuple[float, float]) -> str:
        if score.count < 2:
            return f"{value:.2%}   (no interval: it needs at least 2 texts)"
        return f"{value:.2%}   (95% interval {interval[0]:.2%} to {interval[1]:.2%})"

    parts: list[Any] = [
        f"texts     {score.count}",
        f"accuracy  {percent(score.accuracy, score.accuracy_interval)}",
        f"macro-F1  {percent(score.macro_f1, score.macro_f1_interval)}",
    ]
    if score.worst:
        table = Table("label", "F1", "texts", title="\nWorst labels")
        for row in score.worst:
            table.add_row(str(row.label), f"{row.f1:.2f}", str(row.count))
        parts.append(table)
    if score.confused:
        table = Table("was", "taken for", "times", title="\nMost confused")
        for pair in score.confused:
            table.add_row(str(pair.label), str(pair.taken_for), str(pair.count))
        parts.append(table)
    return Group(*parts)
