"""The page for the owner of a bot: static files that ship with the package."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response

from fsl_nlp.serving.errors import RequestError

FOLDER = Path(__file__).parents[1] / "page"
# Written out, because the registry of Windows may know other types, which browsers then refuse.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class _File:
    content: bytes
    compressed: bytes
    type: str
    tag: str


@router.get("/")
async def index(request: Request) -> Response:
    """The page itself."""
    return _response(request, "index.html")


@router.get("/page/{name:path}")
async def file(request: Request, name: str) -> Response:
    """A script, a style or a picture of the page."""
    return _response(request, name)


@cache
def _files() -> dict[str, _File]:
    files = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in TYPES:
            content = path.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
            compressed = gzip.compress(content, mtime=0)
            name = path.relative_to(FOLDER).as_posix()
            files[name] = _File(content, compressed, TYPES[path.suffix], tag)
    return files


def _response(request: Request, name: str) -> Response:
    """The file, or 304 if the browser has it already."""
    file = _files().get(name)
    if file is None:
        raise RequestError("not_found", "There is no such file. The page is at /.")
    headers = {"ETag": file.tag, "Vary": "Accept-Encoding"}
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(file.compressed, headers=headers, media_type=file.type)
    return Response(file.content, headers=headers, media_type=file.type)
