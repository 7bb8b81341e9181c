"""Where the gateway is and who asks, when the caller does not say.

1. an argument
2. GATEWAY_URL, GATEWAY_TOKEN
3. for the token: the file ~/.config/gateway/token, refused unless it is one's own and nobody else may read it
4. for the URL: this machine
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

import httpx

from gateway.client.errors import NotConfigured

DEFAULT_URL: Final = "http://127.0.0.1:8080"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_LONGEST_TOKEN: Final = 4096


def find_url(given: str | None) -> str:
    """The gateway's URL.

    Raises:
        NotConfigured: it is no http URL, or carries a user or password: those would stand in logs.
    """
    url = given or os.environ.get("GATEWAY_URL") or DEFAULT_URL
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise NotConfigured("the gateway's URL cannot be read: write https://HOST[:PORT]") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise NotConfigured("the gateway's URL begins with https:// or http:// and names a host")
    if parsed.userinfo:
        raise NotConfigured("the gateway's URL holds a user or password: give the token by GATEWAY_TOKEN instead")
    return url


def find_token(given: str | None) -> str:
    """The bearer token.

    Raises:
        NotConfigured: there is none, or its file is readable for others.
    """
    token = given or os.environ.get("GATEWAY_TOKEN") or _stored(Path.home() / ".config" / "gateway" / "token")
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise NotConfigured("the token is empty, or has characters that no token has: copy it again")
    return token


def _stored(path: Path) -> str:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NotConfigured(
            "no token: set GATEWAY_TOKEN, or keep it in ~/.config/gateway/token; "
            "on the gateway's host `gateway token create` makes one"
        ) from None
    except OSError as error:
        raise NotConfigured(f"~/.config/gateway/token cannot be read: {error.strerror}") from None
    with os.fdopen(file, "rb") as opened:
        found = os.fstat(opened.fileno())  # of the open file: its name could lead elsewhere by now
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & _OTHERS:
            raise NotConfigured("~/.config/gateway/token is not yours alone: chmod 600 ~/.config/gateway/token")
        return opened.read(_LONGEST_TOKEN).decode("ascii", errors="replace").strip()
