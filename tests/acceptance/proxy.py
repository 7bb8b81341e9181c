"""What may stand between a client and the gateway, and break."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def cutting_proxy(url: str, *, after_bytes: int, looks_whole: bool) -> Iterator[str]:
    """Passes so many bytes of each answer on; `looks_whole`: without framing, so that the close ends the body."""
    host, port = url.removeprefix("http://").split(":")
    framing = b"Transfer-Encoding: chunked\r\n"

    def carry(client: socket.socket) -> None:
        with client, socket.create_connection((host, int(port))) as server:
            server.settimeout(20)
            asked = b""
            while not (asked.endswith(b"}") or (asked.startswith(b"GET") and asked.endswith(b"\r\n\r\n"))):
                asked += client.recv(1 << 16)
            server.sendall(asked.replace(b"keep-alive", b"close"))
            left = after_bytes
            while left > 0 and (chunk := server.recv(min(left, 1 << 16))):
                client.sendall(chunk.replace(framing, b"") if looks_whole else chunk)
                left -= len(chunk)

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):  # the listener was shut down: the test is over
                while True:
                    carry(listener.accept()[0])

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
