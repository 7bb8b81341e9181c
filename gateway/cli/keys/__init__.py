"""`gateway key …`: the log's public key, and the projects' own."""

from gateway.cli.keys.commands import COMMANDS

__all__ = ["COMMANDS"]
