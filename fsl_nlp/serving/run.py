"""Starting and stopping a server."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from fsl_nlp.errors import MissingExtraError
from fsl_nlp.serving.logs import use_json_lines
from fsl_nlp.serving.settings import ServerSettings


def serve(settings: ServerSettings) -> None:
    """Serve until a signal stops it; requests that were accepted are answered first."""
    try:
        import uvicorn

        from fsl_nlp.serving.access import check_settings
        from fsl_nlp.serving.app import create_app
        from fsl_nlp.serving.connections import allow_files, protocol_of
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "A server needs more packages: pip install 'fsl-nlp[serve]'"
        ) from error
    check_settings(settings)
    if settings.access_log:
        use_json_lines()
    settings = replace(settings, connections=allow_files(settings.connections))
    config = uvicorn.Config(
        partial(create_app, settings),
        factory=True,
        host=settings.host,
        port=settings.port,
        http=protocol_of(settings),  # type: ignore[arg-type]  # it makes one
        ws="none",
        timeout_keep_alive=settings.keep_alive,  # type: ignore[arg-type]  # a float does
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=int(settings.grace),
    )
    uvicorn.Server(config).run()
