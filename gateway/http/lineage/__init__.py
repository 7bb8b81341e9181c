"""Models, lineage and freshness over HTTP."""

from gateway.http.lineage.routes import routes

__all__ = ["routes"]
