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
from collections.abc import Callable, Iterator
from typing import Final

from gateway import catalog, delivery, masks, planning, query
from gateway.case import Case, denied
from gateway.errors import Denied, GatewayError, Integrity, Invalid
from gateway.pinning import WindowPins
from gateway.profiling import Profiling, Watch
from gateway.remembered import Questions
from gateway.rooms import ActivePolicy, Limits, Rooms
from gateway.running import Answer, Body, OpenedAnswer
from gateway.serving import Serving
from gateway.terms.audit import Conditions
from gateway.terms.key import KeyScope
from gateway.terms.plan import Plan
from gateway.terms.policy import Decision
from gateway.terms.proposal_catalog import CatalogProposal
from gateway.terms.query import BoundQuery
from gateway.terms.request import Explanation, ProfileRequest, Receipt, ReidentifyRequest, Request, WatermarkRequest
from gateway.terms.streams import Tally

_ATTEMPTS: Final = 2
"""Decisions for one request: a second one when policy or grants moved between verdict and access entry (T17)."""


class EnforcementPoint:
    """The only path to data."""

    def __init__(self, rooms: Rooms, *, limits: Limits) -> None:
        self._rooms = rooms
        self._limits = limits
        self._serving = Serving(rooms, limits=limits)
        self._questions = Questions()
        self._pins = WindowPins(rooms.windows, keys=rooms.keys, length=limits.release_window)

    def answer(
        self,
        request: Request,
        *,
        format: delivery.Format,  # noqa: A002 - the contract's word
        into: delivery.Folder | None = None,
    ) -> Answer:
        """Answer a query. The body is lazy; MUST be read to its end or closed.

        Args:
            into: with format `dataset`, and only then: where the files go; the body tells of them. Without the row
                allowance of interactive answers, in the time and memory of extracts.

        Raises:
            Unauthenticated, Invalid, Unsupported, Denied, Exhausted, Unavailable, Integrity: nothing was read;
                a denial entry says so (but for refused credentials, which are
                counted, and limits of rate and concurrency, which stand before the log). The error's
                `receipt` attribute names the entry.
        """
        if (format == "dataset") != (into is not None):
            raise Invalid("format dataset goes into a folder, and no other does", code="format")
        case = self._open(request)
        planned = lambda: self._planned(case, for_files=into is not None)  # noqa: E731 - one line as the other's
        return self._answered(case, planned, into=into, format=format)

    def explain(self, request: Request) -> Explanation:
        """Say what `answer` would do, per column, and why; a denial is an explanation too. Reads no row.

        Raises:
            Unauthenticated, Invalid, Unsupported, Exhausted, Unavailable: as answer.
        """
        case = self._open(request)
        self._take(case)
        try:
            with self._denying(case):
                decision = self._decide(case)
                plan = self._plan(case) if decision.allowed else None
                if decision.allowed:
                    self._choose_epoch(case)
        finally:
            self._rooms.admission.give(case.principal.id)
        self._rooms.log.append(case.explained(decision))
        limits = self._limits.of(case.principal).told()
        return Explanation(decision=decision, plan=plan, key_epoch=case.key_epoch, limits=limits)

    def watermark(self, request: WatermarkRequest) -> datetime.datetime | None:
        """The newest row's time, by the catalog's watermark, among the rows that the asker may see; None: no row.

        Raises:
            as answer; Invalid: `watermark`, the catalog declares none for this dataset.
        """
        case = self._open(request)
        self._take(case)
        try:
            with self._denying(case):
                self._decide_watermark(case)
                self._choose_epoch(case)
                conditions, index = self._log_access(case)
            found: list[datetime.datetime | None] = []
            body = self._body(case, self._serving.newest(case, request, found), index=index, tally=Tally())
            self._watch(case, body, conditions, OpenedAnswer())
            with body:
                for _ in body:
                    pass
                body.finish()
            return found[0]
        finally:
            self._rooms.admission.give(case.principal.id)

    def profile(self, request: ProfileRequest, *, watch: Watch | None = None) -> CatalogProposal:
        """Propose a catalog for a source's tables: the operator's act on this host; steps and errors in profiling."""
        return Profiling(self._rooms, limits=self._limits).profile(request, watch=watch or Watch())

    def reidentify(self, request: ReidentifyRequest, *, format: delivery.Format) -> Answer:  # noqa: A002
        """Give an approved case's result to its proposer, once: pseudonyms, and the identifiers they were made of.

        Both columns of RECOVERED, of those rows that the asker sees in full anyway. A pseudonym that no such row has
        gets none; the trailer's `unresolved` says how many those are. The body is as answer's.

        Raises:
            as answer; Denied: the case is not approved, not the asker's, too old or spent, or its list is another.
        """
        if format == "dataset":
            raise Invalid("a re-identification is no dataset", code="format")
        case = self._open(request)
        return self._answered(case, lambda: self._decide_case(case, request), into=None, format=format)

    # Steps 1–7: nothing raw is touched.

    def _open(self, request: Request | WatermarkRequest | ReidentifyRequest) -> Case:
        """Step 1."""
        now = self._rooms.clock.now()
        principal = self._rooms.gate.enter(request.credentials, now=now)
        receipt = Receipt(id=f"r_{self._rooms.entropy.draw(16).hex()}", nonce=self._rooms.entropy.draw(32).hex())
        return Case(request=request, principal=principal, receipt=receipt, now=now)

    def _take(self, case: Case) -> None:
        concurrent = self._limits.of(case.principal).concurrent_queries
        self._rooms.admission.take(case.principal.id, concurrent=concurrent)

    def _answered(
        self,
        case: Case,
        planned: Callable[[], Plan],
        *,
        into: delivery.Folder | None,
        format: delivery.Format,  # noqa: A002
    ) -> Answer:
        """Steps 2–12, in one of the principal's places."""
        self._take(case)
        try:
            plan, conditions, index = self._until_logged(case, planned)
            answer = self._serve(case, plan, logged=(conditions, index), into=into, format=format)
        except BaseException:
            self._rooms.admission.give(case.principal.id)
            raise
        answer.body.on_end(lambda: self._rooms.admission.give(case.principal.id))
        return answer

    def _until_logged(self, case: Case, planned: Callable[[], Plan]) -> tuple[Plan, Conditions, int]:
        """Steps 2–7; decides a second time if what it decided by is gone at the access entry."""
        with self._denying(case):
            for attempt in range(_ATTEMPTS):
                plan = planned()
                try:
                    conditions, index = self._log_access(case)
                except Denied:
                    if attempt + 1 == _ATTEMPTS:
                        raise
                    case.now = self._rooms.clock.now()
                    continue
                return plan, conditions, index
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _planned(self, case: Case, *, for_files: bool) -> Plan:
        """Steps 2–6 of a query."""
        decision = self._decide(case, with_watermarks=for_files)
        if not decision.allowed:
            raise denied(decision)
        plan = self._plan(case, for_files=for_files)
        if for_files:
            plan = planning.for_dataset(plan)
        self._choose_epoch(case)
        self._pins.pin(plan, now=case.now)
        return plan

    @contextlib.contextmanager
    def _denying(self, case: Case) -> Iterator[None]:
        """Whatever fails in here becomes a denial entry, a bug too; a log that fails wins."""
        told: GatewayError = Integrity("an unforeseen error; the operator's log has its place", code="internal")
        is_done = False
        try:
            yield
            is_done = True
        except GatewayError as error:
            told = case.told(error)
            raise
        finally:
            if not is_done:
                self._rooms.log.append(case.denial(told))
                told.receipt = case.receipt.id

    def _decide(self, case: Case, *, with_watermarks: bool = False) -> Decision:
        """Steps 2–5."""
        request = case.request
        assert isinstance(request, Request)  # noqa: S101 - the other kind has no SQL
        case.text = request.text
        limits = self._limits.query
        question = self._questions.of(case.principal.id, request)
        parsed = question.parsed(  # 2
            lambda: query.parse(request.sql, dialect=request.dialect, limits=limits, parameters=request.parameters)
        )
        case.shape = parsed.shape
        case.policy = policy = self._rooms.policy()
        visible = policy.pdp.visible(case.principal, now=case.now)
        datasets = catalog.resolve(parsed, catalog=policy.datasets, visible=visible)  # 3
        bound = question.bound(  # 4
            parsed, policy.datasets, lambda: query.bind(parsed, datasets=datasets, limits=limits)
        )
        if with_watermarks and self._verdict(case, watermarked(bound, policy)).allowed:
            return case.allowed
        return self._verdict(case, bound)

    def _verdict(self, case: Case, bound: BoundQuery) -> Decision:
        """Step 5."""
        assert case.policy is not None  # noqa: S101 - _decide set it
        case.bound = bound
        case.decision = case.policy.pdp.decide(
            principal=case.principal,
            purpose=case.purpose_asked,
            uses=bound.uses,
            now=case.now,
            grant=case.request.grant,
            in_full=case.approved is not None,
        )
        return case.decision

    def _decide_watermark(self, case: Case) -> None:
        """Steps 2–5 for one column of one dataset."""
        case.policy = policy = self._rooms.policy()
        name = case.request.dataset if isinstance(case.request, WatermarkRequest) else ""
        visible = policy.pdp.visible(case.principal, now=case.now)
        if name not in visible or name not in policy.datasets:
            raise query.unknown_dataset(name)
        watermark = policy.datasets[name].watermark
        if watermark is None:
            raise Invalid(f"the catalog declares no watermark for {name}", code="watermark")
        case.shape = case.text = f"watermark of {name}"
        bound = BoundQuery(
            dialect="", tree=None, uses={name: frozenset({watermark.column})}, output_names=(), shape=case.shape
        )
        decision = self._verdict(case, bound)
        if not decision.allowed:
            raise denied(decision)

    def _decide_case(self, case: Case, request: ReidentifyRequest) -> Plan:
        """Steps 2–6 for an approved case; at its end the case is spent."""
        case.policy = policy = self._rooms.policy()
        if (approved := case.approved) is None:
            case.approved = approved = self._rooms.cases.approved(case.principal, request)
        case.shape, case.text = approved.shape, approved.text
        name, column = approved.dataset, approved.column
        dataset = policy.datasets.get(name)
        if dataset is None or name not in policy.pdp.visible(case.principal, now=case.now):
            raise query.unknown_dataset(name)
        uses = {name: frozenset({column})}
        decision = self._verdict(case, BoundQuery(dialect="", tree=None, uses=uses, output_names=(), shape=case.shape))
        masked = policy.pdp.masked(name, column)
        if not decision.allowed or masked is None:
            raise denied(decision)
        plan = planning.recovery_plan(dataset, decision.datasets[name], masked=masked)
        masks.check_recoverable(masked)
        if case.key_epoch is None:  # the first time: from here on it is spent, whatever comes
            probe = KeyScope(project=approved.project, domain=name, mask="probe", epoch=approved.epoch)
            self._rooms.keys.derive(probe)  # a destroyed epoch ends here
            self._rooms.cases.spend(approved, case.principal)
            case.key_epoch = approved.epoch
        return plan

    def _plan(self, case: Case, *, for_files: bool = False) -> Plan:
        """Step 6."""
        request, bound, policy = case.request, case.bound, case.policy
        assert isinstance(request, Request) and bound and policy  # noqa: S101 - _decide set them
        near = frozenset(name for name, source in self._rooms.sources.items() if source.aggregates_near_data)

        def make() -> Plan:
            return planning.make_plan(
                bound,
                case.allowed,
                datasets=policy.datasets,
                max_scans=self._limits.query.max_scans,
                limit=request.limit,
                for_files=for_files,
                near_data=near,
            )

        question = self._questions.of(case.principal.id, request)
        plan = make() if for_files else question.plan(bound, case.allowed, near, make)
        read = {step.scan.source for step in plan.steps}
        one = self._rooms.sources.get(*read) if len(read) == 1 else None
        if plan.snapshot == "single-scan" or one is None:
            return plan
        return dataclasses.replace(plan, snapshot=one.consistency)

    def _choose_epoch(self, case: Case) -> None:
        """Step 6: of the project's keys, for all scans and columns; a destroyed one ends here."""
        case.key_epoch = self._rooms.keys.epoch(case.purpose.project)

    def _log_access(self, case: Case) -> tuple[Conditions, int]:
        """Step 7."""
        conditions = Conditions(
            digest=case.allowed.digest,
            dynamic_grants=case.allowed.dynamic_grants,
            credential_id=case.principal.credential_id,
            instance=self._rooms.instance(),
            key=case.key,
        )
        return conditions, self._rooms.log.append(case.access(instance=conditions.instance), conditions=conditions)

    # Steps 8–12: lazily, inside the body.

    def _serve(
        self,
        case: Case,
        plan: Plan,
        *,
        logged: tuple[Conditions, int],
        into: delivery.Folder | None,
        format: delivery.Format,  # noqa: A002
    ) -> Answer:
        """Steps 8–12; nothing is opened before the body's first chunk is asked for."""
        conditions, index = logged
        tally, opened = Tally(), OpenedAnswer()
        watermarks: dict[str, datetime.datetime] = {}
        if isinstance(case.request, ReidentifyRequest):
            chunks = self._serving.recovered(case, plan, opened=opened, tally=tally, format=format)
        elif into is None:
            chunks = self._serving.rows(case, plan, opened=opened, tally=tally, format=format)
        else:
            chunks = self._serving.files(case, plan, opened=opened, tally=tally, into=into, watermarks=watermarks)
        body = self._body(case, chunks, index=index, tally=tally)  # 12
        self._watch(case, body, conditions, opened)
        return Answer(
            receipt=case.receipt,
            decision=case.allowed,
            plan=plan,
            media_type=delivery.media_type(format),
            body=body,
            conditions=conditions,
            access_index=index,
            key_epoch=case.key.number,
            found=watermarks,
        )

    def _body(self, case: Case, chunks: Iterator[bytes], *, index: int, tally: Tally) -> Body:
        return Body(
            chunks,
            receipt=case.receipt,
            access_index=index,
            tally=tally,
            log=self._rooms.log,
            clock=self._rooms.clock,
        )

    def _watch(self, case: Case, body: Body, conditions: Conditions, opened: OpenedAnswer) -> None:
        body.on_end(opened.close)
        self._rooms.running.add(
            case.receipt.id, principal=case.principal.id, body=body, conditions=conditions, abort=opened.close
        )


def watermarked(bound: BoundQuery, policy: ActivePolicy) -> BoundQuery:
    """The same query, needing each dataset's watermark column as well."""
    uses = {
        name: columns | ({watermark.column} if (watermark := policy.datasets[name].watermark) else frozenset())
        for name, columns in bound.uses.items()
    }
    return dataclasses.replace(bound, uses=uses)
