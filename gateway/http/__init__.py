"""The HTTP door: decode, call, encode the error. No decision is made here."""

from gateway.http.app import create_app
from gateway.http.server import serve
from gateway.http.services import Readiness, Services

__all__ = ["Readiness", "Services", "create_app", "serve"]
