"""What the catalog commands need of the composition root."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from gateway.governance.reports import DatasetUse, Unclassified
from gateway.profiling import Watch
from gateway.settings import Settings
from gateway.terms.proposal_catalog import CatalogProposal


class CatalogHost(Protocol):
    """Scans and reports, as the host's operator."""

    def settings(self) -> Settings:
        """From the environment and gateway.toml."""

    def scan_catalog(
        self, settings: Settings, *, source: str, tables: tuple[str, ...], rows: int | None, watch: Watch
    ) -> CatalogProposal:
        """Scan a source beside the policy folder; logged as the operator's access."""

    def scannable(self, settings: Settings) -> tuple[str, ...]:
        """Names of all sources."""

    def catalog_file(self, settings: Settings, proposal: CatalogProposal) -> str:
        """The source's catalog file as it would be."""

    def write_catalog(self, settings: Settings, proposal: CatalogProposal, *, folder: Path) -> Sequence[Path]:
        """Write the files that change into a policy folder."""

    def data_map(self, settings: Settings) -> Sequence[DatasetUse]:
        """Personal data by dataset, and who reaches it."""

    def unclassified(self, settings: Settings, *, scans: Sequence[Path]) -> Sequence[Unclassified]:
        """Columns that no catalog file lists."""
