"""The body of a meta-learned method: what lies below its head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fsl_nlp.meta.algorithms import MENTION_BODY, VECTOR_BODIES, Algorithm
from fsl_nlp.meta.bodies import BodySettings, vector_body

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder


def body_of(algorithm: Algorithm, settings: BodySettings, encoder: TextEncoder) -> Any:
    """The body that an algorithm names, on the vectors or the layers of an encoder."""
    name = algorithm.body
    if name in VECTOR_BODIES:
        return vector_body(name, settings)
    from fsl_nlp.meta.encoder_body import EncoderBody
    from fsl_nlp.meta.mention_body import MentionBody

    kind = MentionBody if name == MENTION_BODY else EncoderBody
    # Second derivatives of bf16 are mostly noise; without inner steps there are none.
    precision = encoder.precision if algorithm.adapts == "none" else "fp32"
    return kind.build(name, settings, encoder, precision)
