"""A whole gateway in one process: rooms, enforcement point, desks, jobs, and what goes on beside requests."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from etl.extracts import ExtractDesk, ExtractDesks, Folders, Shelf, Stock, Worker, Workshop
from etl.freshness import FreshnessDesk, LineageDesks, Scheduler, Stores
from etl.lineage import EventWriter, GrantBook, LineageDesk, ModelDesk, OpaqueNames, Reporter
from etl.outgoing import Courier, open_outgoing
from gateway import http, query, store
from gateway.control import Control, space_checker
from gateway.detection import DetectionLimits, DetectorPool, Knowledge
from gateway.enforcement import EnforcementPoint
from gateway.errors import Invalid, Unavailable
from gateway.governance import (
    ApprovalDesks,
    AuditDesk,
    CaseBook,
    CaseLimits,
    CatalogDesk,
    KeyStock,
    destroyed_keys,
    open_approval_desks,
)
from gateway.housekeeping import Housekeeping, Lease, Rounds, refusal_counter
from gateway.masks import NameLists
from gateway.ports import Source
from gateway.rooms import ExtractLimits, Limits, Rooms
from gateway.running import RunningAnswers
from gateway.sandbox import Sandbox, SandboxLimits
from gateway.settings import Settings
from gateway.terms.audit import Actor
from gateway.terms.identity import Principal
from gateway.terms.key import KeyScope
from gateway.terms.proposal import Proposal, ProposalKind
from gateway.terms.request import ProfileLimits

_SELF: Final = Actor(principal="gateway", environment="", roles=(), door="host")
"""Who does what an approval led to, if the process that approved it died before."""


class Gateway:
    """Everything that `serve` and `worker` run but the port."""

    def __init__(self, control: Control, *, sources: Mapping[str, Source]) -> None:
        settings = control.settings
        self.control = control
        self.sandbox = Sandbox(sandbox_limits(settings))
        self.detector = DetectorPool(detection_limits(settings), knowledge=knowledge(settings))
        self.running = RunningAnswers(control.log_store, withdraw=self.sandbox.drop)
        self.lease = Lease(store.Leases(control.engine), ttl_seconds=settings.lease_seconds)
        self._keys = control.open_keys()
        self.enforcement = EnforcementPoint(self._rooms(sources), limits=_limits(settings))
        self.housekeeping = Housekeeping(
            lease=self.lease,
            renew_seconds=settings.lease_seconds / 3,
            running=self.running,
            recheck_seconds=settings.recheck_seconds,
            settler=control.log,
            refusals=refusal_counter(control.gate, log=control.log, clock=control.clock, entropy=control.entropy),
        )
        self._open_extracts()
        self._open_lineage()
        self._worker = threading.Thread(target=self._work, name="worker", daemon=True)
        self._stopping = threading.Event()

    def _rooms(self, sources: Mapping[str, Source]) -> Rooms:
        control = self.control
        return Rooms(
            gate=control.gate,
            admission=control.admission,
            policy=control.policy.current,
            log=control.log,
            sources=sources,
            keys=self._keys,
            sandbox=self.sandbox,
            windows=store.Windows(control.engine),
            allowance=store.Allowances(control.engine),
            detector=self.detector,
            names=NameLists(),
            cases=CaseBook(
                control.proposals,
                policy=control.policy.current,
                per_day=control.settings.reidentify_cases_per_day,
            ),
            running=self.running,
            clock=control.clock,
            entropy=control.entropy,
            instance=lambda: self.lease.id,
        )

    def _open_extracts(self) -> None:
        control = self.control
        stock = Stock(
            queue=control.jobs,
            versions=control.versions,
            folders=Folders(control.settings.home / "extracts"),
            keys=self._keys,
            clock=control.clock,
            entropy=control.entropy,
        )
        self.extracts = ExtractDesk(
            control.desk,
            stock,
            enforcement=self.enforcement,
            propose=self._propose,
        )
        self.shelf = Shelf(control.desk, stock, tokens=control.tokens, admission=control.admission)
        self.approvals = self._open_approvals()
        self.workshop = Workshop(
            stock=stock,
            enforcement=self.enforcement,
            proposals=control.proposals,
            log=control.log,
            checkpoint=control.log_store.checkpoint,
            signer=control.signer,
        )

    def _open_approvals(self) -> ApprovalDesks:
        control, settings = self.control, self.control.settings
        keys = KeyStock(
            keys=self._keys,
            destructions=store.Destructions(control.engine),
            versions=control.versions,
            log=control.log_store,
        )
        cases = CaseLimits(values=settings.reidentify_values, cases_per_day=settings.reidentify_cases_per_day)
        return open_approval_desks(
            control.desk,
            proposals=control.proposals,
            grants=control.grants,
            bundles=control.bundles,
            keys=keys,
            cases=cases,
            environment=settings.environment,
            on_approved=self.extracts.on_approved,
            on_denied=self.extracts.on_denied,
        )

    def _propose(self, principal: Principal, kind: ProposalKind, document: Mapping[str, object]) -> Proposal:
        """The order's desk and the approvals' desk need each other: one of them asks late."""
        return self.approvals.approvals.propose(principal, kind, document)

    def _open_lineage(self) -> None:
        control, settings = self.control, self.control.settings
        outbox = store.Outbox(control.engine)
        outgoing = open_outgoing(
            openlineage_file=settings.openlineage_file,
            openlineage_url=settings.openlineage_url,
            webhook_urls=settings.webhook_urls,
            webhook_secret_file=settings.webhook_secret_file,
            networks=settings.outgoing_networks,
        )
        names = OpaqueNames(self._keys.derive(KeyScope(project="gateway", domain="lineage", mask="opaque")))
        stores = Stores(models=control.models, versions=control.versions, queue=control.jobs)
        book = GrantBook(policy=control.policy.current, records=store.GrantRecords(control.engine))
        self.lineage = LineageDesks(
            models=ModelDesk(control.desk, models=control.models, versions=control.versions, names=names),
            lineage=LineageDesk(
                control.desk, models=control.models, versions=control.versions, grants=book, names=names
            ),
            freshness=FreshnessDesk(control.desk, stores=stores, watermarks=self.enforcement, names=names),
        )
        self.scheduler = Scheduler(
            control.desk,
            stores=stores,
            proposals=control.proposals,
            outbox=outbox,
            webhook_channels=outgoing.webhook_channels,
        )
        writer = EventWriter(origin=control.signer.name, is_discoverable=self._is_discoverable, names=names)
        self.reporter = Reporter(
            queue=control.jobs,
            versions=control.versions,
            outbox=outbox,
            writer=writer,
            lineage_channels=outgoing.lineage_channels,
            webhook_channels=outgoing.webhook_channels,
        )
        self._courier = Courier(outbox, outgoing.all, clock=control.clock)
        seconds = settings.schedule_seconds
        self._chores = Rounds(
            "chores", [(seconds, self._now(self.scheduler.run_once)), (seconds, self._now(self.reporter.run_once))]
        )

    def start(self) -> None:
        """Warm the sandbox and begin housekeeping.

        Refuses where the kernel lacks what settings require, or where keys are back that were destroyed (T12).
        """
        self._check_role_limits()
        self.control.log.settle_abandoned()
        self.approvals.approvals.settle(_SELF)
        self._keys.check(destroyed_keys(self.control.log_store))  # after it: what a crash cut short is done by now
        self.sandbox.start()
        self.housekeeping.start()

    def _check_role_limits(self) -> None:
        """A limit for a role that nobody has would limit nobody, and look as if it did."""
        unknown = sorted(set(self.control.settings.role_limits) - self.control.policy.current().pdp.roles)
        if unknown:
            raise Invalid(
                f"role_limits names unknown roles: {', '.join(unknown)}", code="settings", fix="see roles.yaml"
            )

    def start_jobs(self, *, worker: bool) -> None:
        """Begin what goes on beside requests: scheduler, events, webhooks, and with `worker` the extracts."""
        self._chores.start()
        self._courier.start()
        if worker:
            self._worker.start()

    def services(self) -> http.Services:
        """What the HTTP door may call."""
        return http.Services(
            enforcement=self.enforcement,
            auditing=AuditDesk(self.control.desk, store=self.control.log_store),
            browsing=CatalogDesk(self.control.desk),
            approvals=self.approvals,
            extracts=ExtractDesks(extracts=self.extracts, shelf=self.shelf),
            lineage=self.lineage,
            readiness=self._readiness,
            stall_seconds=self.control.settings.stall_seconds,
        )

    def close(self) -> None:
        """End running answers, jobs, children and the lease; then the control database."""
        self._stopping.set()
        self._chores.close()
        self._courier.close()
        if self._worker.is_alive():
            self.running.stop_all(Unavailable("the gateway is stopping", code="stopping", fix="ask again"))
            self._worker.join()
        self.housekeeping.close()
        self.detector.close()
        self.sandbox.close()
        self.control.close()

    def _work(self) -> None:
        Worker(self.workshop).run(self._stopping)

    def _is_discoverable(self, dataset: str) -> bool:
        listed = self.control.policy.current().datasets.get(dataset)
        return listed is not None and listed.discoverable

    def _now(self, act: Callable[[datetime.datetime], object]) -> Callable[[], object]:
        return lambda: act(self.control.clock.now())

    def _readiness(self) -> http.Readiness:
        problems = []
        try:
            self.control.policy.current()
        except Unavailable as error:
            problems.append(error.code)
        if not self.sandbox.is_healthy:
            problems.append("unavailable.sandbox")
        if not self.housekeeping.is_alive:
            problems.append("unavailable.housekeeping")
        if not space_checker(self.control.settings)():
            problems.append("unavailable.audit_reserve")
        return http.Readiness(ready=not problems, problems=tuple(problems), isolation=dict(self.sandbox.isolation()))


def _limits(settings: Settings) -> Limits:
    return Limits(
        query=query.QueryLimits(
            max_bytes=settings.max_sql_bytes,
            max_nodes=settings.max_sql_nodes,
            max_depth=settings.max_sql_depth,
            max_output_columns=settings.max_output_columns,
            max_scans=settings.max_scans,
        ),
        query_seconds=settings.query_seconds,
        extract=ExtractLimits(
            seconds=settings.extract_seconds,
            memory_mb=settings.extract_memory_mb,
            cpu_seconds=settings.extract_cpu_seconds,
            spill_mb=settings.extract_spill_mb,
        ),
        profile=ProfileLimits(
            rows=settings.profile_rows,
            tables=settings.profile_tables,
            columns=settings.profile_columns,
            seconds=settings.profile_seconds,
        ),
        rows_per_day=settings.rows_per_day,
        max_json_rows=settings.max_json_rows,
        max_result_rows=settings.max_result_rows,
        max_result_mb=settings.max_result_mb,
        sandbox_memory_mb=settings.sandbox_memory_mb,
        concurrent_queries=settings.concurrent_queries,
        roles=settings.role_limits,
        threshold_subjects=settings.threshold_subjects,
        release_window=datetime.timedelta(hours=settings.release_window_hours),
    )


def sandbox_limits(settings: Settings) -> SandboxLimits:
    """Bounds of the pool, as settings say."""
    return SandboxLimits(
        memory_mb=settings.sandbox_memory_mb,
        address_space_mb=settings.sandbox_address_space_mb,
        cpu_seconds=settings.sandbox_cpu_seconds,
        warm_children=settings.sandbox_warm_children,
        max_children=settings.sandbox_max_children,
        queries_per_child=settings.sandbox_queries_per_child,
        idle_seconds=settings.sandbox_idle_seconds,
        max_scans=settings.max_scans,
        kernel_isolation=settings.sandbox_kernel_isolation,
    )


def detection_limits(settings: Settings) -> DetectionLimits:
    """Bounds of the processes that look into texts, as settings say."""
    return DetectionLimits(
        workers=settings.detection_workers,
        value_seconds=settings.detection_value_ms / 1_000,
        memory_mb=settings.detection_memory_mb,
        idle_seconds=settings.detection_idle_seconds,
        kernel_isolation=settings.sandbox_kernel_isolation,
    )


def knowledge(settings: Settings) -> Knowledge:
    """What those processes know besides their own rules.

    Raises:
        Invalid: a file that settings name cannot be read.
    """
    return Knowledge(
        models=settings.text_models,
        site=_text_of(settings.recognizers_file, "recognizers_file"),
        lexicon=_text_of(settings.lexicon_file, "lexicon_file"),
    )


def _text_of(file: Path | None, setting: str) -> str:
    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{setting}: {file} cannot be read as text", code="settings") from error
