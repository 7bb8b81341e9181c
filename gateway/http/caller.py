"""Who calls: every route takes `Caller`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.errors import Unauthenticated
from gateway.terms.identity import Credentials

_bearer = HTTPBearer(auto_error=False, description="`gateway token create` makes one")


async def _credentials(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Credentials:
    # A coroutine, so that no thread is changed for it.
    if given is None:
        raise Unauthenticated("a bearer token is needed", fix="send `Authorization: Bearer gw_…`")
    return Credentials(bearer=given.credentials)


Caller = Annotated[Credentials, Depends(_credentials)]
