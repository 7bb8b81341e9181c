"""Catalog scans as the host's command line reaches them: settings and folders on one side, `profile` on the other."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from gateway import catalog
from gateway.assembly import Gateway
from gateway.catalog.writing import as_json, merged_files, one_file
from gateway.control import Control, SystemClock
from gateway.errors import Integrity, Invalid, Unavailable
from gateway.governance import compile_policy, read_policies
from gateway.governance.reports import DatasetUse, Unclassified, data_map, unclassified
from gateway.policy import NoDynamicGrants
from gateway.profiling import Watch
from gateway.sandbox import protect_memory
from gateway.settings import Settings, operator_name
from gateway.sources import open_sources
from gateway.terms.audit import Actor
from gateway.terms.document import PolicyFiles
from gateway.terms.proposal_catalog import CatalogProposal
from gateway.terms.request import HostUser, ProfileRequest

_SCANS: Final = "scans"
_MAX_SCAN_BYTES: Final = 256 << 20


class CatalogScans:
    """What `gateway catalog` needs of the composition root (cli.catalog.CatalogHost)."""

    def scan_catalog(
        self, settings: Settings, *, source: str, tables: tuple[str, ...], rows: int | None, watch: Watch
    ) -> CatalogProposal:
        """Scan a source as the operator, beside the policy folder; the home keeps the proposal, which has no value."""
        os.umask(0o077)
        protect_memory()
        files = read_policies(settings.policies)
        asked = ProfileRequest(
            credentials=HostUser(actor=_operator(settings)),
            source=source,
            tables=tables,
            rows=rows,
            beside=catalog.read_catalog(files),
            canons=_canons(files),
        )
        with _running(settings) as gateway:
            proposal = gateway.enforcement.profile(asked, watch=watch)
        if not tables and proposal.is_sampled:
            _keep(settings.home / _SCANS, proposal)
        return proposal

    def scannable(self, settings: Settings) -> tuple[str, ...]:
        """Names of all sources that settings bind."""
        return tuple(sorted(open_sources(settings.sources)))

    def catalog_file(self, settings: Settings, proposal: CatalogProposal) -> str:
        """The source's catalog file as it would be, one for all."""
        return one_file(proposal, read_policies(settings.policies))

    def write_catalog(self, settings: Settings, proposal: CatalogProposal, *, folder: Path) -> Sequence[Path]:
        """Write the files that change into a policy folder; each is replaced whole or not at all.

        The files are made beside what stands in that folder; where it is new, beside the settings' own.
        """
        beside = read_policies(folder if folder.is_dir() else settings.policies)
        changed = merged_files(proposal, beside)
        for path, text in changed.items():
            _replace(folder / path, text)
        return [folder / path for path in changed]

    def data_map(self, settings: Settings) -> Sequence[DatasetUse]:
        """By the activated bundle and approved requests; before `init`, by the policy folder."""
        now = SystemClock().now()
        if not settings.home.is_dir():
            proposed = compile_policy(read_policies(settings.policies), grants=NoDynamicGrants())
            return data_map(proposed.pdp, dynamic=(), now=now)
        with contextlib.closing(Control(settings)) as control:
            dynamic = tuple(control.grants.current(now=now))
            return data_map(control.policy.current().pdp, dynamic=dynamic, now=now)

    def unclassified(self, settings: Settings, *, scans: Sequence[Path]) -> Sequence[Unclassified]:
        """Of these scans' files, or of the last scan of each source, what the policy folder does not list."""
        listed = catalog.read_catalog(read_policies(settings.policies))
        paths = list(scans) or sorted((settings.home / _SCANS).glob("*.json"))
        if not paths:
            raise Unavailable("no source was scanned yet", code="scan", fix="gateway catalog scan SOURCE")
        return unclassified([_read(path) for path in paths], listed)


@contextlib.contextmanager
def _running(settings: Settings) -> Iterator[Gateway]:
    """A gateway that holds a lease and watches its accesses; it listens nowhere and starts no sandbox."""
    sources = open_sources(settings.sources)
    with contextlib.closing(Gateway(Control(settings), sources=sources)) as gateway:
        gateway.control.log.settle_abandoned()
        gateway.housekeeping.start()
        yield gateway


def _operator(settings: Settings) -> Actor:
    return Actor(principal=operator_name(), environment=settings.environment, roles=(), door="host")


def _canons(files: PolicyFiles) -> Mapping[str, str]:
    """By domain; lines that are wrong are policy lint's to tell."""
    node = files.document("domains.yaml")
    domains = node.mapping() if node.value is not None else {}
    canons = {name: domain.mapping().get("canon") for name, domain in domains.items()}
    return {name: canon.text() for name, canon in canons.items() if canon is not None}


def _keep(folder: Path, proposal: CatalogProposal) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    _replace(folder / f"{proposal.source}.json", json.dumps(as_json(proposal), indent=1) + "\n")


def _replace(path: Path, text: str) -> None:
    """Whole or not at all."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise Unavailable(f"{path.name} cannot be written: {reason}", code="disk") from None


def _read(path: Path) -> Mapping[str, Any]:
    """A scan's file.

    Raises:
        Unavailable: it cannot be read.
        Integrity: it is none.
    """
    try:
        if path.stat().st_size > _MAX_SCAN_BYTES:
            raise Invalid(f"{path.name} is no scan: too large", code="scan")
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise Unavailable(f"{path.name} cannot be read: {reason}", code="scan") from None
    except ValueError:
        document = None
    if not isinstance(document, dict) or not {"source", "tables", "at"} <= document.keys():
        raise Integrity(f"{path.name} is no scan", code="scan", fix="gateway catalog scan SOURCE --json > FILE")
    return document
