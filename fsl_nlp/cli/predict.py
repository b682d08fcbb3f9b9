from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import islice, tee
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from fsl_nlp.cli.options import ClassifierFolder, Device, NoHeader, TextBColumn, TextColumn
from fsl_nlp.cli.run import Run, command, say
from fsl_nlp.errors import DataError, FslError
from fsl_nlp.output import one_line, to_json, visible

if TYPE_CHECKING:
    import io

    from fsl_nlp.answering import Answering
    from fsl_nlp.decision.label_sets import LabelSet
    from fsl_nlp.types import Example, Influence, Prediction

    Answer = Prediction | list[Prediction] | LabelSet | None
    Pair = tuple[str, Answer]


_LARGEST_BATCH = 256


def add_to(app: typer.Typer) -> None:
    """Add the command `predict`."""

    @command(app, example='fsl-nlp predict my-bot "where is my parcel?"')
    def predict(
        run: Run,
        folder: ClassifierFolder,
        text: Annotated[
            list[str] | None,
            typer.Argument(
                help="Texts; without any, lines of stdin. Put -- before one that begins with -."
            ),
        ] = None,
        file: Annotated[
            Path | None,
            typer.Option(
                help="Texts from a file: one a line (.txt), or a table with a text column."
            ),
        ] = None,
        top_k: Annotated[int, typer.Option(min=1, help="Labels to name, the answer included.")] = 3,
        nearest: Annotated[int, typer.Option(min=0, help="Training examples to show.")] = 0,
        multiple: Annotated[
            bool, typer.Option("--multiple", help="Answer each part of a message by itself.")
        ] = False,
        why: Annotated[
            bool, typer.Option("--why", help="Show the words that the answer rests on.")
        ] = False,
        coverage: Annotated[
            float | None,
            typer.Option(
                "--set",
                metavar="COVERAGE",
                min=0,
                max=1,
                help="Print the labels among which the right one is in this share of cases, such as"
                " 0.9.",
            ),
        ] = None,
        text_column: TextColumn = None,
        text_b_column: TextBColumn = None,
        no_header: NoHeader = False,
        device: Device = "auto",
    ) -> None:
        """Label texts with a saved classifier, one after another; a file may have any length."""
        from fsl_nlp.loading import load_bot

        columns = {"text": text_column, "text_b": text_b_column}
        asked = _texts(text, file, columns, header=not no_header)
        classifier = load_bot(folder, device)
        if classifier.classifier_.inputs.kinds == ("text",):
            asked = (getattr(question, "text", question) for question in asked)
        questions, inputs = tee(asked)
        answers: Iterable[Answer]
        if coverage is not None:
            if multiple or why or nearest:
                raise typer.BadParameter("--set goes without --multiple, --why and --nearest.")
            answers = _label_sets(classifier, inputs, coverage)
        elif multiple:
            answers = (
                classifier.classify(t, top_k=top_k, nearest=nearest, multiple=True, why=why)
                for t in inputs
            )
        else:
            answers = classifier.stream(inputs, top_k=top_k, nearest=nearest, why=why)
        pairs = _counted(zip(map(_shown, questions), answers, strict=True))
        if run.json:
            _print_json(classifier.model_version_, pairs)
            return
        for question, answer in pairs:
            print(visible(_as_lines(question, answer)))


def _label_sets(
    classifier: Answering, questions: Iterable[Any], coverage: float
) -> Iterator[LabelSet | None]:
    """The label set of each question, None for an empty one."""
    classifier.predict_set([], coverage)  # a wrong coverage is refused before a question is read
    remaining, size = iter(questions), 1
    while batch := list(islice(remaining, size)):
        size = min(4 * size, _LARGEST_BATCH)  # the first answers come at once
        asked = [q for q in batch if getattr(q, "text", q).strip()]
        sets = iter(classifier.predict_set(asked, coverage))
        yield from (next(sets) if getattr(q, "text", q).strip() else None for q in batch)


def _no_bar(count: int) -> None: ...


