"""Where notices go: a file of JSON lines, or an HTTP endpoint."""

from __future__ import annotations

import datetime
import hashlib
import os
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import httpx

from etl.outgoing.address import AddressRules
from etl.outgoing.signature import SigningSecret
from gateway import __version__
from gateway.errors import Unavailable
from gateway.terms.notice import WaitingNotice

_TIMEOUT: Final = httpx.Timeout(10.0)
"""Seconds, for connecting and for each silence after it."""


def channel_of(kind: str, place: str) -> str:
    """A channel's name: its kind, and a fingerprint of the place, which may be an internal URL."""
    return f"{kind}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"


class Destination(Protocol):
    """One channel's end."""

    @property
    def channel(self) -> str:
        """Whose notices it takes."""

    def send(self, waiting: WaitingNotice, *, now: datetime.datetime) -> None:
        """Deliver; durable when it returns.

        Raises:
            Unavailable: try again later.
        """


class JsonLinesFile:
    """Appends one line per notice, and syncs it."""

    def __init__(self, path: Path, *, kind: str) -> None:
        self._path = path
        self.channel = channel_of(kind, str(path))

    def send(self, waiting: WaitingNotice, *, now: datetime.datetime) -> None:  # noqa: ARG002 - Destination's
        """Append; the line is whole or, after a crash in the write, cut: the next one begins on a line of its own."""
        line = waiting.notice.body.encode() + b"\n"
        try:
            with os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+b") as file:
                file.write(line if _is_at_line_start(file) else b"\n" + line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Unavailable(f"the file of notices cannot be written ({error.strerror})", code="notice") from None


class HttpDestination:
    """Posts each notice as JSON to one URL of the operator's."""

    def __init__(self, url: str, *, kind: str, rules: AddressRules, secret: SigningSecret | None = None) -> None:
        """Prepare; nothing is connected.

        Raises:
            Invalid: the URL may not be used.
        """
        self._target = rules.read(url)
        self._rules = rules
        self._secret = secret
        self.channel = channel_of(kind, url)

    def send(self, waiting: WaitingNotice, *, now: datetime.datetime) -> None:
        """Post once. Any answer but 2xx is a failure; its body is not read."""
        target, body = self._target, waiting.notice.body
        address = self._rules.pin(target)
        place = f"[{address}]" if ":" in address else address
        headers = {"Host": target.authority, "Content-Type": "application/json", "User-Agent": f"gateway/{__version__}"}
        if self._secret is not None:
            headers |= self._secret.headers(body, message=message_id(waiting), now=now)
        try:
            with (
                httpx.Client(timeout=_TIMEOUT, trust_env=False, follow_redirects=False) as client,
                client.stream(
                    "POST",
                    f"{target.scheme}://{place}:{target.port}{target.path}",
                    content=body.encode(),
                    headers=headers,
                    # The certificate must be the name's, though the connection goes to the pinned address.
                    extensions={"sni_hostname": target.host},
                ) as response,
            ):
                status = response.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(f"an outgoing call failed ({type(error).__name__})", code="notice") from None
        if not httpx.codes.is_success(status):
            raise Unavailable(f"an outgoing call was answered with {status}", code="notice")


def message_id(waiting: WaitingNotice) -> str:
    """The same at each attempt, so that a receiver knows a repeat."""
    return f"msg_{hashlib.sha256(f'{waiting.notice.channel} {waiting.notice.key}'.encode()).hexdigest()[:32]}"


def _is_at_line_start(file: BinaryIO) -> bool:
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
