"""What importing the data package costs, and what it offers."""

from __future__ import annotations

import subprocess
import sys

import pytest

import fsl_nlp.data

SCRIPT = """
import sys
import fsl_nlp.data
from fsl_nlp.data import load_dataset, list_datasets, readable
list_datasets()
readable("a_b")
with open(sys.argv[1], "w") as file:
    file.write("text,label\\na,b\\n")
assert load_dataset(sys.argv[1]).texts == ["a"]
print([name for name in ("torch", "pandas", "datasets", "pyarrow", "numpy") if name in sys.modules])
"""


def test_a_csv_is_loaded_without_heavy_packages(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "a.csv")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_public_names():
    for name in fsl_nlp.data.__all__:
        assert getattr(fsl_nlp.data, name) is not None
        assert name in dir(fsl_nlp.data)
    with pytest.raises(AttributeError):
        fsl_nlp.data.nothing  # noqa: B018
