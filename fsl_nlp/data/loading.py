"""`load_dataset`: the one way in for files, tables and named datasets."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fsl_nlp.data.catalogue import Entry, find_split, split_file, suggest_dataset
from fsl_nlp.data.column_advice import swapped_columns, without_labels
from fsl_nlp.data.columns import find_columns, has_usual_text, matching_columns, one_a_row
from fsl_nlp.data.contents import are_swapped, values_of
from fsl_nlp.data.examples import Positioned, merge_duplicates, read_examples, row_maker
from fsl_nlp.data.files import SUFFIXES, read_file
from fsl_nlp.data.formats.exports import as_exported
from fsl_nlp.data.near_labels import merge_spellings, similar_labels
from fsl_nlp.data.parts import part_of
from fsl_nlp.data.records import Problem, Record, Table
from fsl_nlp.data.tables import from_frame, from_hf
from fsl_nlp.errors import DataError, OptionError, did_you_mean
from fsl_nlp.lazy import load_object
from fsl_nlp.types import Dataset, Example

if TYPE_CHECKING:
    import datasets
    import pandas

_SHOWN_PROBLEMS = 20
_SHOWN_POSITIONS = 5
_SHOWN_LABELS = 5

DataDir = str | os.PathLike[str] | None


def load_dataset(
    source: str | os.PathLike[str] | Entry | pandas.DataFrame | datasets.Dataset,
    *,
    text: str | None = None,
    label: str | None = None,
    text_b: str | None = None,
    header: bool = True,
    labelled: bool = True,
    on_error: str = "raise",
    data_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    r"""Texts and their labels, from a file, a table or a dataset of the catalogue.

    A file may be CSV, TSV, Excel (.xlsx), JSON lines, JSON or Parquet, or for unlabelled texts a
    .txt file with a text on each line; JSON in the shape of FewRel is recognised,
    and its examples have the spans of head and tail. Exports of chatbot platforms and annotation
    tools are recognised by their content: a file, a folder or a .zip. "bot.zip:en" is a part of
    one: a language, or the test set. A name such as "banking77" or
    "banking77:train_5" is a dataset of the catalogue; public corpora are read from `data_dir`,
    else from the folder that FSL_NLP_DATA names. An `Entry` of your own gives its first split.

    `text`, `label` and `text_b`, the second text of a pair, name the columns if their names are
    not usual ones. `header=False` reads the first row of a CSV or Excel file as data: the columns
    are then "1", "2" and so on, the text in the first and the label in the second. With
    `labelled=False` only the text is required, and each row gives one example. Bad rows raise one
    DataError that lists them; `on_error="skip"` leaves them out with a warning. Equal rows of a
    file or table are merged, and so are labels whose spellings look the same; published corpora
    stay as they are.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "train.csv")
    ...     _ = file.write_text("text,intent\nwhere is my parcel,track\nsend it back,return\n")
    ...     data = load_dataset(file)
    >>> data.name, data.labels, data.examples[0].text
    ('train', ('return', 'track'), 'where is my parcel')
    """
    names = _Names(text, label, text_b, header, labelled)
    return _load(source, names, on_error, data_dir)


def load_unlabelled(
    source: str | os.PathLike[str],
    *,
    text: str | None = None,
    header: bool = True,
    on_error: str = "raise",
    data_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Texts that are read beside a training file, whose column and header may be other ones.

    A column `text` is taken where the file has it, else one with a usual name. `header=False`
    counts where the first row holds no usual name.
    """
    names = _Names(text, None, None, header, labelled=False, of_another_file=True)
    return _load(source, names, on_error, data_dir)


@dataclass(frozen=True)
class _Names:
    """What a user says of the columns of a file."""

    text: str | None
    label: str | None
    text_b: str | None
    header: bool
    labelled: bool
    of_another_file: bool = False  # the names may be missing in this one

    @property
    def columns(self) -> dict[str, str | None]:
        """The named column of each role."""
        return {"text": self.text, "label": self.label, "text_b": self.text_b}


def _load(source: object, names: _Names, on_error: str, data_dir: DataDir) -> Dataset:
    try:
        return _load_table(source, names, on_error, data_dir)
    except RecursionError:
        name = source if isinstance(source, (str, os.PathLike)) else type(source).__name__
        raise DataError(f"{name}: its values are nested too deep.") from None


