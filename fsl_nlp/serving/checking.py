"""Checking the sentences of a served bot: the work of a job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_nlp.errors import ModelError
from fsl_nlp.serving.results import Results
from fsl_nlp.serving.stages import Report, Stages

if TYPE_CHECKING:
    from fsl_nlp.encoders import TextEncoder
    from fsl_nlp.linting import LintReport
    from fsl_nlp.types import Dataset

LINT = "lint"  # the kind of its job and of its results
_STAGES = ["loading", "encoding", "checking", "placing"]


def check(arguments: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Keep what `lint` says of the sentences of the bot in a folder, with a map of them.

    That is of the version that is in the folder now.
    """
    from fsl_nlp.artifact import read_classifier
    from fsl_nlp.linting import lint
    from fsl_nlp.types import Dataset

    stages = Stages(report, _STAGES)
    stages.begin("loading")
    folder = Path(arguments["bot"])
    saved = read_classifier(folder)
    info = saved.editing.info if saved.editing else {}
    data = Dataset(saved.examples, saved.labels, info, arguments["name"])
    stages.texts = len(data)
    encoder = _load(saved.encoder.name, data)
    with stages.listening():
        stages.begin("encoding")
        encoder.encode(data.texts)
        stages.begin("checking")
        checked = lint(data, encoder)
        stages.begin("placing")
        content = {**checked.to_dict(), "headline": checked.headline, "map": map_of(checked)}
    content["model_version"] = saved.model_version
    Results(Path(arguments["results"])).write(LINT, folder, saved.model_version, content)
    return {"headline": checked.headline}


def map_of(report: LintReport) -> list[list[Any]]:
    """[x, y, index of the label, 1 if the label is doubtful, text] of each sentence."""
    from fsl_nlp.linting.projection import project

    index = {label: i for i, label in enumerate(report.labels)}
    doubtful = {s.row for f in report.findings if f.kind == "mislabel" for s in f.sentences}
    positions = project(report.vectors, report.seed).tolist()
    return [
        [round(x, 4), round(y, 4), index[s.label], int(s.row in doubtful), s.text]
        for s, (x, y) in zip(report.sentences, positions, strict=True)
    ]


def _load(name: str, data: Dataset) -> TextEncoder:
    """The encoder of the bot, or one for its language if that is only in an exported folder."""
    from fsl_nlp.encoders import load_encoder
    from fsl_nlp.encoders.choice import choose_encoder

    try:
        return load_encoder(name)
    except ModelError:
        return load_encoder(choose_encoder("auto", data))
