"""What a bot holds, as files: its folder, and its sentences for a spreadsheet."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse

from fsl_nlp.data.writing import for_spreadsheet
from fsl_nlp.serving.access import require
from fsl_nlp.serving.downloads import SavedFiles
from fsl_nlp.types import Dataset

router = APIRouter(dependencies=[Depends(require("teach"))])


@router.get("/v1/bots/{bot}/download", response_class=StreamingResponse)
def download(request: Request, bot: str) -> StreamingResponse:
    """The bot as a ZIP archive: unpacked, it is a folder that `fsl-nlp serve` takes."""
    served = request.app.state.server.bots[bot]
    return StreamingResponse(
        SavedFiles(served.folder).as_zip(served.name),
        media_type="application/zip",
        headers=_attachment(f"{served.name}.zip"),
    )


@router.get("/v1/bots/{bot}/examples.csv", response_class=Response)
def examples_csv(request: Request, bot: str) -> Response:
    """The sentences and their labels, for Excel and for `fsl-nlp fit`."""
    served = request.app.state.server.bots[bot]
    data = Dataset.from_examples(served.current.answering.examples_)
    return Response(
        for_spreadsheet(data),
        media_type="text/csv; charset=utf-8",
        headers=_attachment(f"{served.name}.csv"),
    )


def _attachment(name: str) -> dict[str, str]:
    """The header by which a browser saves the answer under a name (RFC 6266)."""
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
