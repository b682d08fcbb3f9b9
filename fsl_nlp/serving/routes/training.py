"""`POST /v1/train`: a new bot from a file."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from anyio import open_file, to_thread
from fastapi import APIRouter, Depends, Header, Query, Request

from fsl_nlp.data.files import SUFFIXES
from fsl_nlp.errors import OptionError
from fsl_nlp.output import one_line
from fsl_nlp.serving.access import require
from fsl_nlp.serving.answers import shapes
from fsl_nlp.serving.answers.jobs import JobStarted
from fsl_nlp.serving.errors import RequestError
from fsl_nlp.serving.jobs import UPLOAD, Work
from fsl_nlp.serving.new_bots import check_name

router = APIRouter()

_LANGUAGES = {"": "auto", "en": "embedded:en"}
_FILE = {"content": {"application/octet-stream": {"schema": {"type": "string"}}}}
_LONGEST_NAME = 100  # characters


@router.post(
    "/v1/train",
    status_code=202,
    dependencies=[Depends(require("admin"))],
    openapi_extra={"requestBody": {"required": True, **_FILE}},
    **shapes(JobStarted, 202),
)
async def train(
    request: Request,
    bot: str,
    x_file_name: Annotated[str, Header()],
    method: Literal["auto", "proto", "linear"] = "auto",
    language: Annotated[str, Query(pattern=r"^([a-z]{2,3}(-[A-Za-z]+)?|multilingual)?$")] = "",
    label_column: str | None = None,
    text_column: str | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    replace: bool = False,
) -> dict[str, Any]:
    """Train a bot from a file of texts and labels, the body of the request.

    The header X-File-Name has its name, percent-encoded where it is not ASCII; the ending says
    what it is: CSV, TSV, Excel, JSON, JSON lines, or an export of a chatbot platform. Without a
    language, the texts show it. The answer names a job, whose result is the bot.
    """
    server = request.app.state.server
    name, file_name = check_name(bot), _shown(x_file_name)
    suffix = _suffix(file_name)
    await to_thread.run_sync(lambda: _check_free(server, name, replace))
    folder = await to_thread.run_sync(server.jobs.new)
    try:
        path = folder / UPLOAD / f"{_plain(Path(file_name).stem)}{suffix}"
        await _receive(request, path)
        arguments = {
            "bot": name,
            "new_bots": str(server.new_bots.folder),
            "path": str(path),
            "file_name": file_name,
            "method": method,
            "encoder": _LANGUAGES.get(language, "embedded:multilingual"),
            "label_column": label_column or None,
            "text_column": text_column or None,
            "on_error": on_error,
            "replace": replace,
        }
        work = Work("train", "fsl_nlp.serving.training:train", arguments)
        job = await to_thread.run_sync(server.jobs.start, folder, work)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return {"job": job}


def _check_free(server: Any, name: str, replace: bool) -> None:
    place = server.new_bots.folder / name
    if any(bot.name == name and bot.folder.resolve() != place for bot in server.bots):
        raise RequestError("conflict", f"bot={name!r}: another bot of this server has this name.")
    try:
        server.new_bots.check_free(name, replace=replace)
    except OptionError as error:
        raise RequestError("conflict", str(error)) from None


def _shown(header: str) -> str:
    """The name of a file as messages show it: without folders, in one line."""
    name = re.split(r"[/\\]", unquote(header, errors="replace"))[-1].strip()
    return one_line(name[-_LONGEST_NAME:])


def _suffix(file_name: str) -> str:
    suffix = Path(file_name).suffix.lower()
    if suffix not in SUFFIXES:
        raise OptionError(
            f"{file_name or 'X-File-Name'}: the name of the file must end in one of "
            f"{', '.join(SUFFIXES)}."
        )
    return suffix


def _plain(stem: str) -> str:
    """A name that is safe on every disk, and like the one that the user knows."""
    return "file-" + re.sub(r"[^\w-]", "_", stem)[:40]


async def _receive(request: Request, path: Path) -> None:
    """Write the body of a request to a file, a part at a time."""
    path.parent.mkdir(0o700)
    size = 0
    try:
        async with await open_file(path, "xb") as file:
            async for part in request.stream():
                size += await file.write(part)
    except OSError as error:
        raise RequestError("storage", f"The file cannot be stored: {error.strerror}.") from None
    if not size:
        raise RequestError("empty", "Send the file as the body of the request.")
