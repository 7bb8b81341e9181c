"""The engine that runs a plan's SQL computes as PostgreSQL does: what differs is written so that it does not.

What depends on no type is settled by gateway/query/postgres.
"""

from gateway.planning.engine.dialect import ENGINE
from gateway.planning.engine.faithful import faithful
from gateway.planning.engine.types import METADATA, data_type, kind_of

__all__ = ["ENGINE", "METADATA", "data_type", "faithful", "kind_of"]
