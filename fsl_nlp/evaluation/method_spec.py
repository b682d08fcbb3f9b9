"""A method by name or as an object, which every worker process can build."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fsl_nlp.types import Dataset

if TYPE_CHECKING:
    from fsl_nlp.encoders.objects import EncoderLike
    from fsl_nlp.methods.base import Method
    from fsl_nlp.methods.objects import MethodChoice, MethodLike


@dataclass(frozen=True)
class MethodSpec:
    """The name of a method, its encoder and its options; nothing is loaded before `build`.

    `target` is the head or the method itself, where it is not chosen by name.

    >>> MethodSpec("linear", "embedded:en", {"C": 3}).seed
    0
    """

    name: str
    encoder: EncoderLike
    options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    device: str = "auto"
    target: MethodLike | None = None

    @classmethod
    def of(cls, method: MethodLike, encoder: EncoderLike, dataset: Dataset) -> MethodSpec:
        """The spec of a name or an object. The encoder "auto" follows the texts of `dataset`.

        >>> from fsl_nlp.heads.proto import ProtoHead
        >>> spec = MethodSpec.of(ProtoHead(), "auto", Dataset.from_texts(["hello"], ["greet"]))
        >>> spec.name, spec.encoder
        ('proto', 'embedded:en')
        """
        from fsl_nlp.encoders.choice import choose_encoder
        from fsl_nlp.methods.objects import read_method

        choice = read_method(method)
        if encoder == "auto":
            encoder = choice.encoder or choose_encoder("auto", dataset)
        target = None if isinstance(method, str) else method
        return cls(choice.name, encoder, seed=choice.seed or 0, target=target)

    @property
    def encoder_name(self) -> str:
        """What results call the encoder."""
        if isinstance(self.encoder, str):
            return self.encoder
        from fsl_nlp.encoders.objects import as_encoder

        return as_encoder(self.encoder, device=self.device).name

    @property
    def all_options(self) -> dict[str, Any]:
        """The options of the spec and those of the object."""
        return {**self._choice().version_options(), **self.options}

    def build(self, task: int = 0) -> Method:
        """The method for one task. Its seed depends on the task, not on the worker."""
        import numpy as np

        from fsl_nlp.encoders.objects import as_encoder

        encoder = as_encoder(self.encoder, device=self.device)
        seed = int(np.random.SeedSequence([self.seed, task]).generate_state(1)[0])
        return self._choice().build(encoder, seed=seed, options=self.options)

    def _choice(self) -> MethodChoice:
        from fsl_nlp.methods.objects import read_method

        return read_method(self.name if self.target is None else self.target)
