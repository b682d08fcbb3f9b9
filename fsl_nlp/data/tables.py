"""Tables that are in memory or in Parquet: pandas, `datasets`, pyarrow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_nlp.data.records import Record, Table
from fsl_nlp.errors import DataError, FslError, first_line

if TYPE_CHECKING:
    import datasets
    import pandas


def from_frame(frame: pandas.DataFrame) -> Table:
    """A pandas DataFrame; NaN, NaT and NA become None.

    >>> import pandas
    >>> from_frame(pandas.DataFrame({"text": ["hi", None]})).records[1]
    Record(position=1, values={'text': None})
    """
    names = tuple(str(name) for name in frame.columns)
    # By index, because two columns of a frame may have the same name.
    columns = [_values(frame.iloc[:, index]) for index in range(len(names))]
    rows = zip(*columns, strict=True)
    records = (Record(i, dict(zip(names, row, strict=True))) for i, row in enumerate(rows))
    return Table("DataFrame", names, tuple(records), call="frame", by_line=False)


def from_hf(
    table: datasets.Dataset, source: str = "datasets.Dataset", call: str = "table"
) -> Table:
    """A `datasets.Dataset`; a ClassLabel column gives its names.

    >>> import datasets
    >>> from_hf(datasets.Dataset.from_dict({"text": ["hi"]})).records
    (Record(position=0, values={'text': 'hi'}),)
    """
    from datasets import ClassLabel

    class_names = {
        column: feature.names
        for column, feature in table.features.items()
        if isinstance(feature, ClassLabel)
    }
    records = []
    # The Arrow format neither decodes images nor applies a format that was set, such as torch.
    for i, row in enumerate(table.with_format("arrow")[:].to_pylist()):
        for column, names in class_names.items():
            number = row[column]  # `datasets` writes -1 for no label
            row[column] = None if number is None or number < 0 else names[number]
        records.append(Record(i, row))
    return Table(source, tuple(table.column_names), tuple(records), call=call, by_line=False)


def read_parquet(path: Path, source: str) -> Table:
    """A Parquet file; ClassLabel columns that `datasets` wrote give their names."""
    import datasets
    from pyarrow import parquet

    try:
        table = datasets.Dataset(parquet.ParquetFile(path).read())
        return from_hf(table, source, call="")
    except FslError:
        raise
    except Exception as error:  # what a damaged file makes pyarrow raise is not documented
        reason = first_line(error)
        raise DataError(f"{source} cannot be read as Parquet: {reason}.") from None


def _values(column: pandas.Series) -> list[Any]:
    """The values as Python types; an object column may contain numpy scalars."""
    import numpy

    return [
        None if missing else value.item() if isinstance(value, numpy.generic) else value
        for value, missing in zip(column, column.isna(), strict=True)
    ]
