"""The composition root: Settings → rooms → EnforcementPoint → doors. Only here is it known what is behind a port."""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from gateway import audit, catalog, cli, http, keys, policy, query, store
from gateway.enforcement import EnforcementPoint
from gateway.errors import Denied, Invalid, Unavailable
from gateway.governance import AuditDesk, CatalogDesk, TokenDesk
from gateway.governance.desk import Desk
from gateway.housekeeping import Housekeeping, Lease, refusal_counter
from gateway.identity import Admission, ApiTokens, Gate
from gateway.ports import Clock, Entropy, GrantReader, Source
from gateway.rooms import ActivePolicy, ExtractLimits, Limits, Rooms
from gateway.running import RunningAnswers
from gateway.sandbox import Sandbox, SandboxLimits, protect_memory
from gateway.settings import Settings, operator_name
from gateway.sources import open_sources
from gateway.terms.audit import Actor
from gateway.terms.dataset import Datasets
from gateway.terms.document import PolicyFiles

_ROOT: Final = 0
_MEGABYTE: Final = 1 << 20


class SystemClock:
    """The host's clock."""

    def now(self) -> datetime.datetime:
        """Aware, UTC."""
        return datetime.datetime.now(datetime.UTC)


class SystemEntropy:
    """The kernel's random numbers."""

    def draw(self, count: int) -> bytes:
        """`count` random bytes."""
        return secrets.token_bytes(count)


class PolicyHolder:
    """The activated bundle, compiled; compiled again when the active digest moved."""

    def __init__(self, bundles: store.Bundles, grants: store.Grants) -> None:
        self._bundles = bundles
        self._grants = grants
        self._lock = threading.Lock()
        self._digest = ""
        self._active: ActivePolicy | None = None

    def current(self) -> ActivePolicy:
        """The active policy; one small query finds out whether it is still the same."""
        digest = self._bundles.active_digest()
        with self._lock:
            if self._active is None or digest != self._digest:
                files = self._bundles.active()
                if files is None:
                    raise Unavailable("no policy is activated", code="policy", fix="run `gateway init`")
                self._active = compile_policy(files, grants=self._grants)
                self._digest = files.digest
            return self._active


def compile_policy(files: PolicyFiles, *, grants: GrantReader) -> ActivePolicy:
    """Files → decision point, or Invalid with file and line."""
    datasets = catalog.read_catalog(files)
    bundle = policy.load_bundle(files, datasets=datasets, parse_predicate=query.parse_predicate)
    return ActivePolicy(pdp=policy.PolicyDecisionPoint(bundle, grants=grants), datasets=datasets)


def read_policies(folder: Path) -> PolicyFiles:
    """The folder's YAML files and its Casbin model."""
    if not folder.is_dir():
        raise Invalid(f"no policy folder {folder}", code="policy", fix="set GATEWAY_POLICIES")
    paths = sorted(p for p in folder.rglob("*") if p.suffix in {".yaml", ".conf"} and p.is_file())
    return PolicyFiles({p.relative_to(folder).as_posix(): p.read_text(encoding="utf-8") for p in paths})


