"""Models, what they were trained on, and the notices that wait to leave.

Law: a registered model version never changes. A name belongs to whoever registered it first. A notice is stored once
per channel and key, and only the oldest of a channel is handed out, to one taker at a time.
"""

from gateway.store.models.grants import GrantRecords
from gateway.store.models.models import Models
from gateway.store.models.outbox import Outbox

__all__ = ["GrantRecords", "Models", "Outbox"]
