"""The Python client. It talks HTTP and imports nothing else of the gateway."""

from gateway.client.connection import Answer, Client, connect
from gateway.client.errors import Incomplete, Refused, Unreachable

__all__ = ["Answer", "Client", "Incomplete", "Refused", "Unreachable", "connect"]
