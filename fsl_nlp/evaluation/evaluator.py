"""The evaluator: any method on any table of episodes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.evaluation.method_spec import MethodSpec
from fsl_nlp.evaluation.one_by_one import score_one_by_one
from fsl_nlp.evaluation.result import Result, versions
from fsl_nlp.evaluation.tally import tally
from fsl_nlp.inputs.mentions import has_mentions
from fsl_nlp.inputs.support import has_candidates
from fsl_nlp.splits import refuse_leakage
from fsl_nlp.torch_state import own_torch_state
from fsl_nlp.types import Dataset

if TYPE_CHECKING:
    from fsl_nlp.encoders.objects import EncoderLike
    from fsl_nlp.methods.base import Method
    from fsl_nlp.methods.objects import MethodLike


@own_torch_state()
def evaluate(
    method: MethodSpec | MethodLike,
    dataset: Dataset,
    table: EpisodeTable,
    *,
    encoder: EncoderLike = "auto",
    memory: int | None = None,
    workers: int = 1,
    progress_file: str | Path | None = None,
    one_by_one: bool = False,
    source: Dataset | None = None,
) -> Result:
    """The result of `method` on all episodes of the table.

    `method` is a `MethodSpec`, which names its encoder, or a name or an object such as a head. A
    name or an object reads with `encoder`.

    `source` has the classes that a method with learned parameters is trained on first. A class
    that `dataset` has too is leakage, and is refused.

    A frozen encoder with a head is scored in batches on the encoder's device, with `memory` bytes
    for a batch. Any other method is fitted on one episode after another, in `workers` processes,
    and an interrupted run continues from `progress_file`. `one_by_one=True` does so for every
    method, without `source`.

    >>> from fsl_nlp import load_dataset
    >>> data = load_dataset("support_en")
    >>> table = EpisodeTable.sample(data, way=5, shot=1, query=2, episodes=20)
    >>> evaluate("proto", data, table, encoder="embedded:en").accuracy.value > 0.5
    True
    """
    from fsl_nlp.evaluation.batched import Scored, score_in_batches
    from fsl_nlp.evaluation.jobs import check_workers
    from fsl_nlp.methods.frozen.method import FrozenMethod
    from fsl_nlp.methods.frozen.statistics import TRANSDUCTIVE
    from fsl_nlp.methods.meta.method import MetaMethod

    check_workers(workers)
    table.check(dataset)
    if has_candidates(dataset.examples):
        raise DataError(
            "These examples have candidates, and episodes need classes. The position of a "
            "candidate is not a class. Use `fsl-nlp fit` and `fsl-nlp evaluate`."
        )
    if not isinstance(method, MethodSpec):
        method = MethodSpec.of(method, encoder, dataset)
    elif encoder != "auto":
        raise OptionError(
            "encoder: a MethodSpec already names its encoder. Leave the argument out."
        )
    built = method.build()
    if source is not None:
        if one_by_one:
            raise OptionError("one_by_one and source exclude each other. Leave one of them out.")
        built = prepared(built, source, dataset, table.settings)
    settings: dict[str, Any] = {
        "encoder": method.encoder_name,
        "seed": method.seed,
        "source": source.name if source else None,
        **method.all_options,
        **built.origin(),
    }
    built = loaded(built, dataset)
    statistics = None  # what vectors are centred on
    if isinstance(built, FrozenMethod) and has_mentions(dataset.examples):
        statistics = built.settings.statistics
    if isinstance(built, MetaMethod):
        built.note_shape(table.way, table.support.shape[2])
    in_batches = isinstance(built, FrozenMethod) and not one_by_one
    if table.has_none_of_the_above and not in_batches:
        raise OptionError(_refusal_of_none(method.name, isinstance(built, FrozenMethod)))
    if isinstance(built, FrozenMethod) and in_batches:
        scored = score_in_batches(built, dataset, table, memory=memory)
        settings |= {**asdict(built.settings), **built.head.options()}
        settings |= {
            "transductive": built.head.transductive or statistics == TRANSDUCTIVE,
            "precision": built.encoder.precision,
        }
    else:
        predicted, seconds = score_one_by_one(
            method,
            dataset,
            table,
            workers=workers,
            progress_file=Path(progress_file) if progress_file else None,
        )
        scored = Scored(predicted, 0.0, seconds)
    settings["statistics"] = statistics
    counts = tally(dataset, table, scored.predicted)
    return Result(
        method=method.name,
        settings=settings,
        dataset=dataset.name,
        episodes=table.settings,
        episode_hash=table.hash,
        accuracy=counts.accuracy,
        micro_accuracy=counts.micro_accuracy,
        macro_f1=counts.macro_f1,
        none_of_the_above=counts.none_of_the_above,
        per_class=counts.per_class,
        encode_seconds=scored.encode_seconds,
        score_seconds=scored.score_seconds,
        diverged_tasks=scored.diverged,
        versions=versions(),
        episode_accuracy=tuple(counts.episode_accuracy.tolist()),
    )


def _refusal_of_none(name: str, frozen: bool) -> str:
    """Why a method that is fitted on one episode after another cannot answer none of the above."""
    why = (
        f"Method {name!r} is fitted on one episode at a time here, and then it answers one of the "
        "classes whatever the query, never none of the above (--nota-rate, na_rate). "
    )
    if frozen:
        return why + "Leave out --no-batch (one_by_one)."
    return (
        why + "Use a frozen method, such as 'proto' or 'linear', or episodes without such queries."
    )


def loaded(method: Method, target: Dataset) -> Method:
    """`method` with what its folder holds; the classes it learned from must not be in `target`."""
    from fsl_nlp.methods.frozen.method import FrozenMethod
    from fsl_nlp.methods.meta.method import MetaMethod

    if isinstance(method, FrozenMethod):
        method = method.loaded()
    if isinstance(method, MetaMethod):
        for source in method.sources:
            refuse_leakage(source, target)
    return method


def prepared(method: Method, source: Dataset, target: Dataset, episodes: dict[str, Any]) -> Method:
    """The method after it has learned from `source`, for episodes with these settings."""
    refuse_leakage(source, target)
    shot = episodes["shot"]
    return method.prepare(
        source,
        way=min(episodes["way"], len(source.labels)),
        shot=shot if isinstance(shot, int) else shot[1],
        query=episodes["query"],
    )
