"""The server process: uvicorn, one worker, graceful stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import Final

import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_GRACE_SECONDS: Final = 10
"""Running answers may end by themselves for so long after a signal."""


class _Unbuffered(H11Protocol):
    """Keeps no answer bytes in this process: `send` waits until the kernel has them.

    Without it the log could say `ok` while the last 64 KiB still lie in a buffer that a crash loses.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the parent's own
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)


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
        with contextlib.suppress(Exception):  # told and answered by problems.install
            await self._app(scope, receive, send)


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
