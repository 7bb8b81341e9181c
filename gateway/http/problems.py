"""Errors as RFC 9457 problem+json. The only place where an unforeseen exception is caught."""

from __future__ import annotations

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gateway.errors import (
    Denied,
    Exhausted,
    GatewayError,
    Integrity,
    Invalid,
    Unauthenticated,
    Unavailable,
)

_STATUS: tuple[tuple[type[GatewayError], HTTPStatus], ...] = (
    (Invalid, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Unauthenticated, HTTPStatus.UNAUTHORIZED),
    (Denied, HTTPStatus.FORBIDDEN),
    (Exhausted, HTTPStatus.TOO_MANY_REQUESTS),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (Integrity, HTTPStatus.INTERNAL_SERVER_ERROR),
)
_TITLES = {
    HTTPStatus.UNPROCESSABLE_ENTITY: "The request cannot be understood",
    HTTPStatus.UNAUTHORIZED: "No valid credential",
    HTTPStatus.FORBIDDEN: "Policy does not allow it",
    HTTPStatus.TOO_MANY_REQUESTS: "A limit was reached",
    HTTPStatus.SERVICE_UNAVAILABLE: "Nothing was served: a part did not answer",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Nothing was served: something is not what it must be",
}
_log = logging.getLogger("gateway.http")


def problem(error: GatewayError) -> JSONResponse:
    """The response for an error."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    body = {
        "type": f"urn:gateway:{error.code}",
        "title": _TITLES[status],
        "status": status.value,
        "code": error.code,
        "detail": error.message,
        "reasons": list(error.reasons),
        "fix": error.fix,
        "receipt": error.receipt or None,
    }
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
    return JSONResponse(body, status_code=status, headers=headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Register the handlers."""

    async def known(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, GatewayError)  # noqa: S101 - registered for this class
        return problem(error)

    async def malformed(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
        # NOTE: pydantic's own messages repeat the input; only the place and the rule are told.
        told = [f"{'.'.join(str(part) for part in found['loc'])}: {found['type']}" for found in error.errors()]
        return problem(Invalid(f"malformed request: {'; '.join(told)}", code="request", fix="see /openapi.json"))

    async def plain(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
        phrase = HTTPStatus(error.status_code).phrase
        body = {
            "type": "about:blank",
            "title": phrase,
            "status": error.status_code,
            "code": f"http.{error.status_code}",
        }
        return JSONResponse(body, status_code=error.status_code, media_type="application/problem+json")

    async def unforeseen(_: Request, error: Exception) -> JSONResponse:
        if isinstance(error.__cause__, GatewayError):  # an answer that broke after its status: its outcome is logged
            return problem(error.__cause__)
        note_unforeseen(error)
        return problem(Integrity("an unforeseen error; the operator's log has its place", code="internal"))

    app.add_exception_handler(GatewayError, known)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(Exception, unforeseen)


def note_unforeseen(error: BaseException) -> None:
    """Tell the operator the type and place of a foreign exception: its text may hold a row's value."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else "?"
    _log.error("unforeseen %s at %s", type(error).__name__, where)
