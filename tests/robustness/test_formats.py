"""Damaged exports of chatbots and annotation tools: data, or a DataError, and nothing else."""

from __future__ import annotations

import json
import random
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fsl_nlp.data import load_dataset
from fsl_nlp.errors import DataError
from fsl_nlp.types import Dataset

from ..data.formats.samples import SAMPLES, Sample
from .conftest import Rounds

ODD_VALUES: list[Any] = [
    *(None, True, 0, -1, 1.5, 10**30, float("nan"), "", " ", "x", "\0", "\ud800", "a" * 1000),
    *([], {}, [None], [[]], {"text": None}, {"a": {"b": []}}, ["a", 1], [{"text": "a"}]),
]
ODD_BYTES = [
    *(
        b"\0",
        b"\xff",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\n",
        b"\r",
        b"\t",
        b" ",
        b"'",
        b'"',
        b"[",
        b"]",
    ),
    *(
        b"{",
        b"}",
        b":",
        b"-",
        b"|",
        b"&a ",
        b"*a",
        b"!!python/name:os.system ",
        b"---\n",
        b"#",
        b"%",
    ),
    *(b"<<: ", b"\xb2\xe9", b"\xe6\x9f", b"\\u0000", b"\\ud800", b"1e999", b"nlu:", b"[" * 50),
]


def mutate_bytes(content: bytes, generator: random.Random) -> bytes:
    """A few places changed, cut out, doubled or moved."""
    for _ in range(generator.choice([1, 1, 2, 5])):
        start = generator.randrange(len(content) + 1)
        end = min(len(content), start + generator.choice([0, 1, 2, 8, 40]))
        middle = content[start:end]
        middle = generator.choice([b"", middle * 2, middle[::-1], generator.choice(ODD_BYTES)])
        content = content[:start] + middle + content[end:]
    return content[: generator.randrange(len(content) + 1)] if generator.random() < 0.1 else content


def mutate_json(value: Any, generator: random.Random) -> Any:
    """One value somewhere in a document replaced, or one key renamed or removed."""
    if not isinstance(value, (dict, list)) or not value or generator.random() < 0.15:
        return generator.choice(ODD_VALUES)
    copy: Any = value.copy()
    key = generator.choice(list(value) if isinstance(value, dict) else range(len(value)))
    if generator.random() < 0.1:
        del copy[key]
    elif isinstance(copy, dict) and generator.random() < 0.1:
        copy[generator.choice(["text", "data", "id", "intents", ""])] = copy.pop(key)
    else:
        copy[key] = mutate_json(value[key], generator)
    return copy


def mutate(content: str, name: str, generator: random.Random) -> bytes:
    if name.endswith(".json") and generator.random() < 0.6:
        return json.dumps(mutate_json(json.loads(content), generator)).encode()
    return mutate_bytes(content.encode(), generator)


def is_read_or_refused(source: Path, generator: random.Random) -> bool:
    """Load it in a random way; True if that gave data."""
    part = generator.choice(["", "", ":all", ":en", ":test"])
    options = {"labelled": generator.random() < 0.7}
    options |= {"on_error": "skip"} if generator.random() < 0.3 else {}
    message, data = "", None
    try:
        data = load_dataset(f"{source}{part}", **options)
    except DataError as error:
        message = str(error)
    if data is None:
        assert str(source) in message
        assert len(message) < 20_000
        return False
    assert isinstance(data, Dataset)
    assert all(isinstance(text, str) and text.strip() for text in data.texts)
    assert all(label is None or isinstance(label, (str, int)) for label in data.targets)
    return True


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def write_damaged(sample: Sample, folder: Path, generator: random.Random) -> Path:
    """The files of a sample, one of them changed."""
    shutil.rmtree(folder, ignore_errors=True)
    source = sample.write(folder)
    name = generator.choice(list(sample.files))
    (folder / name).write_bytes(mutate(sample.files[name], name, generator))
    return source


def test_damaged_files(tmp_path: Path, rounds: Rounds) -> None:
    generator = random.Random(1)
    outcomes = []
    for _ in range(rounds(8, 600)):
        for sample in SAMPLES.values():
            source = write_damaged(sample, tmp_path / "export", generator)
            outcomes.append(is_read_or_refused(source, generator))
    assert 0.1 < sum(outcomes) / len(outcomes) < 0.9  # both happen, or the test is too tame


@pytest.mark.parametrize("whole", [False, True], ids=["an entry", "the archive"])
def test_damaged_archives(tmp_path: Path, rounds: Rounds, whole: bool) -> None:
    generator = random.Random(2)
    archive = tmp_path / "bot.zip"
    for _ in range(rounds(2, 100)):
        for sample in SAMPLES.values():
            if whole:
                content = sample.zipped(archive).read_bytes()
                archive.write_bytes(mutate_bytes(content, generator))
            else:
                name = generator.choice(list(sample.files))
                text = mutate(sample.files[name], name, generator).decode("utf-8", "replace")
                Sample({**sample.files, name: text}, []).zipped(archive)
            is_read_or_refused(archive, generator)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: ("a.json", "[" * n),
        lambda n: ("a.json", '{"intents":' * n),
        lambda n: ("a.json", '[{"tag":"a","patterns":[' + "[" * n + "]" * n + "]}]"),
        lambda n: ("a.yml", "nlu: " + "[" * n),
        lambda n: ("a.yml", "nlu: " + "{a: " * n),
        lambda n: ("a.yml", "nlu:\n" + "- " * n),
        lambda n: ("a.yml", "nlu:\n- intent: a\n  examples: |\n    - " + "[a](b" * n),
        lambda n: ("a.yml", "nlu:\n" + "".join(" " * i + "a:\n" for i in range(min(n, 3000)))),
        lambda n: ("a.md", "## intent:a\n" + "<!-- " * n),
        lambda n: ("a.md", "## intent:a\n- " + "[" * n),
        lambda n: ("a.md", "##" + " " * n),
        lambda n: ("a.csv", "Intent Display Name,Language,Phrase\n" + "," * n),
    ],
)
def test_hostile_files(
    tmp_path: Path, rounds: Rounds, make: Callable[[int], tuple[str, str]]
) -> None:
    name, content = make(rounds(20_000, 1_000_000))
    (tmp_path / name).write_text(content)
    is_read_or_refused(tmp_path / name, random.Random(3))