def _load_table(source: object, names: _Names, on_error: str, data_dir: DataDir) -> Dataset:
    if on_error not in ("raise", "skip"):
        raise OptionError(f"on_error (--on-error) must be 'raise' or 'skip', not {on_error!r}.")
    table, name, published, part = _open(source, names, data_dir)
    if not published:
        table = as_exported(table, part, *names.columns.values())
    make: Callable[[Record], Example] | None = None
    if table.records:
        table, make = _choose_maker(table, names, published)
    for note in filter(None, table.note.split("\n")):
        warnings.warn(note, stacklevel=4)
    if not table.records and not table.problems:
        below = " below its header" if table.has_header and table.columns else ""
        raise DataError(f"{table.source} holds no rows{below}.")
    examples: list[Positioned] = []
    problems = list(table.problems)
    if make:
        examples, unusable = read_examples(table.records, make)
        problems += unusable
        # A published corpus keeps its duplicates, so that scores can be compared.
        if names.labelled and not published and not table.make:
            examples, notes = _merge_labels(examples)
            if notes:
                warnings.warn(f"{table.source}: {notes}", stacklevel=4)
            examples, contradictions = merge_duplicates(examples, table)
            problems += contradictions
    if problems:
        problems.sort(key=lambda problem: problem.positions)
        if on_error == "raise" or not examples:
            raise DataError(_list_problems(problems, table, on_error))
        warnings.warn(_skip_note(problems, table), stacklevel=4)
    data = Dataset.from_examples((example for _, example in examples), name=name)
    if table.make and names.labelled and len(data.labels) == 1:
        raise DataError(f"{table.source} holds one class only: {data.labels[0]}.")
    return replace(
        data, info={name: table.info[name] for name in data.labels if name in table.info}
    )


def _choose_maker(
    table: Table, names: _Names, published: bool
) -> tuple[Table, Callable[[Record], Example]]:
    """The table, one example a row, and what makes them: the format, or its columns."""
    if names.labelled and not table.labelled:
        raise DataError(f"{table.source} has no labels.\n{without_labels(table)}")
    if table.make is not None:
        if any(names.columns.values()) and not names.of_another_file:
            raise OptionError(f"{table.source} has no columns to name: leave out text and label.")
        return table, _require_label(table.make) if names.labelled else table.make
    columns = names.columns
    if names.of_another_file:
        columns = {r: n for r, n in columns.items() if n and matching_columns(table.columns, (n,))}
    elif names.labelled and not published and not names.text and not names.text_b:
        table = one_a_row(table, label=names.label)
    if not names.header and not table.has_header and table.columns:
        columns = _by_position(table, columns, labelled=names.labelled)
    chosen = find_columns(table, **columns, labelled=names.labelled)
    return table, row_maker(chosen, labelled=names.labelled)


def _by_position(
    table: Table, columns: dict[str, str | None], *, labelled: bool
) -> dict[str, str | None]:
    """The text in the first column and the label in the second, if none is named."""
    if any(columns.values()):
        return columns
    if not labelled:
        return {"text": table.columns[0]}
    if len(table.columns) < 2:
        raise DataError(f"{table.source} has one column, and no labels.\n{without_labels(table)}")
    texts, labels = (values_of(table.records, name) for name in table.columns[:2])
    if are_swapped(texts, labels):
        raise DataError(swapped_columns(table))
    return {"text": table.columns[0], "label": table.columns[1]}


def _merge_labels(examples: Sequence[Positioned]) -> tuple[list[Positioned], str]:
    """One label for spellings that look the same; what was merged, and what is similar."""
    merged, changes = merge_spellings([example for _, example in examples])
    lines = changes[:_SHOWN_LABELS]
    if similar := similar_labels(merged):
        lines.append(
            "these labels are nearly the same, and are learned as different ones: "
            f"{'; '.join(similar[:_SHOWN_LABELS])}. If they are meant to be one, write them alike."
        )
    positions = (position for position, _ in examples)
    return list(zip(positions, merged, strict=True)), " ".join(lines)


def _require_label(make: Callable[[Record], Example]) -> Callable[[Record], Example]:
    def checked(record: Record) -> Example:
        example = make(record)
        if example.label is None:
            raise ValueError("the label is missing")
        return example

    return checked


