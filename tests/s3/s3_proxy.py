"""A proxy before an S3 server that counts requests and causes what happens on networks."""

import http.client
import socket
import struct
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from loopback import served

ERROR = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>told by the proxy</Message></Error>"
STATUS = {"InternalError": 500, "SlowDown": 503, "AccessDenied": 403, "ExpiredToken": 400, "InvalidAccessKeyId": 403}
FAULTS = (*STATUS, "cut", "reset", "wrong")
STALLS = ("silent", "stalls")  # no answer at all; half a body and then nothing


class Proxy:
    """Stands before the server at ``upstream``.

    Attributes:
        fault: Asked with method, path and how often that was wanted before; returns one of ``FAULTS`` or ``STALLS``,
            or None.
        delay: Seconds before each answer.
        requests: (method, path) of all that came.
        uri: Where it listens, while it does.
    """

    def __init__(self, upstream):
        self.upstream = upstream
        self.fault = lambda *_: None
        self.delay = 0
        self.requests = []
        self.lock = threading.Lock()
        self.uri = ""

    @property
    def objects(self):
        """The paths of the objects that were got, in order."""
        return [path for method, path in self.requests if method == "GET" and "list-type" not in path]

    def note(self, method, path):
        """Count a request; return how often it came before."""
        with self.lock:
            self.requests.append((method, path))
            return self.requests.count((method, path)) - 1

    @contextmanager
    def listening(self):
        """Serve; yield the proxy."""
        with served(_Handler, proxy=self) as address:
            self.uri = f"http://{address}"
            yield self


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def _serve(self):
        proxy = self.server.proxy
        path = unquote(self.path)
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = proxy.fault(self.command, path, proxy.note(self.command, path))
        time.sleep(proxy.delay)
        if fault in STATUS:
            self._send(STATUS[fault], {}, ERROR.format(code=fault).encode())
            return
        if fault == "silent":
            self._wait_until_left()
            return
        upstream = urlsplit(proxy.upstream)
        connection = http.client.HTTPConnection(upstream.hostname, upstream.port, timeout=60)
        connection.request(self.command, self.path, sent, headers=dict(self.headers))
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        skipped = {"transfer-encoding", "connection", "date", "server"}
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in skipped}
        if fault == "wrong" and body:
            body = bytes([body[0] ^ 1]) + body[1:]
        cut = len(body) // 2 if fault in {"cut", "reset", "stalls"} else None
        self._send(answer.status, headers, body, cut)
        if cut is not None:
            if fault == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if fault == "stalls":
                self._wait_until_left()
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = _serve  # noqa: N815 - as http.server calls them

    def _wait_until_left(self):
        self.rfile.read(1)  # ends when the client closes the connection
        self.close_connection = True

    def _send(self, status, headers, body, cut=None):
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() != "content-length" or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut is None else body[:cut])

    def log_message(self, *_):
        """Say nothing."""
