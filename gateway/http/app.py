"""The routes of `/v1`. Each decodes, calls one method and encodes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, FastAPI, Header, Query, Response
from fastapi import Request as HttpRequest
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from gateway import __version__, delivery
from gateway.http import approvals, extracts, keys, lineage, problems, reidentifications, stream
from gateway.http.caller import Caller
from gateway.http.models import DatasetOut, EntryFilterIn, EntryOut, ExplanationOut, QueryIn, ReceiptOut
from gateway.http.services import Services
from gateway.terms.identity import Credentials
from gateway.terms.request import Request

Index = Annotated[int, Query(ge=0, lt=2**62)]
Size = Annotated[int, Query(ge=1, lt=2**62)]


def create_app(services: Services) -> FastAPI:
    """The ASGI application over these services."""
    app = FastAPI(title="Data gateway", version=__version__, docs_url=None, redoc_url=None)
    problems.install(app)
    app.include_router(_queries(services), prefix="/v1")
    app.include_router(_catalog(services), prefix="/v1")
    app.include_router(_audit(services), prefix="/v1")
    app.include_router(approvals.routes(services.approvals), prefix="/v1")
    app.include_router(keys.routes(services.approvals.keys), prefix="/v1")
    cases, point = services.approvals.cases, services.enforcement
    app.include_router(reidentifications.routes(cases, point, stall_seconds=services.stall_seconds), prefix="/v1")
    app.include_router(extracts.routes(services.extracts), prefix="/v1")
    app.include_router(lineage.routes(services.lineage), prefix="/v1")
    app.include_router(_health(services), prefix="/health")
    return app


def _queries(services: Services) -> APIRouter:
    router = APIRouter(tags=["query"])

    @router.post("/query", response_class=StreamingResponse)
    async def query(
        body: QueryIn, caller: Caller, http: HttpRequest, accept: Annotated[str, Header(max_length=512)] = "*/*"
    ) -> StreamingResponse:
        """Answer a query, streamed. The body is whole only if it ends with its format's trailer."""
        format_ = delivery.format_for(accept)
        answer = await run_in_threadpool(services.enforcement.answer, _request(body, caller), format=format_)
        chunks = await stream.begin(
            answer.body, is_disconnected=http.is_disconnected, patience_seconds=services.stall_seconds
        )
        return StreamingResponse(chunks, media_type=answer.media_type, headers=dict(answer.headers))

    @router.post("/explain")
    def explain(body: QueryIn, caller: Caller) -> ExplanationOut:
        """Say what a query would get, column by column, and why. Reads no row."""
        return ExplanationOut.of(services.enforcement.explain(_request(body, caller)))

    @router.get("/receipts/{receipt}")
    def receipt(receipt: str, caller: Caller) -> ReceiptOut:
        """One of the caller's own receipts."""
        return ReceiptOut.of(services.auditing.receipt(caller, receipt=receipt))

    return router


def _request(body: QueryIn, caller: Credentials) -> Request:
    return Request(
        credentials=caller,
        sql=body.sql,
        purpose=body.purpose,
        dialect=body.dialect,
        parameters=body.parameters,
        grant=body.grant,
        limit=body.limit,
    )


def _catalog(services: Services) -> APIRouter:
    router = APIRouter(tags=["catalog"])

    @router.get("/datasets")
    def datasets(caller: Caller) -> list[DatasetOut]:
        """Datasets that the caller may know of, each column with the caller's level."""
        return [DatasetOut.of(view) for view in services.browsing.datasets(caller)]

    @router.get("/datasets/{name}")
    def dataset(name: str, caller: Caller) -> DatasetOut:
        """One of them."""
        return DatasetOut.of(services.browsing.dataset(caller, name=name))

    return router


def _audit(services: Services) -> APIRouter:
    router = APIRouter(prefix="/audit", tags=["audit"])

    @router.get("/entries")
    def entries(caller: Caller, wanted: Annotated[EntryFilterIn, Query()]) -> list[EntryOut]:
        """Search the access log. The search is logged too."""
        return [EntryOut.of(found) for found in services.auditing.search(caller, wanted.filter())]

    @router.get("/checkpoint")
    def checkpoint(caller: Caller) -> Response:
        """The newest signed checkpoint, a C2SP signed note."""
        return Response(services.auditing.checkpoint(caller).note, media_type="text/plain; charset=utf-8")

    @router.get("/proof/inclusion")
    def inclusion(caller: Caller, index: Index, size: Size | None = None) -> dict[str, object]:
        """Proof that an entry is in the log."""
        return dict(services.auditing.inclusion(caller, index=index, size=size))

    @router.get("/proof/consistency")
    def consistency(caller: Caller, old: Size, size: Size | None = None) -> dict[str, object]:
        """Proof that the log only grew."""
        return dict(services.auditing.consistency(caller, old=old, size=size))

    return router


def _health(services: Services) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/live")
    def live() -> dict[str, str]:
        """The process runs."""
        return {"status": "live"}

    @router.get("/ready")
    def ready(response: Response) -> dict[str, object]:
        """The process should get requests; what its kernel lacks for the sandbox is told."""
        found = services.readiness()
        response.status_code = 200 if found.ready else 503
        return {"ready": found.ready, "problems": list(found.problems), "isolation": dict(found.isolation)}

    return router
