"""The policy enforcement point: every door reaches data through it, by five methods and no other way.

The steps of one answer, in order (docs/flow.md tells the same story with the files):

 1. credentials → principal, within its rate                                identity
 2. SQL → one checked SELECT                                                query.parse
 3. names → datasets that this principal may know of                        catalog.resolve
 4. columns → every column the query needs, and no other                    query.bind
 5. verdict for all columns at once; a denial ends here                     policy.decide
 6. plan: scans, masks, guarded aggregates, SQL over released streams       planning
 7. access entry durable; policy, grants, credential and lease still hold   audit
 8. raw rows, lazily                                                        sources
 9. released rows or groups                                                 masks | protection
10. the user's SQL over released streams, in a child without raw rows       sandbox
11. encoded, with a mark of completeness                                    delivery
12. outcome entry                                                           audit

Whatever fails from 2 to 7 becomes a denial entry; whatever fails from 8 on becomes an outcome entry. If neither
can be written, nothing is served.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hmac
import time
from collections.abc import Iterator
from typing import Final, NoReturn

from gateway import catalog, delivery, masks, planning, protection, query
from gateway.errors import Denied, GatewayError, Integrity, Unsupported
from gateway.pinning import WindowPins
from gateway.rooms import ActivePolicy, Limits, Rooms
from gateway.running import Answer, Body, OpenedAnswer, SourceSessions
from gateway.sandbox import Binding
from gateway.terms.audit import AccessEntry, Actor, ColumnAccess, Conditions, DenialEntry, EventEntry
from gateway.terms.identity import Principal, Purpose
from gateway.terms.plan import GuardedScan, MaskedScan, Plan
from gateway.terms.policy import Decision
from gateway.terms.query import BoundQuery
from gateway.terms.request import Explanation, Receipt, Request
from gateway.terms.streams import ReleasedStream, Tally

_ATTEMPTS: Final = 2
"""Decisions for one request: a second one when policy or grants moved between verdict and access entry (T17)."""


@dataclasses.dataclass(slots=True, kw_only=True)
class _Case:
    """One request on its way; what is known so far goes into its denial."""

    request: Request
    principal: Principal
    receipt: Receipt
    now: datetime.datetime
    shape: str = ""
    policy: ActivePolicy | None = None
    bound: BoundQuery | None = None
    decision: Decision | None = None

    @property
    def actor(self) -> Actor:
        return Actor(
            principal=self.principal.id,
            environment=self.principal.environment,
            roles=tuple(sorted(self.principal.roles)),
            door=self.request.door,
        )


class EnforcementPoint:
    """The only path to data."""

    def __init__(self, rooms: Rooms, *, limits: Limits) -> None:
        self._rooms = rooms
        self._limits = limits
        self._pins = WindowPins(rooms.windows, keys=rooms.keys, length=limits.release_window)

    def answer(self, request: Request, *, format: delivery.Format) -> Answer:  # noqa: A002 - the contract's word
        """Answer a query. The body is lazy; MUST be read to its end or closed.

        Raises:
            Unauthenticated, Invalid, Unsupported, Denied, Exhausted, Unavailable, Integrity: nothing was read;
                a denial entry says so (but for refused credentials, which are
                counted, and limits of rate and concurrency, which stand before the log). The error's
                `receipt` attribute names the entry.
        """
        case = self._open(request)
        self._rooms.admission.take(case.principal.id)
        try:
            plan, conditions, index = self._until_logged(case)
            body = self._serve(case, plan=plan, index=index, conditions=conditions, format=format)
        except BaseException:
            self._rooms.admission.give(case.principal.id)
            raise
        body.on_end(lambda: self._rooms.admission.give(case.principal.id))
        assert case.decision is not None  # noqa: S101 - _until_logged set it
        return Answer(
            receipt=case.receipt,
            decision=case.decision,
            snapshot=plan.snapshot,
            media_type=delivery.media_type(format),
            body=body,
        )

    def explain(self, request: Request) -> Explanation:
        """Say what `answer` would do, per column, and why; a denial is an explanation too. Reads no row.

        Raises:
            Unauthenticated, Invalid, Unsupported, Exhausted, Unavailable: as answer.
        """
        case = self._open(request)
        self._rooms.admission.take(case.principal.id)
        try:
            decision, plan = self._explained(case)
        finally:
            self._rooms.admission.give(case.principal.id)
        uses = case.bound.uses if case.bound else {}
        columns = [f"{dataset}.{column}" for dataset, needed in sorted(uses.items()) for column in sorted(needed)]
        self._rooms.log.append(
            EventEntry(
                receipt=case.receipt.id,
                time=case.now,
                actor=case.actor,
                action="explain",
                detail={
                    "datasets": " ".join(sorted(uses)),
                    "columns": " ".join(columns),
                    "purpose": decision.purpose.name if decision.purpose else "",
                    "shape": case.shape,
                    "allowed": int(decision.allowed),
                },
            )
        )
        return Explanation(decision=decision, plan=plan)

    def _explained(self, case: _Case) -> tuple[Decision, Plan | None]:
        with self._denying(case):
            decision = self._decide(case)
            return decision, self._plan(case) if decision.allowed else None

    def profile(self, request: Request) -> NoReturn:
        """Sample a source's columns for classification: not offered yet; refused and logged."""
        self._refuse(request, Unsupported("catalog scans are not offered yet", code="profile"))

    def watermark(self, request: Request) -> NoReturn:
        """Measure a dataset's freshness: not offered yet; refused and logged."""
        self._refuse(request, Unsupported("freshness is not measured yet", code="watermark"))

    def reidentify(self, request: Request) -> NoReturn:
        """Undo pseudonyms for the controller: not offered yet; refused and logged."""
        self._refuse(request, Unsupported("re-identification is not offered yet", code="reidentify"))

    def _refuse(self, request: Request, error: Unsupported) -> NoReturn:
        with self._denying(self._open(request)):
            raise error

    # Steps 1–7: nothing raw is touched.

    def _open(self, request: Request) -> _Case:
        """Step 1."""
        now = self._rooms.clock.now()
        principal = self._rooms.gate.enter(request.credentials, now=now)
        receipt = Receipt(id=f"r_{self._rooms.entropy.draw(16).hex()}", nonce=self._rooms.entropy.draw(32).hex())
        return _Case(request=request, principal=principal, receipt=receipt, now=now)

    def _until_logged(self, case: _Case) -> tuple[Plan, Conditions, int]:
        """Steps 2–7; decides a second time if what it decided by is gone at the access entry."""
        with self._denying(case):
            for attempt in range(_ATTEMPTS):
                decision = self._decide(case)
                if not decision.allowed:
                    raise _denied(decision)
                plan = self._plan(case)
                self._pins.pin(plan, now=case.now)
                try:
                    conditions, index = self._log_access(case, decision)
                except Denied:
                    if attempt + 1 == _ATTEMPTS:
                        raise
                    case.now = self._rooms.clock.now()
                    continue
                return plan, conditions, index
        raise AssertionError("unreachable: the last attempt returns or raises")

    @contextlib.contextmanager
    def _denying(self, case: _Case) -> Iterator[None]:
        """Whatever fails in here becomes a denial entry, a bug too."""
        told: GatewayError = Integrity("an unforeseen error; the operator's log has its place", code="internal")
        is_done = False
        try:
            yield
            is_done = True
        except GatewayError as error:
            told = error
            raise
        finally:
            if not is_done:
                self._deny(case, told)

    def _decide(self, case: _Case) -> Decision:
        """Steps 2–5."""
        request = case.request
        parsed = query.parse(request.sql, dialect=request.dialect, limits=self._limits.query)  # 2
        case.shape = parsed.shape
        case.policy = policy = self._rooms.policy()
        visible = policy.pdp.visible(case.principal, now=case.now)
        datasets = catalog.resolve(parsed, catalog=policy.datasets, visible=visible)  # 3
        case.bound = query.bind(parsed, datasets=datasets, limits=self._limits.query)  # 4
        case.decision = policy.pdp.decide(  # 5
            principal=case.principal,
            purpose=request.purpose,
            uses=case.bound.uses,
            now=case.now,
            grant=request.grant,
        )
        return case.decision

    def _plan(self, case: _Case) -> Plan:
        """Step 6."""
        assert case.policy and case.bound and case.decision  # noqa: S101 - _decide set them
        plan = planning.make_plan(
            case.bound,
            case.decision,
            datasets=case.policy.datasets,
            max_scans=self._limits.query.max_scans,
            limit=case.request.limit,
        )
        read = {step.scan.source for step in plan.steps}
        one = self._rooms.sources.get(*read) if len(read) == 1 else None
        if plan.snapshot == "single-scan" or one is None:
            return plan
        return dataclasses.replace(plan, snapshot=one.consistency)

    def _log_access(self, case: _Case, decision: Decision) -> tuple[Conditions, int]:
        """Step 7."""
        instance = self._rooms.instance()
        conditions = Conditions(
            digest=decision.digest,
            dynamic_grants=decision.dynamic_grants,
            credential_id=case.principal.credential_id,
            instance=instance,
        )
        purpose = _purpose(decision)
        entry = AccessEntry(
            receipt=case.receipt.id,
            time=case.now,
            actor=case.actor,
            purpose=purpose.name,
            project=purpose.project,
            columns=_accesses(decision),
            datasets=tuple(sorted(decision.datasets)),
            digest=decision.digest,
            dynamic_grants=decision.dynamic_grants,
            shape=case.shape,
            sql_hmac=hmac.digest(bytes.fromhex(case.receipt.nonce), case.request.sql.encode(), "sha256").hex(),
            instance=instance,
        )
        return conditions, self._rooms.log.append(entry, conditions=conditions)

    def _deny(self, case: _Case, error: GatewayError) -> None:
        """Log that nothing was read, and give the error its receipt; a log that fails wins."""
        decision, uses = case.decision, case.bound.uses if case.bound else {}
        known = decision is not None and decision.purpose is not None
        entry = DenialEntry(
            receipt=case.receipt.id,
            time=case.now,
            actor=case.actor,
            purpose=case.request.purpose if known else "",
            datasets=tuple(sorted(uses)),
            columns=tuple(
                ColumnAccess(dataset=dataset, column=column, level="", grant="")
                for dataset, columns in sorted(uses.items())
                for column in sorted(columns)
            ),
            code=error.code,
            reasons=error.reasons,
            shape=case.shape,
            digest=decision.digest if decision else "",
        )
        self._rooms.log.append(entry)
        error.receipt = case.receipt.id

    # Steps 8–12: lazily, inside the body.

    def _serve(
        self,
        case: _Case,
        *,
        plan: Plan,
        index: int,
        conditions: Conditions,
        format: delivery.Format,  # noqa: A002
    ) -> Body:
        """Steps 8–12; nothing is opened before the body's first chunk is asked for."""
        tally = Tally()
        opened = OpenedAnswer()
        body = Body(  # 12
            self._chunks(case, plan, opened=opened, tally=tally, format=format),
            receipt=case.receipt,
            access_index=index,
            tally=tally,
            log=self._rooms.log,
            clock=self._rooms.clock,
        )
        body.on_end(opened.close)
        self._rooms.running.add(
            case.receipt.id, principal=case.principal.id, body=body, conditions=conditions, abort=opened.close
        )
        return body

    def _chunks(
        self,
        case: _Case,
        plan: Plan,
        *,
        opened: OpenedAnswer,
        tally: Tally,
        format: delivery.Format,  # noqa: A002
    ) -> Iterator[bytes]:
        """Steps 8–11."""
        assert case.decision is not None  # noqa: S101 - _until_logged set it
        decision = case.decision
        deadline = time.monotonic() + self._limits.query_seconds
        sessions = SourceSessions(self._rooms.sources, receipt=case.receipt.id, deadline=deadline, tally=tally)
        opened.also(sessions.close)
        streams = {step.scan.id: self._release(step, decision, sessions) for step in plan.steps}  # 8, 9
        answer = self._rooms.sandbox.execute(  # 10
            plan.sql,
            streams,
            binding=_binding(case.principal, decision),
            output_names=plan.output_names,
            materialized=frozenset(streams),  # all: the source's order would tell of masked values (T7)
            deadline=deadline,
        )
        opened.hold(answer)
        yield from delivery.encode(  # 11
            answer,
            format=format,
            trailer={"receipt": case.receipt.id, "snapshot": plan.snapshot},
            max_json_rows=self._limits.max_json_rows,
            tally=tally,
        )

    def _release(self, step: MaskedScan | GuardedScan, decision: Decision, sessions: SourceSessions) -> ReleasedStream:
        """Steps 8 and 9 for one scan."""
        session = sessions.of(step.scan.source)
        if isinstance(step, GuardedScan):
            raw = session.group(step)  # 8
            return protection.release(raw, step, threshold=self._limits.threshold_subjects)  # 9
        raw = session.scan(step.scan)  # 8
        project = _purpose(decision).project
        return masks.apply(raw, step.decisions, columns=step.columns, keys=self._rooms.keys, project=project)  # 9


def _purpose(decision: Decision) -> Purpose:
    if decision.purpose is None:
        raise AssertionError("an allowed decision has its purpose")
    return decision.purpose


def _denied(decision: Decision) -> Denied:
    missing = decision.missing
    return Denied(
        missing.lacks if missing else "no grant covers this query",
        code="grant",
        reasons=decision.reasons,
        fix=missing.request if missing else "",
    )


def _accesses(decision: Decision) -> tuple[ColumnAccess, ...]:
    return tuple(
        ColumnAccess(dataset=name, column=column.column, level=column.level.value, grant=dataset.grant)
        for name, dataset in sorted(decision.datasets.items())
        for column in dataset.columns.values()
    )


def _binding(principal: Principal, decision: Decision) -> Binding:
    return Binding(
        principal=principal.id,
        purpose=_purpose(decision).name,
        grants=tuple(sorted(dataset.grant for dataset in decision.datasets.values())),
        digest=decision.digest,
    )
