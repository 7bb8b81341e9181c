"""`gateway reidentify …`: cases of re-identification, and their results."""

from gateway.cli.reidentifying.commands import COMMANDS

__all__ = ["COMMANDS"]
