"""`FewShotClassifier`: what a chatbot imports."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from fsl_nlp.checks import (
    as_examples,
    as_labels,
    as_support,
    as_weights,
    check_equal,
    checked_support,
    weighted,
)
from fsl_nlp.decision.targets import DEFAULT_REJECT, Targets
from fsl_nlp.editing.editable import Editable
from fsl_nlp.editing.records import editing_record, version_of
from fsl_nlp.errors import ArtifactError, DataError, OptionError
from fsl_nlp.fitting import Fitting
from fsl_nlp.torch_state import own_torch_state
from fsl_nlp.transfer import SentAsBytes
from fsl_nlp.types import Dataset, Example, Label, Prediction

if TYPE_CHECKING:
    from typing_extensions import Self

    from fsl_nlp.artifact import SavedClassifier
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.encoders.objects import EncoderLike
    from fsl_nlp.methods.objects import MethodChoice, MethodLike


class FewShotClassifier(  # type: ignore[misc, override]
    Editable,
    SentAsBytes,
    ClassifierMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Learns to label short texts from a few examples of each label.

    It is a scikit-learn classifier whose X is a list of strings. `method` is a name, a head, a
    method, or a class of either. `encoder` is a name of the catalogue, a hub id, a folder, a
    `TextEncoder` or a `SentenceTransformer`. Further keywords are options of the method.

    With method="auto", methods are compared on held-out examples. `budget` is the time for this:
    0 compares only methods with a frozen encoder, "30s" or "5m" tuned methods too, and None has no
    limit. `report_` is the comparison. A faster machine compares more within the same budget, so
    name the method where the result must be the same everywhere.

    `classify` does not answer what looks like nothing that was learned. `reject` is the share of
    in-scope questions that may be turned away with it; None turns none away. Instead of it, give
    `coverage`, the share of in-scope questions to answer, or `precision`, the share of the answers
    that must be right. `decision_.expected` says what to expect. `predict` and `predict_proba`
    always answer.

    >>> texts = ["where is my parcel", "my order has not come", "I want my money back", "refund me"]
    >>> labels = ["track", "track", "refund", "refund"]
    >>> classifier = FewShotClassifier().fit(texts, labels)
    >>> classifier.classify("has my package been sent?").label
    'track'
    """

    def __init__(
        self,
        method: MethodLike = "auto",
        encoder: EncoderLike = "auto",
        seed: int = 0,
        device: str = "auto",
        budget: str | float | None = 0,
        reject: float | None = DEFAULT_REJECT,
        coverage: float | None = None,
        precision: float | None = None,
        **options: Any,
    ) -> None:
        self.method = method
        self.encoder = encoder
        self.seed = seed
        self.device = device
        self.budget = budget
        self.reject = reject
        self.coverage = coverage
        self.precision = precision
        self._store(options)

    def fit(
        self,
        texts: Sequence[str] | Sequence[Example],
        labels: Sequence[Label] | NDArray[Any],
        *,
        descriptions: Mapping[Any, str] | None = None,
        unlabelled: Sequence[str] | Sequence[Example] | None = None,
        sample_weight: Sequence[float] | NDArray[Any] | None = None,
        outsiders: Sequence[str] | Sequence[Example] | None = None,
        checkpoint: str | Path | None = None,
    ) -> FewShotClassifier:
        """Learn from texts and their labels: strings, whole numbers, or members of an Enum.

        A member of an Enum is taken as its value. Booleans and fractions are refused.

        A text may be an `Example`: a pair of texts, a sentence with two mentions, or a text with
        candidates. Then all questions must be of that kind. `descriptions` say what the labels
        mean; a label with a description needs no example. `unlabelled` texts help most methods.
        `sample_weight` says how much each text counts: only the ratios matter, and a text of
        weight 0 is left out. `outsiders` are texts that no label covers; none are needed, and a
        few make "out_of_scope" surer. A long training saves its state in the folder `checkpoint`:
        after a crash, the same call continues from there.

        >>> classifier = FewShotClassifier("proto", "embedded:en")
        >>> texts, labels = ["where is my parcel", "refund me"], ["track", "refund"]
        >>> classifier.fit(texts, labels).classes_.tolist()
        ['refund', 'track']
        """
        examples = weighted(as_examples(texts, "texts"), sample_weight)
        words = self._options().get("words")  # what a prompt learns from without examples
        support = as_support(examples, as_labels(labels, "labels"), descriptions, words)
        more = as_examples([] if unlabelled is None else unlabelled, "unlabelled")
        out_of_scope = as_examples([] if outsiders is None else outsiders, "outsiders")
        return self.fit_dataset(support.with_unlabelled(more), checkpoint, out_of_scope)

    def fit_dataset(
        self,
        support: Dataset,
        checkpoint: str | Path | None = None,
        outsiders: Sequence[Example] = (),
    ) -> FewShotClassifier:
        """Learn from a `Dataset`, with the names and descriptions of its labels.

        An example with the label None is unlabelled; `outsiders` are of no label at all.
        """
        from fsl_nlp.methods.objects import read_method
        from fsl_nlp.methods.weights import with_weight

        support = with_weight(checked_support(support))
        chosen = read_method(self.method)
        by_default = chosen.encoder is not None and self.encoder == "auto"
        encoder = chosen.encoder if by_default else self._load_encoder(support)
        assert encoder is not None
        fitting = self._fitting(chosen, encoder)
        self._version = fitting.fit(support, tuple(outsiders), checkpoint)
        return self

    def _fitting(self, chosen: MethodChoice, encoder: TextEncoder) -> Fitting:
        """How it learns, with the options of the classifier."""
        targets = Targets.of(self.reject, self.coverage, self.precision)
        return Fitting(chosen, encoder, self.seed, self._options(), self.budget, targets)

    @own_torch_state()
    def save(self, folder: str | Path, *, store_examples: bool = True) -> Path:
        """Write the classifier to a folder, without the weights of its encoder.

        With `store_examples=False` the training texts are left out.

        >>> from tempfile import mkdtemp
        >>> classifier = FewShotClassifier("proto", "embedded:en")
        >>> texts, labels = ["where is my parcel", "refund me"], ["track", "refund"]
        >>> folder = classifier.fit(texts, labels).save(mkdtemp())
        >>> FewShotClassifier.load(folder).predict(["has my parcel been sent"]).tolist()
        ['track']
        """
        from fsl_nlp.artifact import check_folder, write_classifier
        from fsl_nlp.restoring import runtime_parts

        now, folder = self._now(), Path(folder)
        check_folder(folder)
        record = now.to_record(store_examples=store_examples)
        record = replace(record, parts=runtime_parts(now.classifier_))
        replaced = now.version_.sum_replaced_in(folder)
        self._saved(now.version_, folder, write_classifier(record, folder, replacing=replaced))
        return folder

    @own_torch_state()
    def to_record(self, *, store_examples: bool = True) -> SavedClassifier:
        """The fitted classifier as plain values, without the graphs that need no torch."""
        from fsl_nlp.methods.objects import read_method
        from fsl_nlp.restoring import record_of

        version, chosen = self.version_, read_method(self.method)
        return record_of(
            version.classifier,
            version.recipe.encoder,
            method=version.recipe.method,
            method_source=chosen.source,
            parameters=chosen.saved_parameters(self.get_params(deep=False)),
            model_version=version.name,
            examples=version.examples if store_examples else (),
            report=version.report.to_dict() if version.report else None,
            decision=version.decision,
            editing=editing_record(version) if store_examples else None,
        )

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        method: MethodLike | None = None,
        encoder: EncoderLike | None = None,
        device: str = "auto",
    ) -> FewShotClassifier:
        """Read a classifier that `save` wrote, as in its example.

        `encoder` is the new place of its encoder, if that has moved. `method` is the object that
        the classifier was fitted with; it is needed only if its class has no registered name.
        """
        from fsl_nlp.artifact import read_classifier
        from fsl_nlp.methods.objects import load_choice
        from fsl_nlp.restoring import check_restorable, load_saved_encoder

        folder = Path(folder)
        saved = read_classifier(folder)
        check_restorable(folder, saved)
        chosen, parameters = load_choice(folder, saved, method)
        if encoder is None:
            encoder = chosen.encoder
        with own_torch_state():
            loaded = load_saved_encoder(folder, saved.encoder, encoder, device)
        moved = {"encoder": saved.encoder.name if encoder is None else encoder, "device": device}
        classifier = cls._restored(folder, saved, {**parameters, **moved}, chosen, loaded)
        classifier._saved(classifier.version_, folder, saved.sum)
        return classifier

    @classmethod
    @own_torch_state()
    def _restored(
        cls,
        folder: Path,
        saved: SavedClassifier,
        parameters: Mapping[str, Any],
        chosen: MethodChoice,
        encoder: TextEncoder,
    ) -> FewShotClassifier:
        """The classifier of a record. `folder` is for messages."""
        from fsl_nlp.artifact.decisions import restore_decision
        from fsl_nlp.artifact.manifest import refusing_damage
        from fsl_nlp.artifact.protocols import CLASSIFIER
        from fsl_nlp.restoring import restore, restore_report

        with refusing_damage(folder, CLASSIFIER):
            try:
                classifier = cls(**parameters)
                recipe = classifier._fitting(chosen, encoder).recipe()
            except OptionError as error:
                raise ArtifactError(
                    f"The classifier in {folder} has a setting of fsl_nlp {saved.version} that "
                    f"this version does not have: {error}"
                ) from error
            fitted = restore(folder, saved, recipe.learner)
            decision, report = restore_decision(saved), restore_report(saved)
            classifier._version = version_of(saved, recipe, fitted, decision, report)
        return classifier

    def _classify(
        self, texts: list[Example], top_k: int, nearest: int, store: bool
    ) -> list[Prediction]:
        with own_torch_state():
            return super()._classify(texts, top_k, nearest, store)

    def _probabilities(self, texts: list[Example]) -> NDArray[np.float64]:
        with own_torch_state():
            return super()._probabilities(texts)

    def _vectors_of(self, texts: Sequence[Example]) -> NDArray[np.float32]:
        with own_torch_state():
            return super()._vectors_of(texts)

    def _now(self) -> Self:
        check_is_fitted(self)
        return copy(self)

    def _storing(self, store: bool) -> AbstractContextManager[object]:
        from fsl_nlp.encoders.memory import without_caching

        return nullcontext() if store else without_caching()

    def _load_encoder(self, support: Dataset) -> TextEncoder:
        from fsl_nlp.encoders.choice import choose_encoder
        from fsl_nlp.encoders.objects import as_encoder

        name = self.encoder
        encoder = choose_encoder(name, support) if isinstance(name, str) else name
        return as_encoder(encoder, device=self.device)

    def _options(self) -> dict[str, Any]:
        """The options of the method: the keywords that are no arguments of the constructor."""
        parameters = inspect.signature(type(self).__init__).parameters.values()
        arguments = {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
        return {
            name: value
            for name, value in vars(self).items()
            if name not in arguments and not name.startswith("_") and not name.endswith("_")
        }

    # The versions of scikit-learn do not support `**options`.
    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments of the constructor, with the options of the method."""
        return {**super().get_params(deep), **self._options()}

    def set_params(self, **params: Any) -> FewShotClassifier:
        """Set arguments of the constructor, or options of the method."""
        self._store(params)
        return self

    def _store(self, params: Mapping[str, Any]) -> None:
        for name, value in params.items():
            # An option is an attribute; it must not hide a method or a learned attribute.
            if hasattr(type(self), name) or name.startswith("_") or name.endswith("_"):
                raise OptionError(f"{name!r} cannot be the name of an option.")
            setattr(self, name, value)

    # The version of scikit-learn compares arrays, which cannot hold strings and numbers together.
    def score(
        self,
        texts: Sequence[str] | Sequence[Example],
        labels: Sequence[Label] | NDArray[Any],
        sample_weight: Sequence[float] | None = None,
        *,
        store: bool = False,
    ) -> float:
        """Accuracy: the share of texts that get their label; `store` is as for `predict_proba`."""
        targets = as_labels(labels, "labels")
        predicted = self.predict(texts, store=store).tolist()
        check_equal(len(predicted), len(targets))
        if not targets:
            raise DataError("There are no texts to score.")
        hits = [target == label for target, label in zip(targets, predicted, strict=True)]
        if sample_weight is not None:
            sample_weight = as_weights(sample_weight, "sample_weight", len(hits))
        return float(np.average(hits, weights=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags
