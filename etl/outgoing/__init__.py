"""What leaves the gateway by itself: lineage events and webhook calls, to the operator's own addresses only.

Law of the room: no destination comes from a request. Notices wait in an outbox, leave in order, at least once; a
destination that fails delays its own notices and nothing else. HTTP is https, or plain to loopback; the address is
resolved once, judged, and connected to as judged (a name that changes its mind reaches nothing); no redirect is
followed and no proxy of the environment used.
"""

from etl.outgoing.address import AddressRules
from etl.outgoing.courier import Courier, Outbox
from etl.outgoing.destinations import Destination, HttpDestination, JsonLinesFile, channel_of
from etl.outgoing.opening import Outgoing, open_outgoing
from etl.outgoing.signature import SigningSecret

__all__ = [
    "AddressRules",
    "Courier",
    "Destination",
    "HttpDestination",
    "JsonLinesFile",
    "Outbox",
    "Outgoing",
    "SigningSecret",
    "channel_of",
    "open_outgoing",
]