def _open(source: object, names: _Names, data_dir: DataDir) -> tuple[Table, str, bool, str | None]:
    """The table, the name of the dataset, whether it is a published corpus, and the wanted part."""
    # A DataFrame exists only if pandas is imported, so it is not imported here.
    pandas, datasets = sys.modules.get("pandas"), sys.modules.get("datasets")
    named = find_split(source, data_dir) if isinstance(source, str) else None
    is_file = isinstance(source, (str, os.PathLike)) and not named
    if not is_file and not names.header and not names.of_another_file:
        raise OptionError("header=False (--no-header) is for files that have rows and columns.")
    if pandas and isinstance(source, pandas.DataFrame):
        return from_frame(source), "data", False, None
    if datasets and isinstance(source, datasets.Dataset):
        return from_hf(source), "data", False, None
    if isinstance(source, Entry):
        named = source, split_file(source, data_dir=data_dir)
    if named:
        entry, path = named
        table = load_object(entry.reader)(path, source=str(path))
        return table, entry.name, entry.kind == "corpus", None
    if isinstance(source, (str, os.PathLike)):
        existing, part = _existing(source), None
        if existing is None and (divided := part_of(source)):
            existing, part = _existing(divided[0]), divided[1]
            source = divided[0] if existing else source
        if existing is None:
            raise DataError(_unknown(str(source)))
        return _read_file(existing, str(source), names), existing.stem, False, part
    hint = " Of several splits pass one: splits['train']." if isinstance(source, dict) else ""
    raise DataError(
        f"{type(source).__name__} is no source of data. Pass a path, a name of the catalogue, "
        f"a pandas DataFrame or a datasets.Dataset.{hint}"
    )


def _read_file(path: Path, source: str, names: _Names) -> Table:
    """The table of a file, with the header row that it has."""
    wanted = names.text if names.header else None

    def read(header: bool) -> Table:
        return read_file(path, source=source, header=header, labelled=names.labelled, text=wanted)

    if names.header or not names.of_another_file:
        return read(names.header)
    table = read(header=True)
    has_own = has_usual_text(table.columns) or not table.has_header
    return table if has_own else read(header=False)


def _existing(source: str | os.PathLike[str]) -> Path | None:
    try:
        path = Path(source).expanduser()
        return path if str(source) and path.exists() else None
    except (OSError, RuntimeError):  # a text too long to be a path, a home that nobody has
        return None


def _unknown(source: str) -> str:
    if nearest := _suggest_file(source):
        return f"There is no file {source}.{nearest}"
    if source.lower().endswith(SUFFIXES):
        return f"There is no file {source}."
    return (
        f'There is no file "{source}", and no dataset of that name in the catalogue.'
        f"{suggest_dataset(source)} `fsl-nlp data list` lists all."
    )


def _suggest_file(source: str) -> str:
    """The sentence that suggests the files beside a mistyped one; "" if no name is near."""
    path = Path(source)
    if not path.suffix:
        return ""
    try:
        beside = [file for file in path.parent.iterdir() if file.suffix.lower() in SUFFIXES]
    except OSError:
        return ""
    return did_you_mean(source, map(str, beside))


def _list_problems(problems: Sequence[Problem], table: Table, on_error: str) -> str:
    lines = [f"{table.source}: {_count(problems, table)} cannot be used."]
    lines += [
        f"  {table.locate(problem.positions[0])}: {problem.reason}"
        for problem in problems[:_SHOWN_PROBLEMS]
    ]
    if len(problems) > _SHOWN_PROBLEMS:
        lines.append(f"  and {len(problems) - _SHOWN_PROBLEMS} more")
    if on_error == "skip":
        lines.append(f"No {table.noun} is left. Fix the {table.noun}s.")
    else:
        lines.append('Fix them, or leave them out with on_error="skip" (--on-error skip).')
    return "\n".join(lines)


def _skip_note(problems: Sequence[Problem], table: Table) -> str:
    positions = sorted(position for problem in problems for position in problem.positions)
    shown = ", ".join(map(table.title, positions[:_SHOWN_POSITIONS]))
    more = ", ..." if len(positions) > _SHOWN_POSITIONS else ""
    noun = ("line" if table.by_line else "row") + ("s" if len(positions) > 1 else "")
    listed = shown if table.titles else f"{noun} {shown}"
    return f"{table.source}: skipped {_count(problems, table)} ({listed}{more})."


def _count(problems: Sequence[Problem], table: Table) -> str:
    count = sum(len(problem.positions) for problem in problems)
    return f"{count} {table.noun}{'s' if count > 1 else ''}"
