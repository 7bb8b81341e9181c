"""A loopback HTTP server that answers as a test says: what no real gateway does on demand."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclasses.dataclass(frozen=True, kw_only=True)
class Call:
    """What came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reply:
    """What goes back."""

    status: int = 200
    body: bytes = b"[]"
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    cut: int | None = None
    """Close the connection after so many bytes of the body."""


@contextlib.contextmanager
def open_origin(answer: Callable[[Call], Reply | None]) -> Iterator[tuple[str, list[Call]]]:
    """The URL, and the calls that came so far. None as a reply: close the connection without one."""
    calls: list[Call] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            call = Call(method=self.command, path=self.path, headers=dict(self.headers), body=body)
            calls.append(call)
            reply = answer(call)
            if reply is None:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body[: reply.cut])
            self.close_connection = reply.cut is not None

        do_GET = do_POST = do_DELETE = handle_any  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", calls
        finally:
            server.shutdown()
            thread.join()
