"""`write_dataset`: a file that other tools read, and that `load_dataset` reads again."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from fsl_nlp.data.formats.phrases import plural
from fsl_nlp.data.formats.rasa_writer import as_rasa
from fsl_nlp.data.formulas import escape_apostrophe, escape_formula
from fsl_nlp.data.records import quoted
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.folders import write_atomically
from fsl_nlp.types import LONE_SURROGATE, Dataset, Example, Label

_NEEDS_QUOTES = re.compile(r'[",;\t\r\n]')


@dataclass(frozen=True)
class Writer:
    """A format to write: its name in messages, and the endings of its files."""

    title: str
    suffixes: tuple[str, ...]
    render: Callable[[Dataset], str]
    whole_numbers: bool = False  # True: it tells the label 3 from the label "3"
    pairs: bool = False  # True: it holds second texts


def write_dataset(
    dataset: Dataset,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    overwrite: bool = False,
) -> str:
    """Write texts and labels to a file; gives the name of the format.

    The format is "csv", "jsonl", "rasa" (YAML 3.1) or "label-studio" (tasks with annotations);
    without a name, the ending of the file tells it. Nothing is written if the format cannot hold a
    text or a label. An existing file stays, unless `overwrite` is set.

    >>> from tempfile import TemporaryDirectory
    >>> data = Dataset.from_texts(["where is it", "money back"], ["track", "refund"])
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "nlu.yml")
    ...     print(write_dataset(data, file))
    ...     print(file.read_text())
    rasa
    version: "3.1"
    nlu:
    - intent: track
      examples: |
        - where is it
    - intent: refund
      examples: |
        - money back
    <BLANKLINE>
    """
    path = Path(path).expanduser()
    name = choose_format(path, format)
    writer = WRITERS[name]
    if not overwrite and path.exists():
        raise OptionError(
            f"{path} exists. Name another file, or replace it with overwrite=True (--force)."
        )
    _check_contents(dataset, writer)
    if not writer.whole_numbers:
        dataset = _with_text_labels(dataset, writer.title)
    content = writer.render(dataset)
    _note_descriptions(dataset, writer.title)
    write_atomically(path, content)
    return name


def choose_format(path: Path, name: str | None = None) -> str:
    """The name of the format, else what the ending of the file says.

    >>> choose_format(Path("nlu.yaml")), choose_format(Path("tasks.txt"), "label-studio")
    ('rasa', 'label-studio')
    """
    if name in WRITERS:
        return str(name)
    names = ", ".join(f"{key} ({' '.join(w.suffixes)})" for key, w in WRITERS.items())
    if name is not None:
        raise OptionError(f"format {name!r} (--format {name}) cannot be written. Formats: {names}.")
    for key, writer in WRITERS.items():
        if path.suffix.lower() in writer.suffixes:
            return key
    raise OptionError(f"{path}: its ending names no format. Say which with --format: {names}.")


def _check_contents(dataset: Dataset, writer: Writer) -> None:
    if not dataset.examples:
        raise DataError("The data set has no examples, so nothing is written.")
    pairs = dataset.examples[0].text_b is not None
    for number, example in enumerate(dataset.examples, 1):
        if reason := _cannot_hold(example, pairs=pairs if writer.pairs else None):
            shown = f"example {number}, {quoted(example.text)}"
            raise DataError(f"{writer.title} cannot hold {shown}: {reason}.")


def _cannot_hold(example: Example, pairs: bool | None) -> str:
    """The reason, or ""; `pairs` says whether all have a second text, None that none may."""
    if pairs is None and example.text_b is not None:
        return "it has a second text"
    if pairs is not None and pairs != (example.text_b is not None):
        return "some examples have a second text, and some have none"
    if example.head or example.tail:
        return "it has marked mentions"
    if example.candidates:
        return "it has candidates"
    if example.weight != 1:
        return "it has a weight"
    texts = [example.text, *([example.label] if isinstance(example.label, str) else [])]
    texts += [] if example.text_b is None else [example.text_b]
    if not all(text.strip() for text in texts):
        return "a text or the label is empty"
    if any("\0" in text or LONE_SURROGATE.search(text) for text in texts):
        return "it has a NUL character or half a character (a lone surrogate)"
    return ""


def _with_text_labels(dataset: Dataset, title: str) -> Dataset:
    """The data set with labels as text; 3 and "3" together are a DataError."""
    numbers = [label for label in dataset.labels if not isinstance(label, str)]
    if not numbers:
        return dataset
    both = [label for label in numbers if str(label) in dataset.labels]
    if both:
        raise DataError(
            f'{title} cannot tell the labels {both[0]} and "{both[0]}" apart. Rename one of them.'
        )
    warnings.warn(f"{title} has text labels only: {numbers[0]} becomes text.", stacklevel=3)
    examples = (
        replace(example, label=None if example.label is None else str(example.label))
        for example in dataset.examples
    )
    return Dataset.from_examples(examples, name=dataset.name, info=dataset.info)


def _note_descriptions(dataset: Dataset, title: str) -> None:
    described = [label for label, info in dataset.info.items() if info.description]
    if described:
        warnings.warn(
            f"{title} has no place for descriptions of labels: "
            f"{plural(len(described), 'description')} left out. `fsl-nlp fit --descriptions` takes "
            "them from a JSON file.",
            stacklevel=3,
        )


def for_spreadsheet(dataset: Dataset) -> bytes:
    r"""A CSV file that Excel shows in every language, and of which it computes nothing.

    `load_dataset` reads the same texts and labels from it.

    >>> for_spreadsheet(Dataset.from_texts(["=1+1"], ["sum"])).decode("utf-8-sig")
    "text,label\n'=1+1,sum\n"
    """
    _check_contents(dataset, WRITERS["csv"])
    return b"\xef\xbb\xbf" + _as_csv(dataset, escape_formula).encode()


def _as_csv(dataset: Dataset, escape: Callable[[str], str] = escape_apostrophe) -> str:
    rows = _rows(dataset)
    lines = [list(rows[0]), *(row.values() for row in rows)]
    return "".join(",".join(_field(value, escape) for value in line) + "\n" for line in lines)


def _rows(dataset: Dataset) -> list[dict[str, Label | None]]:
    with_ids = any(example.id is not None for example in dataset.examples)
    return [_row(example, with_ids) for example in dataset.examples]


def _row(example: Example, with_id: bool) -> dict[str, Label | None]:
    """The columns of an example; all examples of a data set have the same."""
    row: dict[str, Label | None] = {"text": example.text}
    if example.text_b is not None:
        row["text_b"] = example.text_b
    row["label"] = example.label
    if with_id:
        row["id"] = example.id
    return row


def _field(value: Label | None, escape: Callable[[str], str]) -> str:
    text = "" if value is None else escape(value) if isinstance(value, str) else str(value)
    return '"' + text.replace('"', '""') + '"' if _NEEDS_QUOTES.search(text) else text


def _as_json_lines(dataset: Dataset) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in _rows(dataset))


def _as_label_studio(dataset: Dataset) -> str:
    """Tasks with annotations, one a line, for a project with `<Choices name="label">`."""
    tasks = []
    for number, example in enumerate(dataset.examples, 1):
        data = {"text": example.text} | ({"id": example.id} if example.id is not None else {})
        choice = {
            "from_name": "label",
            "to_name": "text",
            "type": "choices",
            "value": {"choices": [example.label]},
        }
        annotations = [] if example.label is None else [{"result": [choice]}]
        task = {"id": number, "data": data, "annotations": annotations}
        tasks.append(json.dumps(task, ensure_ascii=False))
    return "[\n" + ",\n".join(tasks) + "\n]\n"


# To add a format to write, add a line.
WRITERS: dict[str, Writer] = {
    "csv": Writer("CSV", (".csv",), _as_csv, pairs=True),
    "jsonl": Writer(
        "JSON lines", (".jsonl", ".ndjson"), _as_json_lines, whole_numbers=True, pairs=True
    ),
    "rasa": Writer("Rasa", (".yml", ".yaml"), as_rasa),
    "label-studio": Writer("Label Studio", (".json",), _as_label_studio),
}
