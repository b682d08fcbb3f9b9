"""JSON and YAML files that users give by name: what is no such file is named in an own error."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp.cli.fit import read_descriptions
from fsl_nlp.cli.options import parse_options
from fsl_nlp.data.fewclue_prompts import read_prompts
from fsl_nlp.data.fewrel import _read_names as read_names
from fsl_nlp.data.fewrel_submission import read_submission_episodes
from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import FslError
from fsl_nlp.evaluation import Result
from fsl_nlp.evaluation.jobs import ProgressFile

from ..command_line import Result as Outcome
from .conftest import Rounds
from .test_damaged_files import damages, hold

READERS: dict[str, Callable[[Path], Any]] = {
    "names of relations": read_names,
    "episodes to hand in": read_submission_episodes,
    "descriptions": read_descriptions,
    "prompts": read_prompts,
    "result": Result.load,
    "progress": lambda path: ProgressFile(path, {"a": 1}, lambda row: row["task"]).resume(),
    "episodes": EpisodeTable.load,
}
BAD = {
    "GBK": '"退款"'.encode("gbk"),
    "UTF-16": "{}".encode("utf-16"),
    "nested": b"[" * 100_000,
    "digits": b"1" * 5_000,
    "empty": b"",
    "numbers": b"[1, 2]",
    "number": b"7",
    "null": b"null",
    "other types": b'{"a": 1, "patterns": 5, "P1": 7}',
    "text": b"hello",
}


@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_such_file(reader: str, tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    for name, content in BAD.items():
        if (reader, name) == ("progress", "empty"):
            continue  # the next run begins it
        path.write_bytes(content)
        if (reader, name) == ("descriptions", "other types"):
            continue  # the values are checked with the labels
        with pytest.raises(FslError) as refused:
            READERS[reader](path)
        assert "file.json" in str(refused.value), name
        assert len(str(refused.value)) < 600, name


@pytest.mark.skipif(os.name != "posix", reason="has devices as files")
@pytest.mark.parametrize("reader", READERS)
def test_a_device_is_not_read(reader: str, tmp_path: Path) -> None:
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    if reader == "names of relations":
        assert READERS[reader](tmp_path / "zero.json") is None  # no file, so no names
        return
    with pytest.raises(FslError, match=r"zero\.json is neither a file nor a pipe"):
        READERS[reader](tmp_path / "zero.json")


@pytest.mark.parametrize("reader", ["names of relations", "episodes to hand in", "descriptions"])
def test_damaged_documents(reader: str, tmp_path: Path, rounds: Rounds) -> None:
    instance = {"tokens": ["红", "two"], "h": ["红", "Q1", [[0]]], "t": ["two", "Q2", [[1]]]}
    episode = {"relation": ["P1"], "meta_train": [[instance]], "meta_test": instance}
    whole: Any = {"P1": ["名字", "a description"]}
    if reader != "names of relations":
        whole = {"a": "说明"} if reader == "descriptions" else [episode]
    path = tmp_path / "file.json"
    for content in damages(json.dumps(whole, ensure_ascii=False).encode(), rounds(60, 3000)):
        path.write_bytes(content)
        hold(lambda: READERS[reader](path), content)


def test_nested_options_are_texts() -> None:
    assert parse_options(["a=" + "[" * 100_000]) == {"a": "[" * 100_000}


def test_the_command_names_the_file_of_descriptions(
    run: Callable[..., Outcome], tmp_path: Path
) -> None:
    path = tmp_path / "meanings.json"
    for content, reason in [
        ("退款".encode("gbk"), "is not in UTF-8. Save it in UTF-8."),
        (b"[" * 100_000, "is not JSON: it is nested too deep."),
        (b"[5]", 'write {"label": "what it means", ...}.'),
    ]:
        path.write_bytes(content)
        result = run("fit", "support_en", "--descriptions", path, "--out", tmp_path / "bot")
        assert result.status == 1
        assert result.err.startswith(f"error: --descriptions {path}")
        assert result.err.endswith(f"{reason}\n")
