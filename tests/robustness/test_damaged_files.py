"""Results, progress files, prompts, checkpoints and tables that were damaged: own errors only."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp import Dataset, load_dataset
from fsl_nlp.data.fewclue_prompts import read_prompts
from fsl_nlp.episodes import EpisodeTable
from fsl_nlp.errors import DataError, FslError
from fsl_nlp.evaluation import Result, compare, evaluate
from fsl_nlp.evaluation.jobs import ProgressFile

from .conftest import Rounds

NESTED = b"[" * 1_500
INSERTED = [b"\x00", b"\xff", b"null", b"[", b"}", b"1e999", b'"', "退".encode("gbk"), NESTED]


def damages(content: bytes, count: int, seed: int = 0) -> list[bytes]:
    """Damaged copies: cut, with a bit flipped, with something inserted or taken out."""
    draw, made = (
        random.Random(seed),
        [b"", NESTED, b"{}", b"[]", b"null", content[: len(content) // 2]],
    )
    while len(made) < count:
        place = draw.randrange(len(content))
        end = min(len(content), place + draw.choice([1, 4, 40]))
        flipped = bytes([content[place] ^ 1 << draw.randrange(8)])
        middle = draw.choice([b"", flipped + content[place + 1 : end], draw.choice(INSERTED)])
        made.append(content[:place] + middle + content[end:])
    return made


def hold(read: Callable[[], object], content: bytes) -> None:
    """Nothing but an error of this package may come out."""
    try:
        read()
    except FslError:
        pass
    except Exception as error:
        raise AssertionError(f"{content[:300]!r}") from error


@pytest.fixture
def result(words: Any) -> Result:
    texts = [f"{colour} {noun}" for colour in ("red", "blue") for noun in ("hat", "car", "退款")]
    data = Dataset.from_texts(texts, ["r"] * 3 + ["b"] * 3)
    table = EpisodeTable.sample(data, way=2, shot=1, query=1, episodes=3)
    from fsl_nlp.evaluation import MethodSpec

    return evaluate(MethodSpec("proto", words), data, table)


def test_results(result: Result, tmp_path: Path, rounds: Rounds) -> None:
    path = result.save(tmp_path / "proto.json")
    whole = path.read_bytes()

    def read() -> None:
        loaded = Result.load(path)
        str(loaded.accuracy), loaded.to_dict(), loaded.worst_class
        compare(loaded, result)

    for content in damages(whole, rounds(150, 5000)):
        path.write_bytes(content)
        hold(read, content)


def test_entries_of_results(result: Result, tmp_path: Path) -> None:
    path, whole = tmp_path / "proto.json", result.to_dict()

    def read() -> None:
        loaded = Result.load(path)
        str(loaded.accuracy), loaded.to_dict(), loaded.worst_class
        compare(loaded, result)

    for name in whole:
        for wrong in (None, True, -1, "x", [], ["x"], {}, {"x": 1}, [[]], [[[], 1]]):
            path.write_text(json.dumps({**whole, name: wrong}), "utf-8")
            hold(read, path.read_bytes())


def test_progress_files(tmp_path: Path, rounds: Rounds) -> None:
    progress = ProgressFile(tmp_path / "p.jsonl", {"seed": 1}, lambda row: int(row["task"]))
    for task in range(4):
        progress.append({"task": task, "label": "退款"})
    whole = progress.path.read_bytes()
    for content in damages(whole, rounds(150, 5000)):
        progress.path.write_bytes(content)
        hold(progress.resume, content)
    progress.path.write_bytes(whole.replace(b'"task": 2', b'"task": []'))
    with pytest.raises(DataError, match=r"p\.jsonl, line 4 is damaged .*Delete the line"):
        progress.resume()


def test_prompts(tmp_path: Path, rounds: Rounds) -> None:
    text = 'patterns: ["这是[MASK]：{text}", {pattern: "{text}[MASK]", words: {a: [好]}}]\n'
    text += "words: {a: [好], b: [坏, 差]}\nstatement: null\n"
    path = tmp_path / "task.yaml"
    path.write_bytes(text.encode("gbk"))
    with pytest.raises(DataError, match=r"task\.yaml is not in UTF-8\. Save it in UTF-8\."):
        read_prompts(path)
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for one, two in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{two}: &{two} [{', '.join([f'*{one}'] * 10)}]\n"
    for content in [
        *damages(text.encode(), rounds(60, 2000)),
        f"{bomb}patterns: [x]\nwords: {{l: *i}}".encode(),
        f"{bomb}patterns: *i".encode(),
        b"patterns: [2024-99-99]",
    ]:
        path.write_bytes(content)
        hold(lambda: read_prompts(path), content)


def test_tables_in_parquet(tmp_path: Path, rounds: Rounds) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    path = tmp_path / "train.parquet"
    columns = {"text": ["red hat", "退款", "blue"], "label": ["r", "蓝", "b"]}
    parquet.write_table(pyarrow.table(columns), path)
    for content in damages(path.read_bytes(), rounds(60, 1500)):
        path.write_bytes(content)
        hold(lambda: load_dataset(str(path)), content)


def test_tables_of_episodes(tmp_path: Path, rounds: Rounds) -> None:
    data = load_dataset("support_en")
    table = EpisodeTable.sample(data, way=2, shot=1, query=1, episodes=3)
    path = table.save(tmp_path / "table.safetensors")
    for content in damages(path.read_bytes(), rounds(100, 3000)):
        path.write_bytes(content)
        hold(lambda: EpisodeTable.load(path), content)
