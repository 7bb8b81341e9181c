"""Orders extracts, shows their jobs, cancels them. Who has none of a job's rights learns nothing of it (T25)."""

from __future__ import annotations

import datetime
import hmac
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from etl.extracts.attempt import inconsistent
from etl.extracts.office import Office, Stock, actor_of
from etl.extracts.spec import spec_document, wants_subject
from gateway.case import denied
from gateway.enforcement import EnforcementPoint
from gateway.errors import Denied, Integrity, Invalid, Unsupported
from gateway.terms.extract import DatasetVersion, ExtractSpec, Job
from gateway.terms.identity import Credentials, Principal, Purpose
from gateway.terms.key import KeyScope
from gateway.terms.plan import Plan
from gateway.terms.proposal import Proposal, ProposalKind
from gateway.terms.request import Request

Propose = Callable[[Principal, ProposalKind, Mapping[str, object]], Proposal]
_IDEMPOTENCY: Final = KeyScope(project="gateway", domain="idempotency", mask="job")
_ID_BYTES: Final = 8
NOT_APPROVED: Final = Denied("this extract was not approved", code="approval")
MAX_KEY: Final = 255
"""Characters of an idempotency key."""


class ExtractDesk:
    """The only way to order an extract."""

    def __init__(
        self,
        office: Office,
        stock: Stock,
        *,
        enforcement: EnforcementPoint,
        propose: Propose | None = None,
    ) -> None:
        """`propose` makes a proposal of kind `extract`; None: extracts that need an approval are not offered."""
        self._office = office
        self._enforcement = enforcement
        self._queue = stock.queue
        self._stock = stock
        self._propose = propose

    def submit(self, credentials: Credentials, spec: ExtractSpec, *, idempotency_key: str | None = None) -> Job:
        """Order an extract: explained first, then queued, or waiting for a second person.

        Args:
            idempotency_key: the same key of the same principal with the same spec is the same job.

        Raises:
            Denied: as explain says; logged.
            Invalid: the spec asks for what its purpose, its query or the caller's credential does not have.
            Unauthenticated, Exhausted, Unavailable: as explain.
        """
        principal, now = self._office.enter(credentials)
        job_id = self._job_id(principal, idempotency_key)
        if idempotency_key is not None and (known := self._queue.find(job_id)):
            return _same(known, spec)
        purpose = self._check(credentials, spec, principal=principal, now=now)
        waits = not wants_subject(spec) or spec.run_as != "requester" or purpose.approves_extracts
        proposal = self._proposed(principal, job_id, spec) if waits else None
        job = Job(
            id=job_id,
            spec=spec,
            requester=principal.id,
            environment=principal.environment,
            credential_id=principal.credential_id,
            cause="request",
            proposal=proposal.id if proposal else None,
            created=now,
            state="waiting" if waits else "queued",
        )
        detail = {"job": job_id, "name": spec.name, "purpose": spec.purpose, "state": job.state}
        self._office.write(actor_of(principal), action="extract-submit", now=now, detail=detail)
        return self._added(job, is_repeatable=idempotency_key is not None)

    def on_approved(self, proposal: Proposal) -> None:
        """A proposal of kind `extract` was approved: its job may run. A second call does nothing."""
        self._queue.release(str(proposal.document["job"]))

    def on_denied(self, proposal: Proposal) -> None:
        """It was denied: its job failed. A second call does nothing."""
        self._queue.refuse(str(proposal.document["job"]), code=NOT_APPROVED.code, message=NOT_APPROVED.message)

    def job(self, credentials: Credentials, job_id: str) -> tuple[Job, DatasetVersion | None]:
        """One of the caller's own jobs, with the version that it became.

        Raises:
            Denied: unknown, or another's: one text for both.
        """
        principal, _ = self._office.enter(credentials)
        job = self._own(principal, job_id)
        return job, self._stock.versions.of_job(job.id) if job.version is not None else None

    def jobs(self, credentials: Credentials) -> Sequence[Job]:
        """The caller's own, newest first."""
        principal, _ = self._office.enter(credentials)
        return [job for job in self._queue.listed(requester=principal.id) if job.environment == principal.environment]

    def cancel(self, credentials: Credentials, job_id: str) -> Job:
        """End one of the caller's own jobs; a running attempt stops within its lease.

        Raises:
            Denied: as job.
            Invalid: it has ended.
        """
        principal, now = self._office.enter(credentials)
        job = self._own(principal, job_id)
        self._office.write(actor_of(principal), action="extract-cancel", now=now, detail={"job": job.id})
        if not self._queue.cancel(job.id):
            raise Invalid("this job has ended already", code="job", fix="`gateway extract list` shows its state")
        return self._own(principal, job_id)

    def _own(self, principal: Principal, job_id: str) -> Job:
        job = self._queue.find(job_id)
        if job is None or (job.requester, job.environment) != (principal.id, principal.environment):
            raise Denied("no job of yours has this id", code="job")
        return job

    def _check(
        self, credentials: Credentials, spec: ExtractSpec, *, principal: Principal, now: datetime.datetime
    ) -> Purpose:
        """Whatever can be known before anything runs."""
        if spec.environment != principal.environment:
            raise Invalid(
                f"your credential is good for environment {principal.environment}, the spec is for another",
                code="extract.environment",
                fix="use a token of the spec's environment",
            )
        asked = Request(
            credentials=credentials, sql=spec.sql, purpose=spec.purpose, dialect=spec.dialect, grant=spec.grant
        )
        explanation = self._enforcement.explain(asked)
        decision, plan = explanation.decision, explanation.plan
        if not decision.allowed or decision.purpose is None or plan is None:
            raise self._office.refused(principal, denied(decision), now=now)
        _check_columns(spec, plan)
        if (spec.retention_days or 0) > decision.purpose.retention_days:
            raise Invalid(
                f"{spec.purpose} keeps data for {decision.purpose.retention_days} days at most",
                code="extract.retention",
                fix=f"retention: {decision.purpose.retention_days}d, or leave it out",
            )
        if spec.snapshot == "consistent" and plan.snapshot == "per-scan":
            raise inconsistent()
        return decision.purpose

    def _proposed(self, principal: Principal, job_id: str, spec: ExtractSpec) -> Proposal:
        if self._propose is None:
            raise Unsupported("this extract needs an approval, and approvals are not offered here", code="approval")
        document = {"job": job_id, "name": spec.name, "purpose": spec.purpose, "spec": spec_document(spec)}
        return self._propose(principal, "extract", document)

    def _job_id(self, principal: Principal, idempotency_key: str | None) -> str:
        """Random; for a repeatable order keyed by who orders, so that nobody finds or takes another's (T25)."""
        if idempotency_key is None:
            return f"j-{self._stock.entropy.draw(_ID_BYTES).hex()}"
        if not 0 < len(idempotency_key) <= MAX_KEY:
            raise Invalid(f"an idempotency key has 1..{MAX_KEY} characters", code="idempotency")
        who = f"{principal.id}\n{principal.environment}\n{idempotency_key}".encode()
        return f"j-{hmac.digest(self._stock.keys.derive(_IDEMPOTENCY).secret(), who, 'sha256')[:_ID_BYTES].hex()}"

    def _added(self, job: Job, *, is_repeatable: bool) -> Job:
        try:
            self._queue.add(job)
        except Integrity:
            known = self._queue.find(job.id) if is_repeatable else None
            if known is None:
                raise
            return _same(known, job.spec)  # the same order came twice at once
        return job


def _same(known: Job, spec: ExtractSpec) -> Job:
    if known.spec != spec:
        raise Invalid("this idempotency key was used for another extract", code="idempotency", fix="use a new key")
    return known


def _check_columns(spec: ExtractSpec, plan: Plan) -> None:
    repeated = sorted(name for name, count in Counter(plan.output_names).items() if count > 1)
    if repeated:
        raise Invalid(
            f"a dataset's columns need names of their own; repeated: {', '.join(repeated)}",
            code="extract.columns",
            fix="name them with AS",
        )
    if wants_subject(spec) and spec.subject not in plan.output_names:
        raise Invalid(
            "the subject is none of the query's output columns",
            code="extract.subject",
            fix=f"subject: one of {', '.join(plan.output_names)}; or `none`, which needs an approval",
        )
