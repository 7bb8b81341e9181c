"""Routes of re-identification. The result is streamed once, to the case's proposer."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path
from fastapi import Request as HttpRequest
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from gateway import delivery
from gateway.enforcement import EnforcementPoint
from gateway.governance import ReidentifyDesk
from gateway.http import stream
from gateway.http.approval_models import ProposalDetailOut
from gateway.http.caller import Caller
from gateway.http.reidentifications.models import CaseIn, ListIn
from gateway.terms.request import ReidentifyRequest

Id = Annotated[str, Path(max_length=64)]


def routes(desk: ReidentifyDesk, enforcement: EnforcementPoint, *, stall_seconds: float) -> APIRouter:
    """Everything below `/v1/reidentifications`."""
    router = APIRouter(prefix="/reidentifications", tags=["reidentification"])

    @router.post("", status_code=201)
    def propose(body: CaseIn, caller: Caller) -> ProposalDetailOut:
        """Propose a case: a second person approves it. The pseudonyms are not kept, only their digest."""
        return ProposalDetailOut.of(desk.propose(caller, body.wanted()))

    @router.get("/{proposal}")
    def shown(proposal: Id, caller: Caller) -> ProposalDetailOut:
        """A case that you proposed or may decide."""
        return ProposalDetailOut.of(desk.shown(caller, proposal))

    @router.post("/{proposal}/result", response_class=StreamingResponse)
    async def result(
        proposal: Id,
        body: ListIn,
        caller: Caller,
        http: HttpRequest,
        accept: Annotated[str, Header(max_length=512)] = "*/*",
    ) -> StreamingResponse:
        """Take an approved case's result: pseudonym and identifier, streamed. Once; a broken one needs a new case."""
        format_ = delivery.format_for(accept)
        asked = ReidentifyRequest(
            credentials=caller, proposal=proposal, pseudonyms=tuple(map(str, body.pseudonyms)), door="http"
        )
        answer = await run_in_threadpool(enforcement.reidentify, asked, format=format_)
        chunks = await stream.begin(answer.body, is_disconnected=http.is_disconnected, patience_seconds=stall_seconds)
        return StreamingResponse(chunks, media_type=answer.media_type, headers=dict(answer.headers))

    return router
