from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fsl_nlp.cli.options import ClassifierFolder, Device, TextColumn
from fsl_nlp.cli.run import Run, command
from fsl_nlp.errors import DataError

if TYPE_CHECKING:
    from fsl_nlp.types import Prediction


def add_to(app: typer.Typer) -> None:
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
        text_column: TextColumn = None,
        device: Device = "auto",
    ) -> None:
        """Label texts with a saved classifier."""
        from fsl_nlp import FewShotClassifier

        texts = _texts(text, file, text_column)
        classifier = FewShotClassifier.load(folder, device=device)
        predictions = classifier.classify(texts, top_k=top_k, nearest=nearest)
        result = {
            "model_version": classifier.model_version_,
            "predictions": [
                {"text": text, **prediction.to_dict()}
                for text, prediction in zip(texts, predictions, strict=True)
            ],
        }

        def text_of_all() -> None:
            if predictions:
                print(predictions_as_text(texts, predictions))

        run.show(result, text_of_all)


def predictions_as_text(texts: Sequence[str], predictions: Sequence[Prediction]) -> str:
    lines = []
    for text, prediction in zip(texts, predictions, strict=True):
        if prediction.label is None:
            lines.append(f"{prediction.reason:>6}  {text}")
            continue
        others = ", ".join(f"{a.label} {a.confidence:.0%}" for a in prediction.alternatives)
        lines.append(
            f"{prediction.confidence:6.0%}  {prediction.label}  <- {text}"
            + (f"\n        or {others}" if others else "")
        )
        lines.extend(
            f"        like {n.similarity:.2f} {n.label}: {n.text}" for n in prediction.nearest
        )
    return "\n".join(lines)


def _texts(arguments: list[str] | None, file: Path | None, text_column: str | None) -> list[str]:
    if arguments and file:
        raise typer.BadParameter("Give texts or --file, not both.")
    if arguments:
        return arguments
    if file is None:
        if sys.stdin.isatty():
            raise typer.BadParameter("Give a text, --file, or lines on stdin.")
        return _lines(sys.stdin.buffer.read(), "stdin")
    if file.suffix.lower() == ".txt":
        try:
            return _lines(file.read_bytes(), str(file))
        except OSError as error:
            raise DataError(f"{file} cannot be read: {error.strerror or error}.") from None
    from fsl_nlp import load_dataset

    return load_dataset(file, text=text_column, labelled=False).texts


def _lines(content: bytes, source: str) -> list[str]:
    """Split on line ends only; U+2028 and its like stay inside a text."""
    from fsl_nlp.data.encoding import decode

    text, encoding = decode(content, source)
    if encoding:
        warnings.warn(f"{source} is not UTF-8: it was read as {encoding}.", stacklevel=2)
    if not text:
        warnings.warn(f"{source} is empty, so there is nothing to label.", stacklevel=2)
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines
