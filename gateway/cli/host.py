"""What host commands need of the composition root."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from gateway.audit import Verification
from gateway.governance import KeyOperator, TokenDesk
from gateway.policy import CaseResult, Finding
from gateway.settings import Settings
from gateway.terms.audit import Actor


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InitReport:
    """What `gateway init` made."""

    home: Path
    kek_file: Path
    database: str
    """Its kind, never its URL: that may hold a password."""
    digest: str
    verifier_key: str


class Host(Protocol):
    """The gateway as its host's operator reaches it."""

    def settings(self) -> Settings:
        """From the environment and gateway.toml."""

    def initialize(self, settings: Settings) -> InitReport:
        """Make home, keys and control database, and activate the policy folder. Refuses a second time."""

    def serve(self, settings: Settings, *, host: str, port: int) -> None:
        """Run until a signal."""

    def work(self, settings: Settings) -> None:
        """Make extracts until a signal."""

    def token_desk(self, settings: Settings) -> AbstractContextManager[tuple[TokenDesk, Actor]]:
        """Tokens, as the operator."""

    def key_operator(self, settings: Settings) -> AbstractContextManager[tuple[KeyOperator, Actor]]:
        """The projects' keys, as the operator."""

    def verifier_key(self, settings: Settings) -> str:
        """The log's public key."""

    def verify(
        self,
        settings: Settings,
        *,
        verifier_key: str | None = None,
        kept: Sequence[str] = (),
        progress: Callable[[int, int], None] | None = None,
    ) -> Verification:
        """Check the whole log; trusts nothing but the key and the checkpoints that an auditor kept."""

    def check_sources(self, settings: Settings) -> Mapping[str, Sequence[str]]:
        """Findings by source; and, under `sandbox`, what the kernel lacks."""

    def lint(self, settings: Settings) -> Sequence[Finding]:
        """Problems of the policy folder."""

    def test_policies(self, settings: Settings) -> Sequence[CaseResult]:
        """The policy folder's own tests."""

    def demo(self, *, transactions: int, keep: Path | None, source: str | None) -> int:
        """The journey on screen; the exit code."""
