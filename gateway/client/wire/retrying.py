"""Repeats calls that may be repeated: 100 ms, doubled each time, or as long as the gateway asks for."""

from __future__ import annotations

import datetime
import email.utils
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

import httpx

FIRST_PAUSE_SECONDS: Final = 0.1
MAX_TRIES: Final = 10
_AGAIN: Final = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


def may_repeat(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a second call does nothing more than the first: reads, and orders with a key of their own."""
    return method == "GET" or "Idempotency-Key" in headers


def patient(call: Callable[[], httpx.Response], *, seconds: float, is_known: Callable[[], bool]) -> httpx.Response:
    """The first response that is final, or the last one.

    Args:
        seconds: for all pauses together.
        is_known: whether a gateway has answered at this URL before; if none has, the URL is probably wrong, and a
            connection that fails is told at once.

    Raises:
        httpx.TransportError: the last try's.
    """
    end, pause = time.monotonic() + seconds, FIRST_PAUSE_SECONDS
    for left in range(MAX_TRIES - 1, -1, -1):
        wait: float | None
        try:
            response = call()
        except httpx.TransportError:
            if not left or not is_known() or time.monotonic() + pause > end:
                raise
            wait = pause
        else:
            wait = _pause_after(response, pause)
            if wait is None or not left or time.monotonic() + wait > end:
                return response
            response.close()
        time.sleep(wait)
        pause *= 2
    raise AssertionError("unreachable")  # the last try returns or raises


def _pause_after(response: httpx.Response, pause: float) -> float | None:
    """Seconds until the next try; None: this response is final."""
    asked = _retry_after(response.headers.get("Retry-After", ""))
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        # NOTE: without the header it is a limit that waiting does not lift (rows of a day, memory).
        return None if asked is None else max(asked, pause)
    if response.status_code in _AGAIN:
        return pause if asked is None else max(asked, pause)
    return None


def _retry_after(text: str) -> float | None:
    """Seconds, from a number or a date; None: neither."""
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return max(0.0, (moment - datetime.datetime.now(datetime.UTC)).total_seconds())