class Control:
    """The control database with what the host's commands need of it; no sandbox, no sources."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None, entropy: Entropy | None = None) -> None:
        if not settings.home.is_dir():
            raise Unavailable(f"no gateway home at {settings.home}", code="home", fix="run `gateway init`")
        self.settings = settings
        self.clock = clock or SystemClock()
        self.entropy = entropy or SystemEntropy()
        self.engine = store.open_database(settings.control_database_url, lock_seconds=settings.database_lock_seconds)
        self.log_store = store.SqlLogStore(self.engine)
        self.tokens = store.Tokens(self.engine)
        self.grants = store.Grants(self.engine)
        self.policy = PolicyHolder(store.Bundles(self.engine), self.grants)
        self.log = audit.MerkleLog(
            self.log_store,
            signer=keys.load_signer(settings.home, kek_path=settings.kek_path),
            clock=self.clock,
            entropy=self.entropy,
            has_space=_space_checker(settings),
        )
        admission = Admission(per_minute=settings.requests_per_minute, concurrent=settings.concurrent_queries)
        self.admission = admission
        self.gate = Gate(authenticator=ApiTokens(self.tokens), admission=admission)
        self.desk = Desk(
            gate=self.gate, policy=self.policy.current, log=self.log, clock=self.clock, entropy=self.entropy
        )

    def close(self) -> None:
        """Drain the log and leave the database."""
        self.log.close()
        self.engine.dispose()


class Gateway:
    """A whole gateway in this process: everything that `serve` runs but the port."""

    def __init__(self, control: Control, *, sources: Mapping[str, Source]) -> None:
        settings = control.settings
        self.control = control
        self.sandbox = Sandbox(_sandbox_limits(settings))
        self.running = RunningAnswers(control.log_store, withdraw=self.sandbox.drop)
        self.lease = Lease(store.Leases(control.engine), ttl_seconds=settings.lease_seconds)
        rooms = Rooms(
            gate=control.gate,
            admission=control.admission,
            policy=control.policy.current,
            log=control.log,
            sources=sources,
            keys=keys.FileKeyRing(settings.home, kek_path=settings.kek_path, entropy=control.entropy),
            sandbox=self.sandbox,
            windows=store.Windows(control.engine),
            allowance=store.Allowances(control.engine),
            running=self.running,
            clock=control.clock,
            entropy=control.entropy,
            instance=lambda: self.lease.id,
        )
        self.enforcement = EnforcementPoint(rooms, limits=_limits(settings))
        self.housekeeping = Housekeeping(
            lease=self.lease,
            renew_seconds=settings.lease_seconds / 3,
            running=self.running,
            recheck_seconds=settings.recheck_seconds,
            settler=control.log,
            refusals=refusal_counter(control.gate, log=control.log, clock=control.clock, entropy=control.entropy),
        )

    def start(self) -> None:
        """Warm the sandbox and begin housekeeping; refuses where the kernel lacks what settings require."""
        self.control.policy.current()
        self.control.log.settle_abandoned()
        self.sandbox.start()
        self.housekeeping.start()

    def services(self) -> http.Services:
        """What the HTTP door may call."""
        return http.Services(
            enforcement=self.enforcement,
            auditing=AuditDesk(self.control.desk, store=self.control.log_store),
            browsing=CatalogDesk(self.control.desk),
            readiness=self._readiness,
        )

    def close(self) -> None:
        """End running answers, children and the lease; then the control database."""
        self.housekeeping.close()
        self.sandbox.close()
        self.control.close()

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
        if not _space_checker(self.control.settings)():
            problems.append("unavailable.audit_reserve")
        return http.Readiness(ready=not problems, problems=tuple(problems), isolation=dict(self.sandbox.isolation()))


class Host:
    """The composition root as the command line sees it (cli.Host)."""

    def settings(self) -> Settings:
        """From the environment and gateway.toml."""
        try:
            return Settings()
        except ValidationError as error:
            names = ", ".join(".".join(map(str, found["loc"])) for found in error.errors())
            raise Invalid(f"a setting is wrong: {names}", code="settings", fix="see docs/settings.md") from None

    def initialize(self, settings: Settings) -> cli.InitReport:
        """Make everything that `serve` needs, and activate the first bundle."""
        if (settings.home / "keys").exists():
            raise Invalid(
                f"{settings.home} is a gateway home already",
                code="home",
                fix="a later policy is activated by two people, which is not offered yet",
            )
        files = read_policies(settings.policies)
        compile_policy(files, grants=policy.NoDynamicGrants())
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys.create_keys(settings.home, kek_path=settings.kek_path, origin="gateway/audit", entropy=SystemEntropy())
        engine = store.open_database(settings.control_database_url, lock_seconds=settings.database_lock_seconds)
        store.upgrade(engine)
        bundles = store.Bundles(engine)
        with contextlib.closing(Control(settings)) as control:
            actor, now = operator(settings), control.clock.now()
            control.desk.write(actor, action="init", now=now, detail={"digest": files.digest})
            bundles.activate(files, by=actor.principal, now=now)
            control.desk.write(actor, action="policy-activate", now=now, detail={"digest": files.digest})
        engine.dispose()
        return cli.InitReport(
            home=settings.home.absolute(),
            kek_file=settings.kek_path,
            database=settings.control_database_url.partition(":")[0],
            digest=files.digest,
            verifier_key=self.verifier_key(settings),
        )

    def serve(self, settings: Settings, *, host: str, port: int) -> None:
        """Run until a signal."""
        _refuse_root(settings)
        os.umask(0o077)
        protect_memory()
        sources = open_sources(settings.sources)
        with contextlib.closing(Gateway(Control(settings), sources=sources)) as gateway:
            gateway.start()
            app = http.create_app(gateway.services())
            http.serve(app, host=host, port=port)

    @contextlib.contextmanager
    def token_desk(self, settings: Settings) -> Iterator[tuple[TokenDesk, Actor]]:
        """Tokens, as the operator."""
        with contextlib.closing(Control(settings)) as control:
            yield TokenDesk(control.desk, tokens=control.tokens), operator(settings)

    def verifier_key(self, settings: Settings) -> str:
        """The log's public key, from the home's public copy."""
        return keys.read_verifier_key(settings.home)

    def verify(
        self,
        settings: Settings,
        *,
        verifier_key: str | None = None,
        kept: Sequence[str] = (),
        progress: Callable[[int, int], None] | None = None,
    ) -> audit.Verification:
        """Check the whole log; needs no secret."""
        engine = store.open_database(settings.control_database_url, lock_seconds=settings.database_lock_seconds)
        try:
            return audit.verify_log(
                store.SqlLogStore(engine),
                verifier_key=verifier_key or self.verifier_key(settings),
                kept=kept,
                progress=progress,
            )
        finally:
            engine.dispose()

    def check_sources(self, settings: Settings) -> Mapping[str, Sequence[str]]:
        """Findings by source, and what the kernel lacks."""
        found = {name: tuple(source.check()) for name, source in open_sources(settings.sources).items()}
        with contextlib.closing(Sandbox(_sandbox_limits(settings))) as sandbox:
            sandbox.start()
            missing = tuple(f"the kernel offers no {name}" for name, has in sandbox.isolation().items() if not has)
        return {**found, "sandbox": missing}

    def lint(self, settings: Settings) -> Sequence[policy.Finding]:
        """Problems of the policy folder."""
        files = read_policies(settings.policies)
        try:
            datasets = catalog.read_catalog(files)
        except Invalid as error:
            return policy.findings_of(error)
        return policy.lint(
            files,
            datasets=datasets,
            parse_predicate=query.parse_predicate,
            read_uses=_uses_reader(datasets),
            now=SystemClock().now(),
        )

    def test_policies(self, settings: Settings) -> Sequence[policy.CaseResult]:
        """The policy folder's own tests."""
        files = read_policies(settings.policies)
        datasets = catalog.read_catalog(files)
        bundle = policy.load_bundle(files, datasets=datasets, parse_predicate=query.parse_predicate)
        return policy.run_tests(bundle, files, read_uses=_uses_reader(datasets))

    def demo(self, *, transactions: int, keep: Path | None) -> int:
        """The journey on screen."""
        from gateway.demo import journey  # a heavy door that no other command needs

        return journey.run(self, transactions=transactions, keep=keep)


