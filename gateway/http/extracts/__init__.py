"""Extracts over HTTP: orders, jobs, dataset versions and their files."""

from gateway.http.extracts.routes import routes

__all__ = ["routes"]
