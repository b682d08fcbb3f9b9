"""`POST /v1/train`: a bot from a file, for all workers, and again after a restart."""

from __future__ import annotations

import io
import json
import shutil
import stat
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import openpyxl
import pytest

from fsl_nlp import Dataset
from fsl_nlp.errors import DataError, OptionError
from fsl_nlp.serving.new_bots import NewBots, check_name
from fsl_nlp.serving.training import _read

LIMIT = 120.0  # seconds
ROWS = [
    *(("where is my parcel", "track"), ("track my order", "track"), ("has it been sent", "track")),
    *(("I want my money back", "refund"), ("refund me", "refund"), ("pay me back", "refund")),
    *(("talk to a human", "agent"), ("an agent please", "agent"), ("let me speak to you", "agent")),
]
CHINESE = [
    *(("我的包裹在哪里", "查询物流"), ("快递到哪了", "查询物流"), ("什么时候能到", "查询物流")),
    *(("我要退款", "退款"), ("把钱退给我", "退款"), ("退款多久到账", "退款")),
]


def as_csv(rows: list[tuple[str, str]], separator: str = ",") -> str:
    return "".join(f"{text}{separator}{label}\n" for text, label in [("text", "label"), *rows])


def as_workbook(rows: list[tuple[str, str]]) -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in [("text", "label"), *rows]:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def send(client: Any, content: bytes, name: str = "train.csv", **options: Any) -> Any:
    parameters = {"bot": "new", **options}
    headers = {"X-File-Name": quote(name)}
    return client.post("/v1/train", params=parameters, content=content, headers=headers)


def outcome(client: Any, content: bytes, name: str = "train.csv", **options: Any) -> dict[str, Any]:
    """How the job of a training ended; its progress never falls."""
    answer = send(client, content, name, **options)
    assert answer.status_code == 202, answer.json()
    end, progress = time.monotonic() + LIMIT, 0.0
    while True:
        job: dict[str, Any] = client.get(f"/v1/jobs/{answer.json()['job']}").json()
        assert job["progress"] >= progress
        progress = job["progress"]
        if job["state"] in ("done", "failed"):
            return job
        assert time.monotonic() < end, job
        time.sleep(0.1)


def read(content: bytes, name: str, folder: Path) -> Dataset:
    """What a job reads of a file that a user calls `name`."""
    path = folder / f"file{Path(name).suffix}"
    path.write_bytes(content)
    columns = {"text_column": None, "label_column": None, "on_error": "raise"}
    return _read({"path": str(path), "file_name": name, **columns})


