"""`gateway catalog …`: scans, drift and reports, on the gateway's host."""

from gateway.cli.catalog.commands import COMMANDS
from gateway.cli.catalog.host import CatalogHost

__all__ = ["COMMANDS", "CatalogHost"]
