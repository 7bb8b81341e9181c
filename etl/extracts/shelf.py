"""Published versions as their requesters and auditors may see them, and their files, each fetch decided again (T23).

A link stands for one principal, one file and at most a minute; it opens nothing that the principal's token would not.
"""

from __future__ import annotations

import dataclasses
import datetime
import hmac
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from etl.extracts.desk import ExtractDesk
from etl.extracts.office import Office, Stock, actor_of
from etl.manifest.manifest import MANIFEST_NAME, SIGNATURE_NAME
from gateway.errors import Denied, Unavailable
from gateway.identity import Admission, is_valid, principal_of
from gateway.ports import TokenStore
from gateway.terms.extract import DatasetVersion
from gateway.terms.identity import Credentials, Principal
from gateway.terms.key import KeyScope
from gateway.terms.policy import Level

LINK_SECONDS: Final = 60
AUDITING: Final = "audit.read"
_LINKS: Final = KeyScope(project="gateway", domain="file-link", mask="hmac")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FileLink:
    """What a link to a file carries besides its path."""

    credential: str
    """Public id of the token that it was made for."""
    expires: int
    """Seconds since 1970."""
    signature: str
    """HMAC-SHA-256, hex."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServedFile:
    """A file that may be sent now; its reading is in the log."""

    path: Path
    name: str
    sha256: str
    """Hex; empty for manifest and signature."""
    receipt: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """One version as one principal may see it."""

    version: DatasetVersion
    manifest: Mapping[str, Any]
    links: Mapping[str, FileLink] | None
    """By file name, for the requester; None for others and for expired versions."""


class Shelf:
    """The desk of dataset versions."""

    def __init__(
        self,
        office: Office,
        stock: Stock,
        *,
        tokens: TokenStore,
        admission: Admission,
    ) -> None:
        self._office = office
        self._stock = stock
        self._versions = stock.versions
        self._tokens = tokens
        self._admission = admission

    def listed(self, credentials: Credentials, *, name: str | None = None) -> Sequence[DatasetVersion]:
        """The caller's own, and all for an auditor."""
        principal, _ = self._office.enter(credentials)
        sees_all = self._office.policy().pdp.may(principal, AUDITING)
        return [version for version in self._versions.listed(name=name) if sees_all or _owns(principal, version)]

    def find(self, credentials: Credentials, *, name: str, number: int) -> VersionView:
        """One of them.

        Raises:
            Denied: unknown, or another's: one text for both.
        """
        principal, now = self._office.enter(credentials)
        version = self._versions.find(name, number)
        is_own = version is not None and _owns(principal, version)
        if version is None or not (is_own or self._office.policy().pdp.may(principal, AUDITING)):
            raise _unknown()
        manifest = json.loads(version.manifest)
        links = self._links(principal, version, manifest, now=now) if is_own and now < version.expires else None
        return VersionView(version=version, manifest=manifest, links=links)

    def file(self, who: Credentials | FileLink, *, name: str, number: int, path: str) -> ServedFile:
        """A file, once it is decided that the caller may have it now, and logged.

        Raises:
            Denied: unknown or another's; expired; or policy no longer shows one of its datasets at the version's
                level for its purpose. A link that is forged, over, or not for this file: `denied.link`.
        """
        if isinstance(who, FileLink):
            principal, now = self._linked(who, name=name, number=number, path=path)
        else:
            principal, now = self._office.enter(who)
        version = self._versions.find(name, number)
        if version is None or not _owns(principal, version):
            raise _unknown()
        manifest = json.loads(version.manifest)
        digests = {MANIFEST_NAME: "", SIGNATURE_NAME: "", **{f["path"]: f["sha256"] for f in manifest["files"]}}
        if path not in digests:
            raise Denied("this version has no such file", code="file")
        self._decide(principal, version, manifest, now=now)
        found = self._stock.folders.of(version) / path
        if not found.is_file():
            raise Unavailable("this version's file is not on this gateway's disk", code="file", fix="tell the operator")
        detail = {"version": version.id, "file": path}
        receipt = self._office.write(actor_of(principal), action="extract-read", now=now, detail=detail)
        return ServedFile(path=found, name=path, sha256=digests[path], receipt=receipt)

    def _links(
        self, principal: Principal, version: DatasetVersion, manifest: Mapping[str, Any], *, now: datetime.datetime
    ) -> Mapping[str, FileLink]:
        expires = int(now.timestamp()) + LINK_SECONDS
        names = [MANIFEST_NAME, SIGNATURE_NAME, *(file["path"] for file in manifest["files"])]
        return {
            path: FileLink(
                credential=principal.credential_id,
                expires=expires,
                signature=self._signature(principal.credential_id, version.id, path, expires),
            )
            for path in names
        }

    def _linked(self, link: FileLink, *, name: str, number: int, path: str) -> tuple[Principal, datetime.datetime]:
        now = self._stock.clock.now()
        right = self._signature(link.credential, f"{name}@{number}", path, link.expires)
        if not hmac.compare_digest(right.encode(), link.signature.encode()) or now.timestamp() >= link.expires:
            raise _no_link()
        token = self._tokens.find(link.credential)
        if token is None or not is_valid(token, now=now):
            raise _no_link()
        principal = principal_of(token)
        self._admission.request(principal.id)
        return principal, now

    def _signature(self, credential: str, version: str, path: str, expires: int) -> str:
        text = f"gateway-file/1\n{credential}\n{version}\n{path}\n{expires}\n"
        return hmac.digest(self._stock.keys.derive(_LINKS).secret(), text.encode(), "sha256").hex()

    def _decide(
        self, principal: Principal, version: DatasetVersion, manifest: Mapping[str, Any], *, now: datetime.datetime
    ) -> None:
        """What was allowed when the version was made must be allowed now."""
        if now >= version.expires:
            raise self._refused(principal, "this version has expired", code="expired", now=now)
        for source in manifest["snapshot"]["sources"]:
            if not self._shows(principal, version, source["dataset"], now=now):
                text = f"no grant of yours shows {source['dataset']} as this version does, for {version.purpose}"
                raise self._refused(principal, text, code="grant", now=now)

    def _shows(self, principal: Principal, version: DatasetVersion, dataset: str, *, now: datetime.datetime) -> bool:
        needed = {access.column: access for access in version.columns if access.dataset == dataset}
        named = next((access.grant for access in needed.values()), None)
        pdp = self._office.policy().pdp
        for grant in dict.fromkeys((named, None)):
            decision = pdp.decide(
                principal=principal, purpose=version.purpose, uses={dataset: frozenset(needed)}, now=now, grant=grant
            )
            if decision.allowed and all(
                decision.datasets[dataset].columns[column].level.rank >= Level(access.level).rank
                for column, access in needed.items()
            ):
                return True
        return False

    def _refused(self, principal: Principal, text: str, *, code: str, now: datetime.datetime) -> Denied:
        return self._office.refused(principal, Denied(text, code=code, fix="order a new version"), now=now)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExtractDesks:
    """What doors need for extracts."""

    extracts: ExtractDesk
    shelf: Shelf


def _owns(principal: Principal, version: DatasetVersion) -> bool:
    return (principal.id, principal.environment) == (version.requester, version.environment)


def _unknown() -> Denied:
    return Denied("no dataset version of yours has this name", code="version", fix="`gateway extract list`")


def _no_link() -> Denied:
    return Denied(
        "this link is not valid (any more)", code="link", fix="ask for the version again: links live a minute"
    )
