"""Control database: tables and repositories on SQLite (embedded) or PostgreSQL (at scale).

Law of the room: every write that an access's conditions read (activation, grant, revocation) takes the log's head
lock, so a revocation that returned is seen by every later access entry (T17). Time that decides is the database's.
Foreign errors become Unavailable or Integrity at the edge and never carry a URL, a parameter or a value.
The schema is what migrations/ make; a test holds it equal to tables.py.
"""

from gateway.store.allowance import Allowances
from gateway.store.audit_log import SqlLogStore
from gateway.store.database import open_database
from gateway.store.destructions import Destructions
from gateway.store.extracts import Jobs, Versions
from gateway.store.models import GrantRecords, Models, Outbox
from gateway.store.policies import Bundles, Grants
from gateway.store.proposals import Proposals
from gateway.store.schema import schema_is_current, upgrade
from gateway.store.standing import Leases, Windows
from gateway.store.tokens import Tokens

__all__ = [
    "Allowances",
    "Bundles",
    "Destructions",
    "GrantRecords",
    "Grants",
    "Jobs",
    "Leases",
    "Models",
    "Outbox",
    "Proposals",
    "SqlLogStore",
    "Tokens",
    "Versions",
    "Windows",
    "open_database",
    "schema_is_current",
    "upgrade",
]
