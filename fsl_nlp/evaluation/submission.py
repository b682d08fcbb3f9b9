"""Predictions for episodes whose labels are hidden."""

from __future__ import annotations

import numpy as np

from fsl_nlp.data.fewrel_submission import SubmissionEpisodes
from fsl_nlp.episodes import EpisodeTable, dataset_hash
from fsl_nlp.errors import OptionError
from fsl_nlp.evaluation.evaluator import loaded, prepared
from fsl_nlp.evaluation.method_spec import MethodSpec
from fsl_nlp.types import Dataset


def predict_submission(
    method: MethodSpec, episodes: SubmissionEpisodes, *, source: Dataset | None = None
) -> list[int]:
    """For each episode, the position of the predicted relation in it."""
    from fsl_nlp.evaluation.batched import score_in_batches
    from fsl_nlp.methods.frozen.method import FrozenMethod

    count, way = len(episodes), episodes.way
    settings = {"way": way, "shot": episodes.shot, "query": 1, "episodes": count}
    built = method.build()
    if source is not None:
        built = prepared(built, source, episodes.dataset, settings)
    built = loaded(built, episodes.dataset)
    if not isinstance(built, FrozenMethod):
        raise OptionError(
            f"method {method.name!r} is fitted on one task at a time. Files to hand in need a "
            "frozen method, such as 'proto'."
        )
    table = EpisodeTable(
        classes=np.tile(np.arange(way), (count, 1)),
        support=episodes.support,
        query=episodes.query,
        target=np.zeros_like(episodes.query),
        settings=settings,
        dataset_hash=dataset_hash(episodes.dataset),
    )
    predicted = score_in_batches(built, episodes.dataset, table).predicted
    return [int(position) for position in predicted[:, 0]]
