"""Export a fitted classifier as a folder that `fsl_nlp.runtime` runs without torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fsl_nlp.artifact import SavedPart, write_classifier
from fsl_nlp.artifact.self_test import run_self_test
from fsl_nlp.encoders.graphs import GraphSource
from fsl_nlp.encoders.int8 import quantise
from fsl_nlp.errors import ArtifactError, ModelError, OptionError
from fsl_nlp.export.pruning import prune
from fsl_nlp.folders import file_sha256, make_folder, make_private, scratch_folder
from fsl_nlp.runtime.graph import INFO, Graph, read_info, write_info
from fsl_nlp.runtime.parts import LoadedPart, PartsClassifier
from fsl_nlp.runtime.session import open_session
from fsl_nlp.scorers import saved_parts
from fsl_nlp.torch_state import own_torch_state
from fsl_nlp.vectors import unit

if TYPE_CHECKING:
    from fsl_nlp.classifier import FewShotClassifier

PRECISIONS = ("fp32", "int8")
_LEAST_COSINE = 0.99  # in fp32; large batches may run in bf16, which keeps 0.999
MAX_CHANGED = 0.02  # share of answers on the support set that int8 may change


@dataclass(frozen=True)
class ExportedBot:
    """What was written, and how far its answers on the support set differ from the classifier's."""

    folder: Path
    precision: str
    megabytes: float
    examples: int
    changed: int  # answers that differ from the classifier's
    least_cosine: float | None  # between its vectors and the classifier's; None without examples
    dropped: tuple[str, ...] = ()  # what pruning removed, for messages

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, ready for `json.dumps`."""
        return {**vars(self), "folder": str(self.folder), "dropped": list(self.dropped)}


@own_torch_state()
def export_bot(
    classifier: FewShotClassifier,
    folder: str | Path,
    *,
    precision: str = "fp32",
    scripts: Sequence[str] | None = None,
    max_changed: float = MAX_CHANGED,
    store_examples: bool = True,
) -> ExportedBot:
    """Write graph, tokenizer, head and labels to a new folder, for `Bot.load`.

    `precision="int8"` makes it smaller and faster, and changes its vectors slightly. The export
    fails if more than the share `max_changed` of the answers on the support set change.
    `scripts`, such as ("latin", "han"), keeps only the pieces of the tokenizer in these scripts:
    the bot then knows no words in other scripts.

    >>> import tempfile
    >>> from fsl_nlp import FewShotClassifier
    >>> bot = FewShotClassifier("linear", "embedded:en").fit(["hi", "pay"], ["greet", "bill"])
    >>> export_bot(bot, Path(tempfile.mkdtemp()) / "bot").changed
    0
    """
    if precision not in PRECISIONS:
        raise OptionError(f"precision={precision!r}: choose one of {', '.join(PRECISIONS)}.")
    if not 0 <= max_changed <= 1:
        raise OptionError(f"max_changed={max_changed!r}: must be from 0 to 1.")
    classifier = classifier._now()
    target = Path(folder)
    if target.exists():
        raise ArtifactError(f"{target} exists. Give a new folder.")
    fitted = classifier.classifier_
    sources = [part.graph for part in fitted.runtime_parts()]
    parts = saved_parts(fitted)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch_folder(target) as building:
            make_folder(building)
            loaded, placed, dropped = [], [], []
            graphs: dict[str, Graph] = {}  # parts with one encoder share it
            for source, part in zip(sources, parts, strict=True):
                encoder_folder = building / f"encoder-{len(graphs)}"
                if source.info.id not in graphs:
                    dropped += _write_encoder(
                        encoder_folder, source, precision, scripts, classifier.encoder_.name
                    )
                    graphs[source.info.id] = Graph.open(encoder_folder)
                graph = graphs[source.info.id]
                placed.append(_with_folder(part, graph.folder))
                loaded.append(_loaded(part, graph))
            exported = PartsClassifier(fitted.labels, tuple(loaded), fitted.inputs)
            report = _compare(classifier, exported, precision)
            _refuse_changes(report, max_changed)
            tensors = {f"runtime.{name}": a for name, a in run_self_test(exported).items()}
            if classifier.examples_ and store_examples:
                vectors = unit(exported.embed(classifier.examples_))
                tensors["runtime.vectors"] = np.ascontiguousarray(vectors)
            # The edits are of the classifier, which stays; removed texts must not go along.
            record = replace(classifier.to_record(store_examples=store_examples), editing=None)
            tensors = {**record.tensors, **tensors}
            write_classifier(replace(record, parts=tuple(placed), tensors=tensors), building)
            size = sum(path.stat().st_size for path in building.rglob("*") if path.is_file())
            make_private(building)
            building.rename(target)
    except OSError as error:
        if target.exists():  # another export wrote it meanwhile
            raise ArtifactError(f"{target} exists. Give a new folder.") from error
        raise ArtifactError(f"{target} cannot be written: {error.strerror or error}.") from error
    return replace(report, folder=target, megabytes=round(size / 1e6, 1), dropped=tuple(dropped))


def _write_encoder(
    folder: Path,
    source: GraphSource,
    precision: str,
    scripts: Sequence[str] | None,
    encoder: str,
) -> list[str]:
    """Write the graph of an encoder, pruned and quantised; gives what was removed."""
    if source.info.precision != "fp32" and precision == "fp32":
        raise OptionError("The encoder of this classifier runs in int8: export it with int8.")
    info = source.write(folder)
    dropped: list[str] = []
    if scripts is not None:
        if info.precision != "fp32":
            raise OptionError("scripts: an encoder that runs in int8 cannot be pruned.")
        scripts_kept, dropped = prune(folder, scripts, encoder)
        write_info(folder, replace(info, pruned=scripts_kept))
    if precision == "int8" and info.precision == "fp32":
        quantise(folder)
    return dropped


def _with_folder(part: SavedPart, folder: Path) -> SavedPart:
    info = read_info(folder)
    written: dict[str, Any] = {
        "folder": folder.name,
        "sha256": file_sha256(folder / INFO),
        "precision": info.precision,
        "pruned": info.pruned,
    }
    if info.precision == "int8" or info.pruned:
        written["differs"] = True  # from the vectors of the classifier's encoder
    return replace(part, entry={**part.entry, **written})


def _loaded(part: SavedPart, graph: Graph) -> LoadedPart:
    return LoadedPart(
        part.entry["reads"],
        graph,
        open_session(part.scorer, "scorer", 1) if part.scorer else None,
        part.tensors,
        part.entry["settings"],
        part.entry["weight"],
    )


def _compare(
    classifier: FewShotClassifier, exported: PartsClassifier, precision: str
) -> ExportedBot:
    examples = classifier.examples_
    report = ExportedBot(Path(), precision, 0.0, len(examples), 0, None)
    if not examples:
        return report
    fitted = classifier.classifier_
    before, after = fitted.scores(examples).argmax(1), exported.scores(examples).argmax(1)
    cosines = (unit(fitted.embed(examples)) * unit(exported.embed(examples))).sum(1)
    return replace(report, changed=int((before != after).sum()), least_cosine=float(cosines.min()))


def _refuse_changes(report: ExportedBot, max_changed: float) -> None:
    if report.precision != "int8":
        if report.least_cosine is not None and report.least_cosine < _LEAST_COSINE:
            raise ModelError(
                "The vectors of the exported graph differ from those of the classifier: the least "
                f"cosine on the training examples is {report.least_cosine:.4f}."
            )
        return
    if not report.examples:
        if max_changed < 1:
            raise ArtifactError(
                "Without training examples the answers in int8 cannot be compared. Export in fp32, "
                "or allow any change: max_changed=1 (--max-changed 1)."
            )
    elif (share := report.changed / report.examples) > max_changed:
        needed = math.ceil(100 * share) / 100
        raise ArtifactError(
            f"In int8, {report.changed} of {report.examples} answers on the training examples "
            f"change ({share:.1%}); {max_changed:.1%} may change. Export it in fp32, or allow "
            f"more: max_changed={needed:.2f} (--max-changed {needed:.2f})."
        )
