"""Starting and stopping a server."""

from __future__ import annotations

from functools import partial

from fsl_nlp.errors import MissingExtraError
from fsl_nlp.serving.settings import ServerSettings


def serve(settings: ServerSettings) -> None:
    """Serve until a signal stops it; requests that were accepted are answered first."""
    try:
        import uvicorn

        from fsl_nlp.serving.access import check_settings
        from fsl_nlp.serving.app import create_app
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "A server needs more packages: pip install 'fsl-nlp[serve]'"
        ) from error
    check_settings(settings)
    config = uvicorn.Config(
        partial(create_app, settings),
        factory=True,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=int(settings.grace),
    )
    uvicorn.Server(config).run()
