"""A saved classifier as bytes: its files in a ZIP archive, as `save` writes them to a folder."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from fsl_nlp.artifact.manifest import pack
from fsl_nlp.artifact.protocols import CLASSIFIER
from fsl_nlp.artifact.reading import record_in
from fsl_nlp.artifact.record import SavedClassifier
from fsl_nlp.artifact.snapshot import snapshot_of
from fsl_nlp.artifact.writing import contents_of
from fsl_nlp.errors import ArtifactError

# What messages call the folder of a classifier that came as bytes.
ARCHIVE = Path("the classifier in these bytes")


def to_archive(saved: SavedClassifier) -> bytes:
    """The files of a classifier, one after another and not compressed."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name, content in pack(CLASSIFIER, *contents_of(saved)).items():
            file.writestr(zipfile.ZipInfo(name), content)
    return archive.getvalue()


def from_archive(content: bytes) -> SavedClassifier:
    """The classifier that `to_archive` wrote; all sums are checked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            files = {name: file.read(name) for name in file.namelist()}
        manifest = files[CLASSIFIER.manifest]
    # zipfile raises NotImplementedError for a compression, and RuntimeError for a password.
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ArtifactError(f"These bytes hold no saved classifier: {error}.") from None

    def read(name: str) -> bytes:
        if name not in files:
            raise FileNotFoundError(name)
        return files[name]

    return record_in(snapshot_of(manifest, read, ARCHIVE, CLASSIFIER))
