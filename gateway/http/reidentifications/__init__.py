"""Re-identification over HTTP: cases, and their results."""

from gateway.http.reidentifications.routes import routes

__all__ = ["routes"]