@pytest.mark.slow
def test_a_bot_is_trained_served_by_all_workers_and_after_a_restart(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    folder = shutil.copytree(saved_bots["shop"], tmp_path / "shop")
    content = ("sep=;\n" + as_csv(ROWS, ";")).encode("utf-16")
    with client_of(folder) as client, client_of(folder) as another_worker:
        job = outcome(client, content, "C:\\files\\train.csv", bot="parcels")
        assert (job["state"], job["progress"]) == ("done", 1.0)
        result = job["result"]
        assert result["bot"] == client.get("/v1/bots/parcels").json()
        assert (result["encoder"], result["examples"], result["labels"]) == ("embedded:en", 9, 3)
        assert 0 <= result["expected"]["accuracy"] <= 1
        assert result["lint"].startswith("train: 9 texts, 3 intents")
        assert any("UTF-16" in note and note.startswith("train.csv") for note in result["notes"])
        question = {"text": "where is my parcel", "bot": "parcels"}
        assert client.post("/v1/classify", json=question).json()["label"] == "track"
        end = time.monotonic() + LIMIT
        while another_worker.post("/v1/classify", json=question).status_code == 404:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert stat.S_IMODE((tmp_path / "parcels").stat().st_mode) == 0o700
        state = tmp_path / ".fsl-nlp-serve"
        assert {stat.S_IMODE(p.stat().st_mode) for p in state.rglob("*")} == {0o700, 0o600}
        assert not list(state.rglob("upload"))  # the file of the user is gone

        assert send(client, content, bot="parcels").json()["error_type"] == "conflict"
        job = outcome(
            client, as_csv(ROWS[:6]).encode(), bot="parcels", replace=True, method="proto"
        )
        assert (job["result"]["bot"]["method"], job["result"]["labels"]) == ("proto", 2)
    shutil.copytree(saved_bots["shop"], tmp_path / "private")  # not the server's
    with client_of(folder) as client:
        names = [bot["name"] for bot in client.get("/v1/bots").json()["bots"]]
        assert names == ["shop", "parcels"]


@pytest.mark.slow
def test_a_chinese_workbook(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    with client_of(saved_bots["shop"], new_bots=tmp_path / "made") as client:
        job = outcome(client, as_workbook(CHINESE), "客服 问题.xlsx", bot="客服")
        assert job["state"] == "done", job
        assert job["result"]["encoder"] == "embedded:multilingual"
        answer = client.post("/v1/classify", json={"text": "我的包裹在哪里", "bot": "客服"}).json()
        assert answer["label"] == "查询物流"
    assert (tmp_path / "made" / "客服" / "classifier.json").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", as_csv(CHINESE).encode("gb18030")),
        ("a.csv", as_csv(CHINESE).encode("utf-8-sig")),
        ("a.csv", ("sep=;\r\n" + as_csv(CHINESE, ";")).encode("utf-16")),
        ("a.tsv", as_csv(CHINESE, "\t").encode()),
        ("a.xlsx", as_workbook(CHINESE)),
        ("a.csv", as_workbook(CHINESE)),  # a wrong ending
        (
            "a.jsonl",
            "".join(
                json.dumps({"text": text, "label": label}, ensure_ascii=False) + "\n"
                for text, label in CHINESE
            ).encode(),
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_files_of_office_programs_are_read(name: str, content: bytes, tmp_path: Path) -> None:
    data = read(content, f"文件{Path(name).suffix}", tmp_path)
    assert list(zip(data.texts, data.targets, strict=True)) == CHINESE
    assert data.name == "文件"
    assert not list(tmp_path.iterdir())


def bomb() -> bytes:
    """A workbook of little size that unpacks to more than a gigabyte."""
    file = io.BytesIO(as_workbook(ROWS))
    with (
        zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/worksheets/sheet2.xml", "w") as part,
    ):
        for _ in range(600):
            part.write(bytes(1 << 20))
    return file.getvalue()


ERRORS = [
    ("客服 (1).csv", b"text,label\nhi,greet\n,greet\n", "客服 (1).csv:3: the text is empty"),
    ("bomb.xlsx", bomb(), "bomb.xlsx unpacks to"),
    ("a.csv", b"text,label\n", "a.csv holds no rows"),
    ("a.csv", b"\x00\x01\x02\x03", "a.csv seems to be binary"),
    ("a.csv", b"foo,bar\nhi,greet\n", "a.csv"),
    ("a.xlsx", b"PK\x03\x04 no archive", "a.xlsx cannot be read as an Excel workbook"),
    ("a.json", b"[" * 100_000, "a.json"),
]


@pytest.mark.parametrize(("name", "content", "words"), ERRORS)
def test_errors_name_the_file_of_the_user(
    name: str, content: bytes, words: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        read(content, name, tmp_path)
    assert words in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(("name", "content", "words"), ERRORS[:2])
def test_a_job_fails_with_the_error_of_the_file(
    saved_bots: dict[str, Path],
    tmp_path: Path,
    client_of: Callable[..., Any],
    name: str,
    content: bytes,
    words: str,
) -> None:
    with client_of(saved_bots["shop"], new_bots=tmp_path) as client:
        job = outcome(client, content, name)
    assert job["state"] == "failed"
    assert words in job["error"]
    assert str(tmp_path) not in job["error"]
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "bot",
    [
        *("..", ".", "", "a/b", "../../etc", "/etc", "a\\b", ".hidden", "-rf", "a\0b", "a\nb"),
        *("a" * 65, "客" * 70, "con", "NUL.txt", "end.", "end ", "~", "a:b", "\u202egnp", "a*"),
    ],
)
def test_names_that_are_no_plain_folder_are_refused(
    bot: str, saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    with pytest.raises(OptionError, match="write letters"):
        check_name(bot)
    with client_of(saved_bots["shop"], new_bots=tmp_path / "made") as client:
        answer = send(client, as_csv(ROWS).encode(), bot=bot)
    assert (answer.status_code, answer.json()["error_type"]) == (422, "validation")
    assert not (tmp_path / "made").exists()


def test_no_folder_of_others_is_overwritten(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    folder = shutil.copytree(saved_bots["shop"], tmp_path / "shop")
    (tmp_path / "papers").mkdir()
    with client_of(folder, saved_bots["shop-zh"]) as client:
        for bot in ("shop", "papers", "shop-zh"):
            for replace in (False, True):
                answer = send(client, as_csv(ROWS).encode(), bot=bot, replace=replace)
                assert (answer.status_code, answer.json()["error_type"]) == (409, "conflict")


def test_a_name_that_is_taken_meanwhile_is_left_alone(tmp_path: Path) -> None:
    new_bots = NewBots(tmp_path)
    (tmp_path / "papers").mkdir()
    with pytest.raises(OptionError, match="did not make"):
        new_bots.claim("papers", replace=True)
    folder = new_bots.claim("bot", replace=False)
    assert new_bots.claim("bot", replace=False) == folder  # the save before failed


@pytest.mark.parametrize(
    ("options", "name", "content", "status", "words"),
    [
        ({}, "train.csv", b"", 400, "Send the file"),
        ({}, "train.csv", b"a" * 2000, 413, "too large"),
        ({}, "train.pdf", b"a", 422, "must end in one of .csv"),
        ({}, "", b"a", 422, "must end in one of .csv"),
        ({"method": "lora"}, "train.csv", b"a", 422, "method"),
        ({"language": "../x"}, "train.csv", b"a", 422, "language"),
        ({"replace": "perhaps"}, "train.csv", b"a", 422, "replace"),
    ],
)
def test_bad_requests_are_refused_before_a_job_begins(
    saved_bots: dict[str, Path],
    tmp_path: Path,
    client_of: Callable[..., Any],
    options: dict[str, Any],
    name: str,
    content: bytes,
    status: int,
    words: str,
) -> None:
    with client_of(saved_bots["shop"], new_bots=tmp_path, upload=1000) as client:
        answer = send(client, content, name, **options)
        parts = client.post(
            "/v1/train",
            params={"bot": "b"},
            content=iter([b"a" * 600] * 2),
            headers={"X-File-Name": "a.csv"},
        )  # without a Content-Length
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert parts.status_code == 413
    assert not list(tmp_path.rglob("upload"))


def test_a_request_without_a_file_name_is_refused(client: Any) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/train", params={"bot": "new"}, content=b"a", headers=headers)
    assert answer.status_code == 422
    assert "x-file-name" in answer.json()["error"].lower()


def test_a_full_queue_answers_429(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    with client_of(saved_bots["shop"], new_bots=tmp_path, jobs=0) as client:
        answer = send(client, as_csv(ROWS).encode())
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")


def test_a_training_is_cancelled(
    saved_bots: dict[str, Path], tmp_path: Path, client_of: Callable[..., Any]
) -> None:
    with client_of(saved_bots["shop"], new_bots=tmp_path) as client:
        job = send(client, as_csv(ROWS).encode()).json()["job"]
        client.delete(f"/v1/jobs/{job}")
        end = time.monotonic() + LIMIT
        while (answer := client.get(f"/v1/jobs/{job}").json())["state"] != "failed":
            assert time.monotonic() < end
            time.sleep(0.05)
        assert answer["error"] == "Cancelled."
        assert client.get("/v1/jobs/none").status_code == 404
        assert client.delete("/v1/jobs/none").status_code == 404
    assert not (tmp_path / "new").exists()