def operator(settings: Settings) -> Actor:
    """The host's user as the log names it."""
    return Actor(principal=operator_name(), environment=settings.environment, roles=(), door="host")


def main() -> None:
    """The `gateway` command."""
    cli.run(Host())


def _uses_reader(datasets: Datasets) -> Callable[[str], Mapping[str, frozenset[str]]]:
    limits = query.QueryLimits()

    def read(sql: str) -> Mapping[str, frozenset[str]]:
        parsed = query.parse(sql, dialect="postgres", limits=limits)
        known = catalog.resolve(parsed, catalog=datasets, visible=frozenset(datasets))
        return query.bind(parsed, datasets=known).uses

    return read


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
        rows_per_day=settings.rows_per_day,
        max_json_rows=settings.max_json_rows,
        threshold_subjects=settings.threshold_subjects,
        release_window=datetime.timedelta(hours=settings.release_window_hours),
    )


def _sandbox_limits(settings: Settings) -> SandboxLimits:
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


def _refuse_root(settings: Settings) -> None:
    if os.geteuid() != _ROOT:
        return
    if settings.environment == "prod":
        raise Denied("environment prod does not run as root", code="root", fix="run as a user of its own")
    sys.stderr.write("warning: running as root; root reads every process's memory. Use a user of its own.\n")


def _space_checker(settings: Settings) -> Callable[[], bool]:
    """Whether the log's volume has more than its reserve. A control database elsewhere watches its own volume."""
    if settings.database_url and not settings.database_url.startswith("sqlite"):
        return lambda: True
    reserve = settings.audit_reserve_mb * _MEGABYTE
    return lambda: shutil.disk_usage(settings.home).free > reserve
