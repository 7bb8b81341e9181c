"""Routes of extracts. Each decodes, calls one method and encodes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query
from fastapi.responses import FileResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from etl.extracts import ExtractDesks, FileLink, ServedFile
from gateway.errors import Unauthenticated
from gateway.http.caller import Caller
from gateway.http.extracts.models import ExtractIn, JobOut, VersionDetailOut, VersionOut
from gateway.http.models import Name
from gateway.terms.identity import Credentials

_MEDIA = {"parquet": "application/vnd.apache.parquet", "json": "application/json"}
_optional = HTTPBearer(auto_error=False, description="or a link's `credential`, `expires` and `signature`")
JobId = Annotated[str, Path(max_length=64)]
VersionId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}@[1-9][0-9]{0,8}$", examples=["loan-default@1"])]
FilePath = Annotated[str, Path(max_length=255)]


def routes(desks: ExtractDesks) -> APIRouter:
    """`/extracts`, `/jobs` and `/dataset-versions`, below `/v1`."""
    router = APIRouter()
    router.include_router(_jobs(desks))
    router.include_router(_versions(desks), prefix="/dataset-versions")
    return router


def _jobs(desks: ExtractDesks) -> APIRouter:
    router = APIRouter(tags=["extracts"])

    @router.post("/extracts", status_code=202)
    def submit(
        body: ExtractIn, caller: Caller, idempotency_key: Annotated[str | None, Header(max_length=255)] = None
    ) -> JobOut:
        """Order an extract. It is decided now, when it runs, and again before it is published."""
        return JobOut.of(desks.extracts.submit(caller, body.spec(), idempotency_key=idempotency_key))

    @router.get("/jobs")
    def jobs(caller: Caller) -> list[JobOut]:
        """Your jobs, newest first."""
        return [JobOut.of(job) for job in desks.extracts.jobs(caller)]

    @router.get("/jobs/{job}")
    def shown(job: JobId, caller: Caller) -> JobOut:
        """One of them."""
        return JobOut.of(*desks.extracts.job(caller, job))

    @router.delete("/jobs/{job}")
    def cancelled(job: JobId, caller: Caller) -> JobOut:
        """Cancel one of your jobs."""
        return JobOut.of(desks.extracts.cancel(caller, job))

    return router


def _versions(desks: ExtractDesks) -> APIRouter:
    router = APIRouter(tags=["extracts"])

    @router.get("")
    def listed(caller: Caller, name: Annotated[Name | None, Query()] = None) -> list[VersionOut]:
        """Your dataset versions, newest first within a name; everybody's for who reads the log."""
        return [VersionOut.of(version) for version in desks.shelf.listed(caller, name=name)]

    @router.get("/{version}")
    def shown(version: VersionId, caller: Caller) -> VersionDetailOut:
        """One of them with its manifest; to its requester, with links to its files."""
        name, number = _parts(version)
        return VersionDetailOut.of_view(desks.shelf.find(caller, name=name, number=number))

    @router.get("/{version}/files/{path}", response_class=FileResponse)
    def file(version: VersionId, path: FilePath, who: Annotated[Credentials | FileLink, Depends(_who)]) -> FileResponse:
        """One file, by token or by link; ranges are served. Decided and logged each time."""
        name, number = _parts(version)
        return _response(desks.shelf.file(who, name=name, number=number, path=path))

    return router


def _who(
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_optional)],
    credential: Annotated[str | None, Query(max_length=64)] = None,
    expires: Annotated[int | None, Query(ge=0, lt=2**53)] = None,
    signature: Annotated[str | None, Query(max_length=64)] = None,
) -> Credentials | FileLink:
    """A token where there is one: a link beside it is not looked at."""
    if given is not None:
        return Credentials(bearer=given.credentials)
    if credential is None or expires is None or signature is None:
        raise Unauthenticated("a bearer token or a file's link is needed", fix="ask for the version: it lists links")
    return FileLink(credential=credential, expires=expires, signature=signature)


def _parts(version: str) -> tuple[str, int]:
    name, _, number = version.partition("@")
    return name, int(number)


def _response(served: ServedFile) -> FileResponse:
    headers = {"Gateway-Receipt": served.receipt, "Cache-Control": "private, no-store"}
    if served.sha256:
        headers["ETag"] = f'"{served.sha256}"'
    media_type = _MEDIA.get(served.name.rpartition(".")[2], "text/plain; charset=utf-8")
    return FileResponse(served.path, media_type=media_type, filename=served.name, headers=headers)
