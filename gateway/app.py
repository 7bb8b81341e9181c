"""The `gateway` command's host: Settings → control, gateway, doors. Only here is it known what is behind a port."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from etl.extracts import Worker, run_worker
from gateway import audit, catalog, cli, http, keys, policy, query, store
from gateway.assembly import Gateway, sandbox_limits
from gateway.cataloguing import CatalogScans
from gateway.control import Control, SystemClock, SystemEntropy
from gateway.errors import Denied, Invalid
from gateway.governance import KeyOperator, TokenDesk, compile_policy, read_policies
from gateway.ports import Source
from gateway.sandbox import Sandbox, protect_memory
from gateway.settings import Settings, operator_name
from gateway.sources import open_sources
from gateway.terms.audit import Actor
from gateway.terms.dataset import Dataset, Datasets
from gateway.terms.streams import Tally

__all__ = ["Control", "Gateway", "Host", "SystemClock", "SystemEntropy", "main"]

_ROOT: Final = 0
_CHECK_SECONDS: Final = 60.0
"""For the tables of one source."""


class Host(CatalogScans):
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
                fix="a later policy is activated by two people: gateway policy activate",
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
        _bring_up_to_date(settings)
        with contextlib.closing(Gateway(Control(settings), sources=sources)) as gateway:
            gateway.start()
            gateway.start_jobs(worker=settings.worker_in_serve)
            app = http.create_app(gateway.services())
            http.serve(app, host=host, port=port)

    def work(self, settings: Settings) -> None:
        """Make extracts until a signal."""
        _refuse_root(settings)
        os.umask(0o077)
        protect_memory()
        sources = open_sources(settings.sources)
        _bring_up_to_date(settings)
        with contextlib.closing(Gateway(Control(settings), sources=sources)) as gateway:
            gateway.start()
            gateway.start_jobs(worker=False)
            run_worker(Worker(gateway.workshop))

    @contextlib.contextmanager
    def token_desk(self, settings: Settings) -> Iterator[tuple[TokenDesk, Actor]]:
        """Tokens, as the operator."""
        with contextlib.closing(Control(settings)) as control:
            yield TokenDesk(control.desk, tokens=control.tokens), operator(settings)

    @contextlib.contextmanager
    def key_operator(self, settings: Settings) -> Iterator[tuple[KeyOperator, Actor]]:
        """The projects' keys, as the operator."""
        with contextlib.closing(Control(settings)) as control:
            ring = control.open_keys()
            desk = KeyOperator(control.desk, keys=ring, log=control.log_store, proposals=control.proposals)
            yield desk, operator(settings)

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
        """Findings by source, drift from the active catalog among them, and what the kernel lacks."""
        datasets = _active_catalog(settings)
        bound = open_sources(settings.sources)
        found = {
            name: _findings(source, [d for d in datasets.values() if d.source == name])
            for name, source in bound.items()
        }
        for name in sorted({d.source for d in datasets.values()} - bound.keys()):
            found[name] = (
                f"source {name}: the catalog has datasets of it, and {settings.sources.name} does not bind it",
            )
        with contextlib.closing(Sandbox(sandbox_limits(settings))) as sandbox:
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

    def demo(self, *, transactions: int, keep: Path | None, source: str | None) -> int:
        """The journey on screen."""
        from gateway.demo import journey  # a heavy door that no other command needs

        return journey.run(self, transactions=transactions, keep=keep, source=source)


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


def _active_catalog(settings: Settings) -> Datasets:
    """Of the activated bundle; before `init`, of the policy folder."""
    if not settings.home.is_dir():
        return catalog.read_catalog(read_policies(settings.policies))
    engine = store.open_database(settings.control_database_url, lock_seconds=settings.database_lock_seconds)
    try:
        files = store.Bundles(engine).active()
    finally:
        engine.dispose()
    return catalog.read_catalog(files) if files is not None else {}


def _findings(source: Source, datasets: Sequence[Dataset]) -> Sequence[str]:
    """What the source says of itself, then of its tables; each once."""
    deadline = time.monotonic() + _CHECK_SECONDS
    with contextlib.closing(source.session(receipt="source_check", deadline=deadline, tally=Tally())) as session:
        drifted = [text for dataset in datasets for text in session.drift(dataset)]
    return tuple(dict.fromkeys([*source.check(), *drifted]))


def _bring_up_to_date(settings: Settings) -> None:
    """Run the migrations that an older home lacks; Control says it where there is no home."""
    if not settings.home.is_dir():
        return
    engine = store.open_database(settings.control_database_url, lock_seconds=settings.database_lock_seconds)
    try:
        store.upgrade(engine)
    finally:
        engine.dispose()


def _refuse_root(settings: Settings) -> None:
    if os.geteuid() != _ROOT:
        return
    if settings.environment == "prod":
        raise Denied("environment prod does not run as root", code="root", fix="run as a user of its own")
    sys.stderr.write("warning: running as root; root reads every process's memory. Use a user of its own.\n")