def _counted(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """The pairs, with a progress bar where the answers do not go to the terminal."""
    from fsl_nlp.progress import track

    with nullcontext(_no_bar) if sys.stdout.isatty() else track(None, "Labelling") as progress:
        for pair in pairs:
            yield pair
            progress(1)


def _print_json(version: str, pairs: Iterable[Pair]) -> None:
    """Print one JSON object, answer by answer; a question with parts has a list of them."""
    print(f'{{\n "model_version": {to_json(version)},\n "predictions": [', end="")
    separator = ""
    try:
        for question, prediction in pairs:
            row: dict[str, Any] = {"text": question}
            if isinstance(prediction, list):
                row["parts"] = [part.to_dict() for part in prediction]
            else:
                row |= {"labels": []} if prediction is None else prediction.to_dict()
            print(f"{separator}\n  {to_json(row)}", end="")
            separator = ","
    except FslError as error:  # the JSON stays complete, with the answers so far
        print(f'\n ],\n "error": {to_json(str(error))}\n}}')
        say(f"error: {error}")
        raise typer.Exit(1) from error
    print("\n ]\n}" if separator else "]\n}")


def _as_lines(question: str, answer: Answer) -> str:
    """A question with its answer, answers or label set, for people."""
    from fsl_nlp.types import Prediction

    if isinstance(answer, list):
        return "\n".join(as_text(prediction.part or question, prediction) for prediction in answer)
    if isinstance(answer, Prediction):
        return as_text(question, answer)
    if answer is None:
        return "    no label (the text is empty)"
    pairs = zip(answer.labels, answer.confidences, strict=True)
    labels = ", ".join(f"{one_line(label)} {confidence:.0%}" for label, confidence in pairs)
    if not answer.limited:
        labels = f"any label: too few training examples for a coverage of {answer.coverage:g}"
    return f"    {labels}  <- {one_line(question)}"


_REASONS = {
    "empty": "the text is empty",
    "out_of_scope": "out of scope",
    "ambiguous": "not sure enough",
}


def as_text(question: str, prediction: Prediction) -> str:
    """A question with its answer, for people."""
    asked = f"  <- {one_line(question)}" if question.strip() else ""
    labels = [one_line(a.label) for a in prediction.alternatives]
    pairs = zip(labels, prediction.alternatives, strict=True)
    alternatives = ", ".join(f"{label} {a.confidence:.0%}" for label, a in pairs)
    if prediction.label is None:
        lines = [f"{'--':>6}  no answer ({_REASONS[prediction.reason]}){asked}"]
        lines += [f"        if it had to answer: {alternatives}"] if alternatives else []
    else:
        label = one_line(prediction.label)
        lines = [f"{prediction.confidence:6.0%}  {label}{asked}"]
        lines += [f"        or {alternatives}"] if alternatives else []
        if prediction.reason == "ambiguous" and labels:
            lines.append(f"        ambiguous: ask whether {label} or {labels[0]} is meant")
    lines += [
        f"        like {n.similarity:.2f} {one_line(n.label)}: {one_line(n.text)}"
        for n in prediction.nearest
    ]
    lines += [_words_that_mattered(question, prediction.why)] if prediction.why else []
    lines += (
        ["        note: the text is too long; only a part was read"] if prediction.truncated else []
    )
    return "\n".join(lines)


_MOST_WORDS = 3  # to show of an answer
_LEAST_SHARE = 0.2  # of the change of the first word


def _words_that_mattered(question: str, why: tuple[Influence, ...]) -> str:
    """The question with the words in brackets that changed the odds most, and their changes."""
    most = sorted(why, key=lambda word: -abs(word.change))[:_MOST_WORDS]
    most = [word for word in most if abs(word.change) >= _LEAST_SHARE * abs(most[0].change)]
    marked = question
    for word in sorted(most, key=lambda word: -word.start):
        marked = f"{marked[: word.start]}[{word.text}]{marked[word.end :]}"
    numbers = ", ".join(f"{one_line(word.text)} {word.change:+.1f}" for word in most)
    return f"        why {one_line(marked)}: {numbers}"


def _shown(question: str | Example) -> str:
    """The text of a question, or both texts of a pair."""
    if isinstance(question, str):
        return question
    return question.text if question.text_b is None else f"{question.text} / {question.text_b}"


def _texts(
    arguments: list[str] | None, file: Path | None, columns: dict[str, str | None], *, header: bool
) -> Iterator[Any]:
    """The questions: strings, or the examples of a table."""
    if arguments and file:
        raise typer.BadParameter("Give texts or --file, not both.")
    if arguments:
        for argument in arguments:
            _refuse_file_name(argument)
        return iter(arguments)
    from fsl_nlp.data.files import is_line_file
    from fsl_nlp.data.lines import stream_lines

    if file is None:
        if sys.stdin is None or sys.stdin.isatty():
            raise typer.BadParameter("Give a text, --file, or lines on stdin.")
        return stream_lines(cast("io.BufferedIOBase", sys.stdin.buffer), "stdin")
    if is_line_file(file, header=header, text=columns["text"]):
        return _lines(file)
    from fsl_nlp import load_dataset

    data = load_dataset(
        file, text=columns["text"], text_b=columns["text_b"], header=header, labelled=False
    )
    return iter(data.examples)


def _refuse_file_name(text: str) -> None:
    """Refuse a text that is the name of a file: its lines are meant."""
    from fsl_nlp.data.files import SUFFIXES

    if not text.lower().endswith(SUFFIXES):
        return
    try:
        exists = Path(text).is_file()
    except (OSError, ValueError):  # too long for a path, or with a NUL
        return
    if exists or len(text.split()) == 1:
        raise typer.BadParameter(
            f"{text} is the name of a file. Label the texts in it with --file {shlex.quote(text)}. "
            "To label the name itself, write it on stdin."
        )


def _lines(path: Path) -> Iterator[str]:
    from fsl_nlp.data.lines import stream_lines
    from fsl_nlp.reading import refuse_devices

    refuse_devices(path, str(path))
    try:
        with path.open("rb") as file:
            yield from stream_lines(file, str(path))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
