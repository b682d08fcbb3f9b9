"""Manifests that were edited and signed again, and manifests that are made to do damage.

An edit is refused with an error of this package that names the manifest, or it changes no answer.
"""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fsl_nlp import FewShotClassifier, TextEncoder, inspect_bot
from fsl_nlp.errors import ArtifactError, FslError
from fsl_nlp.export import export_bot
from fsl_nlp.meta.folder import load_prepared
from fsl_nlp.runtime import Bot

from .conftest import Rounds

KEPT = Path(__file__).parents[1] / "artifact" / "format_3"
TEXTS = ["red car", "blue hat", "red house", "green hat", "退款 red", "black cat"]
LABELS = ["warm", "cold", "warm", "cold", "退款", "退款"]
WRONG: list[Any] = [None, True, 0, -1, 3, 1e308, float("nan"), "", "x", "\0", [], [1], ["x"], {}]
WRONG += [{"x": 1}, [[]], 2**70]
REMOVED = object()

Edit = tuple[tuple[Any, ...], Any]  # where, and the new value


def edits(manifest: dict[str, Any]) -> list[Edit]:
    """Wrong values for every entry of a manifest, its removal, and other orders of its lists."""
    made: list[Edit] = []
    for place, value in _entries(manifest):
        if place[0] in ("format", "sum"):
            continue
        made += [(place, wrong) for wrong in WRONG if not _same(wrong, value)]
        made.append((place, REMOVED))
        if isinstance(value, list) and len(value) > 1:
            made += [(place, value[::-1]), (place, value[1:]), (place, [*value, value[0]])]
            made += [(place, [value[1], value[0], *value[2:]]), (place, [*value, "new"])]
    return made


def _entries(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*place, key), item
        if isinstance(item, dict | list):
            yield from _entries(item, (*place, key))


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a == b


def change(manifest: dict[str, Any], edit: Edit) -> None:
    """Make an edit in a manifest."""
    place, value = edit
    parent: Any = manifest
    for key in place[:-1]:
        parent = parent[key]
    if value is REMOVED:
        del parent[place[-1]]
    else:
        parent[place[-1]] = copy.deepcopy(value)


def try_edits(
    folder: Path,
    answer: Callable[[Path], Any],
    edit_manifest: Any,
    count: int | None,
) -> int:
    """How many edits were tried; each must be refused, or give the same answer as before."""
    (path,) = (p for p in folder.iterdir() if p.name in ("classifier.json", "meta.json"))
    original = path.read_bytes()
    tries = edits(json.loads(original))
    if count is not None:
        tries = random.Random(3).sample(tries, min(count, len(tries)))
    expected = answer(folder)
    broken = []
    for edit in tries:
        edit_manifest(folder, lambda m, edit=edit: change(m, edit))
        try:
            inspect_bot(folder)
        except FslError:
            pass
        except Exception as error:
            broken.append((edit, "inspect", repr(error)))
        try:
            if (given := answer(folder)) != expected:
                broken.append((edit, "answers", given))
        except FslError:
            pass
        except Exception as error:
            broken.append((edit, "answer", repr(error)))
        path.write_bytes(original)
    assert not broken, f"{len(broken)} of {len(tries)}: {broken[:20]}"
    return len(tries)


def answers_of(classifier: FewShotClassifier | Bot) -> Any:
    probabilities = classifier.predict_proba(TEXTS)
    return classifier.predict(TEXTS).tolist(), np.round(probabilities, 3).tolist()


@pytest.fixture
def count(rounds: Rounds) -> int | None:
    """How many edits; None is all."""
    return rounds(60, 0) or None


@pytest.mark.parametrize("method", ["proto", "linear", "knn"])
def test_a_classifier(
    method: str, words: TextEncoder, tmp_path: Path, edit_manifest: Any, count: int | None
) -> None:
    folder = FewShotClassifier(method, words).fit(TEXTS, LABELS).save(tmp_path / "bot")
    try_edits(
        folder,
        lambda path: answers_of(FewShotClassifier.load(path, encoder=words)),
        edit_manifest,
        count,
    )


def test_a_meta_trained_folder(
    words: TextEncoder, tmp_path: Path, edit_manifest: Any, count: int | None
) -> None:
    small = type(words)("words", 8)  # type: ignore[call-arg]
    folder = shutil.copytree(KEPT / "meta", tmp_path / "meta")

    def answer(path: Path) -> Any:
        load_prepared(path)
        bot = FewShotClassifier("anil", small, prepared=str(path))
        return answers_of(bot.fit(TEXTS[:2], LABELS[:2]))

    try_edits(folder, answer, edit_manifest, count and 25)


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b'{"format": 2, "labels": ' + b'{"a":' * 100_000, b"\xff", b"1" * 10_000],
    ids=["lists", "objects", "no UTF-8", "a long number"],
)
@pytest.mark.parametrize("name", ["classifier.json", "meta.json"])
def test_manifests_that_are_made_to_do_damage(content: bytes, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    reads: list[Any] = [inspect_bot, load_prepared]
    if name == "classifier.json":
        reads = [inspect_bot, FewShotClassifier.load, Bot.load]
    for read in reads:
        with pytest.raises(ArtifactError, match=rf"{name} is damaged: it is not the JSON"):
            read(tmp_path)


def test_labels_that_are_exchanged_or_lack_one_are_refused(
    words: TextEncoder, tmp_path: Path, edit_manifest: Any
) -> None:
    folder = FewShotClassifier("linear", words).fit(TEXTS, LABELS).save(tmp_path / "bot")
    edit_manifest(folder, lambda m: m["labels"].reverse())
    with pytest.raises(ArtifactError, match="labels are not those of the tensors, or are in an"):
        FewShotClassifier.load(folder, encoder=words)
    edit_manifest(folder, lambda m: m["labels"].pop())
    with pytest.raises(ArtifactError, match="labels has 2 entries"):
        FewShotClassifier.load(folder, encoder=words)


def test_an_exported_bot(
    english: TextEncoder, tmp_path: Path, edit_manifest: Any, rounds: Rounds
) -> None:
    classifier = FewShotClassifier("linear", english).fit(TEXTS, LABELS)
    folder = export_bot(classifier, tmp_path / "bot").folder
    try_edits(folder, lambda path: answers_of(Bot.load(path)), edit_manifest, rounds(5, 400))
