"""The server process: uvicorn, one worker, graceful stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import Final

import uvicorn
from fastapi import FastAPI
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_GRACE_SECONDS: Final = 10
"""Running answers may end by themselves for so long after a signal."""
MAX_CONNECTIONS: Final = 512
"""More are closed at once: each takes a descriptor, and without descriptors no child starts."""
FIRST_BYTE_SECONDS: Final = 10.0
"""A connection that has sent no request by then is closed."""
MAX_BODY_BYTES: Final = 512 << 10
"""Of a request; the largest SQL fits six times, as JSON may escape each byte."""


class _Unbuffered(H11Protocol):
    """Keeps no answer bytes in this process: `send` waits until the kernel has them.

    Without it the log could say `ok` while the last 64 KiB still lie in a buffer that a crash loses.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the parent's own
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self.loop.call_later(FIRST_BYTE_SECONDS, self._close_if_silent)

    def _close_if_silent(self) -> None:
        first_request: object = self.cycle  # None until there is one, whatever its annotation says
        if first_request is None and not self.transport.is_closing():
            self.transport.abort()


class _Reticent:
    """Ends here what Starlette raises again after its handler told it: the server would print its text and causes.

    A response that is not complete is then broken off by the server, as it must be.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _declared_size(scope) > MAX_BODY_BYTES:
            await _TOO_LARGE(scope, receive, send)
            return
        with contextlib.suppress(Exception):  # told and answered by problems.install
            await self._app(scope, _bounded(receive), send)


def _declared_size(scope: Scope) -> int:
    """Content-Length; 0 where there is none (then `_bounded` counts)."""
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    return int(declared) if declared.isdigit() else MAX_BODY_BYTES + 1


def _bounded(receive: Receive) -> Receive:
    """Cut a body off that grows beyond its bound: what is left of it is no JSON, and is refused as such."""
    left = MAX_BODY_BYTES

    async def read() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        return message if left >= 0 else {"type": "http.disconnect"}

    return read


_TOO_LARGE: Final = JSONResponse(
    {"type": "urn:gateway:invalid.size", "title": "The request is too large", "status": 413, "code": "invalid.size"},
    status_code=413,
    media_type="application/problem+json",
)


def serve(app: FastAPI, *, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; says on stderr where it listens once the port is open.

    Args:
        app: from create_app.
        host: address to listen at.
        port: 0 takes a free one.
    """
    server_for(app, host=host, port=port).run()


def server_for(app: FastAPI, *, host: str, port: int) -> uvicorn.Server:
    """The server, not yet running."""
    config = uvicorn.Config(
        _Reticent(app),
        host=host,
        port=port,
        http=_Unbuffered,
        ws="none",
        access_log=False,  # requests are audited; a second log would repeat query strings
        server_header=False,
        proxy_headers=False,  # an address in a header is whatever its sender says (T22)
        timeout_graceful_shutdown=_GRACE_SECONDS,
        log_level="warning",
    )
    return _Server(config)


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            address, port = self.servers[0].sockets[0].getsockname()[:2]
            sys.stderr.write(f"listening at http://{address}:{port}\n")
            sys.stderr.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        # uvicorn would raise the signal again and end the process before leases and children are given back.
        self._captured_signals.clear()
