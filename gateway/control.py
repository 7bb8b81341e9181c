"""What the host's commands and a running gateway share: the control database, the log, the active policy."""

from __future__ import annotations

import contextlib
import datetime
import secrets
import shutil
import threading
from collections.abc import Callable
from typing import Final

from gateway import audit, keys, store
from gateway.errors import Invalid, Unavailable
from gateway.governance import compile_policy
from gateway.governance.desk import Desk
from gateway.identity import Admission, ApiTokens, Authenticators, Gate, Tickets
from gateway.key_ports import Wrapper
from gateway.ports import Clock, Entropy
from gateway.rooms import ActivePolicy
from gateway.settings import Settings

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


class Control:
    """The control database with what the host's commands need of it; no sandbox, no sources."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None, entropy: Entropy | None = None) -> None:
        if not settings.home.is_dir():
            raise Unavailable(f"no gateway home at {settings.home}", code="home", fix="run `gateway init`")
        self.settings = settings
        self._opened = contextlib.ExitStack()
        self.clock = clock or SystemClock()
        self.entropy = entropy or SystemEntropy()
        self.engine = store.open_database(settings.control_database_url, lock_seconds=settings.database_lock_seconds)
        self.log_store = store.SqlLogStore(self.engine)
        self.tokens = store.Tokens(self.engine)
        self.grants = store.Grants(self.engine)
        self.bundles = store.Bundles(self.engine)
        self.proposals = store.Proposals(self.engine)
        self.jobs = store.Jobs(self.engine)
        self.versions = store.Versions(self.engine)
        self.models = store.Models(self.engine)
        self.policy = PolicyHolder(self.bundles, self.grants)
        self.signer = keys.load_signer(settings.home, kek_path=settings.kek_path)
        self.log = audit.MerkleLog(
            self.log_store,
            signer=self.signer,
            clock=self.clock,
            entropy=self.entropy,
            has_space=space_checker(settings),
        )
        admission = Admission(per_minute=settings.requests_per_minute, concurrent=settings.concurrent_queries)
        self.admission = admission
        self.gate = Gate(
            authenticator=Authenticators(tokens=ApiTokens(self.tokens), tickets=Tickets(self.jobs, self.tokens)),
            admission=admission,
        )
        self.desk = Desk(
            gate=self.gate, policy=self.policy.current, log=self.log, clock=self.clock, entropy=self.entropy
        )

    def open_keys(self) -> keys.FileKeyRing:
        """The projects' keys."""
        return keys.FileKeyRing(
            self.settings.home,
            kek_path=self.settings.kek_path,
            wrapper=self._open_wrapper(),
            clock=self.clock,
            entropy=self.entropy,
        )

    def _open_wrapper(self) -> Wrapper:
        settings = self.settings
        if not settings.vault_url:
            return keys.FileWrapper(keys.projects_folder(settings.kek_path), entropy=self.entropy)
        if settings.vault_token_file is None:
            raise Invalid("a vault needs a token", code="settings", fix="set GATEWAY_VAULT_TOKEN_FILE")
        vault = keys.VaultWrapper(
            settings.vault_url,
            token_file=settings.vault_token_file,
            ca_file=settings.vault_ca_file,
            mount=settings.vault_mount,
        )
        return self._opened.enter_context(contextlib.closing(vault))

    def close(self) -> None:
        """Drain the log; leave the vault and the database."""
        self._opened.close()
        self.log.close()
        self.engine.dispose()


def space_checker(settings: Settings) -> Callable[[], bool]:
    """Whether the log's volume has more than its reserve. A control database elsewhere watches its own volume."""
    if settings.database_url and not settings.database_url.startswith("sqlite"):
        return lambda: True
    reserve = settings.audit_reserve_mb * _MEGABYTE
    return lambda: shutil.disk_usage(settings.home).free > reserve
