"""The version of a fitted classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fsl_nlp.artifact.manifest import content_sum, with_text_keys
from fsl_nlp.types import Dataset, Example, LabelInfo

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder


def model_version(
    support: Dataset,
    method: str,
    encoder: TextEncoder,
    *,
    seed: int,
    options: Mapping[str, Any],
    package: str | None = None,
) -> str:
    """Twelve hexadecimal digits that name what was learned; equal for equal training.

    They are a sum of the input of the training. The output would not do: its last bits depend on
    the batches in which the encoder computes vectors. `package` is the version of fsl_nlp that
    learned, by default this one.
    """
    from fsl_nlp import __version__

    content = {
        "fsl_nlp": package or __version__,
        "method": method,
        "encoder": [encoder.fingerprint, asdict(encoder.pooling)],
        "seed": seed,
        "options": with_text_keys(options),
        "labels": [
            [label, asdict(support.info.get(label, LabelInfo()))] for label in support.labels
        ],
        "examples": [_fields(example) for example in support],
    }
    return content_sum(content)[:12]


def _fields(example: Example) -> dict[str, Any]:
    """The fields of an example, with its weight if that is not 1."""
    fields = {
        name: getattr(example, name) for name in Example.__slots__
    }  # asdict is 10 times slower
    if fields["weight"] == 1:
        del fields["weight"]
    return fields
