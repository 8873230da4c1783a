"""An S3 server on loopback that takes its time."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple


class _Silent(WSGIRequestHandler):
    def log(self, *_: Any) -> None:  # noqa: ANN401 - werkzeug's
        """Say nothing."""


def serve(port: int, seconds: float) -> None:
    """Serve on this port until the process ends; every answer comes so many seconds late."""
    application = DomainDispatcherApplication(create_backend_app)

    def late(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        time.sleep(seconds)
        return application(environ, start)

    run_simple("127.0.0.1", port, late, threaded=True, request_handler=_Silent)
