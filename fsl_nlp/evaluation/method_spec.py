"""A method by name, so that a worker process can build its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsl_nlp.methods.base import Method


@dataclass(frozen=True)
class MethodSpec:
    """The name of a method, its encoder and its options; nothing is loaded before `build`.

    >>> MethodSpec("linear", "embedded:en", {"C": 3}).seed
    0
    """

    name: str
    encoder: str
    options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    device: str = "auto"

    def build(self, task: int = 0) -> Method:
        """The method for one task, with a seed that depends on the task and not on the worker."""
        import numpy as np

        from fsl_nlp.encoders import load_encoder
        from fsl_nlp.methods import build_method

        encoder = load_encoder(self.encoder, device=self.device)
        seed = int(np.random.SeedSequence([self.seed, task]).generate_state(1)[0])
        return build_method(self.name, encoder, seed=seed, options=self.options)
