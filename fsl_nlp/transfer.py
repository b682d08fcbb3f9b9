"""Copies of a fitted classifier, in this process or in another one."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsl_nlp.classifier import FewShotClassifier
    from fsl_nlp.encoders import TextEncoder


class SentAsBytes:
    """What copy and pickle make of a classifier."""

    def __copy__(self) -> Any:
        copied = type(self).__new__(type(self))
        copied.__dict__ |= self.__dict__
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copied = type(self).__new__(type(self))
        memo[id(self)] = copied
        # What was fitted never changes, so the copy shares it.
        for name, value in self.__dict__.items():
            copied.__dict__[name] = value if name == "_version" else deepcopy(value, memo)
        return copied

    def __reduce__(self: Any) -> tuple[Any, ...]:
        """The parameters, and what `save` would write; the encoder goes by its name."""
        from fsl_nlp.artifact.archive import to_archive

        parameters = self.get_params(deep=False)
        if "_version" not in vars(self):
            return receive_classifier, (type(self), parameters)
        if not isinstance(parameters["encoder"], str):
            # A SentenceTransformer would go with its weights.
            parameters["encoder"] = self.encoder_
        return receive_classifier, (
            type(self),
            parameters,
            to_archive(self.to_record()),
            self.encoder_,
        )


def receive_classifier(
    kind: type[FewShotClassifier],
    parameters: Mapping[str, Any],
    archive: bytes = b"",
    encoder: TextEncoder | None = None,
) -> FewShotClassifier:
    """The classifier that `SentAsBytes.__reduce__` described."""
    if encoder is None:
        return kind(**parameters)
    from fsl_nlp.artifact.archive import ARCHIVE, from_archive
    from fsl_nlp.methods.objects import read_method

    saved, method = from_archive(archive), parameters["method"]
    chosen = read_method(saved.method if isinstance(method, str) else method)
    return kind._restored(ARCHIVE, saved, parameters, chosen, encoder)
