"""Tables that are in memory or in Parquet: pandas, `datasets`, pyarrow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_nlp.data.records import Record, Table
from fsl_nlp.errors import DataError

if TYPE_CHECKING:
    import datasets
    import pandas


def from_frame(frame: pandas.DataFrame) -> Table:
    """A pandas DataFrame; NaN, NaT and NA become None.

    >>> import pandas
    >>> from_frame(pandas.DataFrame({"text": ["hi", None]})).records[1]
    Record(place=1, values={'text': None})
    """
    names = tuple(str(name) for name in frame.columns)
    # By position: two columns of a frame may have the same name.
    columns = [_values(frame.iloc[:, index]) for index in range(len(names))]
    rows = zip(*columns, strict=True)
    records = (Record(place, dict(zip(names, row, strict=True))) for place, row in enumerate(rows))
    return Table("DataFrame", names, tuple(records), call="frame", by_line=False)


def from_hf(
    table: datasets.Dataset, source: str = "datasets.Dataset", call: str = "table"
) -> Table:
    """A `datasets.Dataset`; a ClassLabel column gives its names.

    >>> import datasets
    >>> from_hf(datasets.Dataset.from_dict({"text": ["hi"]})).records
    (Record(place=0, values={'text': 'hi'}),)
    """
    from datasets import ClassLabel

    names = {
        column: feature.names
        for column, feature in table.features.items()
        if isinstance(feature, ClassLabel)
    }
    records = []
    # The Arrow format leaves out the decoding of images and the tensors of a set format.
    for place, row in enumerate(table.with_format("arrow")[:].to_pylist()):
        for column, known in names.items():
            number = row[column]  # -1 is how `datasets` writes "no label"
            row[column] = None if number is None or number < 0 else known[number]
        records.append(Record(place, row))
    return Table(source, tuple(table.column_names), tuple(records), call=call, by_line=False)


def read_parquet(path: Path, source: str) -> Table:
    """A Parquet file, with the ClassLabel names that `datasets` stores in it."""
    import datasets
    import pyarrow
    from pyarrow import parquet

    try:
        table = datasets.Dataset(parquet.ParquetFile(path).read())
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{source} cannot be read as Parquet: {error}") from None
    return from_hf(table, source, call="")


def _values(column: pandas.Series) -> list[Any]:
    """Python values; an object column may hold numpy scalars."""
    import numpy

    return [
        None if missing else value.item() if isinstance(value, numpy.generic) else value
        for value, missing in zip(column, column.isna(), strict=True)
    ]
