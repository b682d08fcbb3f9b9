"""Exports of chatbot platforms and annotation tools, as files, folders and archives."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from fsl_nlp.data import load_dataset

from .samples import SAMPLES, Sample


def load(source: object, sample: Sample, **options):
    """The data, and the notes that were given."""
    name = f"{source}:{sample.part}" if sample.part else source
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        data = load_dataset(name, **options)
    return data, [str(note.message) for note in noted]


@pytest.mark.parametrize("name", SAMPLES)
def test_texts_labels_and_notes(tmp_path: Path, pairs, name):
    sample = SAMPLES[name]
    data, notes = load(sample.write(tmp_path), sample)
    assert pairs(data) == sample.pairs
    for part in sample.notes:
        assert any(part in note for note in notes), notes
    assert bool(notes) == bool(sample.notes), notes
    assert {label: info.description for label, info in data.info.items()} == sample.info


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("prefix", ["", "export/"])
def test_in_an_archive(tmp_path: Path, pairs, name, prefix):
    sample = SAMPLES[name]
    data, _ = load(sample.zipped(tmp_path / "bot.zip", prefix), sample)
    assert pairs(data) == sample.pairs
    assert data.name == "bot"
