from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
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
    from fsl_nlp.intervals import Share
    from fsl_nlp.types import Label, Prediction

# With fewer texts a perfectly calibrated classifier shows an error of 10 percent and more.
_ENOUGH = 100


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
        """Score a saved classifier on labelled texts.

        Accuracy is that of the best label of every text. ECE is the expected calibration error: how
        far the confidence is from the accuracy. It is shown for 100 texts or more; with fewer it is
        mostly noise. "answered" is the share of the texts that the classifier does not turn away.
        """
        import numpy as np

        from fsl_nlp import load_dataset
        from fsl_nlp.evaluation.scoring import check_targets, score_predictions
        from fsl_nlp.loading import load_bot
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
        answers = classifier.classify(list(data.examples), top_k=1, store=True)
        # Without an answer, the best label is the first alternative.
        best = [a.alternatives[0].label if a.label is None else a.label for a in answers]
        confidence = np.array([answer.confidence for answer in answers])
        score = score_predictions(targets, best, labels, confidence=confidence, seed=run.seed)
        result = {"test": test, "model_version": classifier.model_version_, **score.to_dict()}
        shares = _answered(answers, targets) if classifier.decision_ else None
        if shares:
            names = ("answered", "accuracy_of_answers")
            result |= {n: asdict(share) for n, share in zip(names, shares, strict=True)}
        run.show(result, lambda: score_as_table(score, shares))


def _answered(answers: Sequence[Prediction], targets: Sequence[Label]) -> tuple[Share, Share]:
    """The share of the texts that got a label, and the share of those labels that are right."""
    from fsl_nlp.intervals import Share

    right = [a.label == t for a, t in zip(answers, targets, strict=True) if a.label is not None]
    return Share.of(len(right), len(answers)), Share.of(sum(right), len(right))


def score_as_table(score: Score, shares: tuple[Share, Share] | None = None) -> Any:
    """The score as a table for people; `shares` are those of `_answered`."""
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
    if score.count >= _ENOUGH and score.calibration_error is not None:
        assert score.calibration_error_interval is not None
        error = percent(score.calibration_error, score.calibration_error_interval)
        parts.append(f"ECE       {error}")
    if shares:
        answered, right = shares
        interval = f"95% interval {right.low:.2%} to {right.high:.2%}"
        parts.append(f"answered  {answered.value:.2%}   ({right.value:.2%} right, {interval})")
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
