"""A method inside another, written METHOD or METHOD@ENCODER."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fsl_nlp.errors import ArtifactError, OptionError

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder


def read_member(text: str, option: str) -> tuple[str, str] | None:
    """(method, encoder), the encoder "" if none is named; None if the text has another form.

    `option` is the name of the option that holds the text.

    >>> read_member("full @ embedded:en", "members"), read_member("full@", "members")
    (('full', 'embedded:en'), None)
    """
    method, at, encoder = (part.strip() for part in text.partition("@"))
    if not method or bool(at) != bool(encoder):
        return None
    if encoder and Path(encoder).is_dir() and not Path(encoder).is_absolute():
        raise OptionError(
            f"{option}: write {encoder} as {Path(encoder).absolute()}, or a saved classifier would "
            "not find it from elsewhere."
        )
    return method, encoder


def check_same_encoder(encoder: TextEncoder, saved: str) -> None:
    """Refuse an encoder whose fingerprint is not the saved one."""
    if encoder.fingerprint != saved:
        raise ArtifactError(
            f"The encoder {encoder.name} has changed since the classifier was fitted. Fit the "
            "classifier again."
        )
