"""A real HTTP proxy on loopback whose faults a test chooses: what a network and an overloaded server do."""

import contextlib
import http.client
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from loopback import served

HOP = {"connection", "transfer-encoding", "keep-alive"}


@dataclass
class Faults:
    """What happens to each request; all may be changed at any time.

    Attributes:
        delay: Seconds before the request goes on.
        status: Answered instead of asking the server, e.g. 503; 0 is none.
        refuse: Close the connection without an answer, the server unasked.
        corrupt: Change the last byte of what is uploaded.
        cut: Ask the server, then close the connection in the middle of its answer: it has happened, but nobody knows.
        only: Requests that this returns False for, given method and path, pass unharmed.
    """

    delay: float = 0.0
    status: int = 0
    refuse: bool = False
    corrupt: bool = False
    cut: bool = False
    only: object = None
    requests: list = field(default_factory=list)

    def heal(self):
        """Let everything pass from now on."""
        self.delay, self.status, self.refuse, self.corrupt, self.cut, self.only = 0.0, 0, False, False, False, None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        faults = self.server.faults
        body = self._body()
        faults.requests.append((self.command, self.path))
        if faults.only is None or faults.only(self.command, self.path):
            time.sleep(faults.delay)
            if faults.refuse:
                self.close_connection = True
                return
            if faults.status:
                self._answer(faults.status, {"Retry-After": "0"}, b"a fault")
                return
            if faults.corrupt and self.command == "PUT":
                body = body[:-1] + bytes([body[-1] ^ 1])
            cut = faults.cut
        else:
            cut = False
        answer, content = self._ask(body)
        if cut:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
            self.close_connection = True
            return
        self._answer(
            answer.status, {name: value for name, value in answer.getheaders() if name.lower() not in HOP}, content
        )

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_any  # noqa: N815 - the base class's names

    def _body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):  # as requests sends an empty file
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _ask(self, body):
        target = self.server.target
        connection = http.client.HTTPConnection(target.hostname, target.port, timeout=60)
        with contextlib.closing(connection):
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP | {"host"}}
            try:
                connection.request(self.command, self.path, body, {**headers, "Host": target.netloc})
                answer = connection.getresponse()
                return answer, answer.read()
            except OSError:
                self.close_connection = True
                raise

    def _answer(self, status, headers, content):
        self.send_response_only(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *arguments):
        del arguments


@contextlib.contextmanager
def faulty_proxy(target):
    """Start a proxy before a server; yield its address and its ``Faults``."""
    faults = Faults()
    with served(_Handler, target=urlsplit(target), faults=faults) as host:
        yield f"http://{host}", faults
