"""HTTP servers that tests write themselves."""

import threading
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

POLL_SECONDS = 0.02  # half of it is what each end waits for


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A connection that broke is what some tests want."""


@contextmanager
def served(handler, **attributes):
    """Answer requests by a handler class on a free port of loopback; yield the host and port.

    What else is given the handlers find as attributes of their ``server``.
    """
    with _Server(("127.0.0.1", 0), handler) as server:
        for name, value in attributes.items():
            setattr(server, name, value)
        thread = threading.Thread(target=server.serve_forever, args=[POLL_SECONDS])
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
