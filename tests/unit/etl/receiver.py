"""A receiver of calls on loopback, as an operator's endpoint would be."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclasses.dataclass(kw_only=True)
class Receiver:
    """What came, and what is answered: each status once, the last one for ever."""

    url: str
    statuses: list[int]
    headers: dict[str, str]
    calls: list[tuple[str, dict[str, str], bytes]]


@contextlib.contextmanager
def open_receiver(*statuses: int, **headers: str) -> Iterator[Receiver]:
    found = Receiver(url="", statuses=list(statuses or [204]), headers=headers, calls=[])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.calls.append((self.path, dict(self.headers), body))
            self.send_response(found.statuses.pop(0) if len(found.statuses) > 1 else found.statuses[0])
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}/events?from=gateway"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
