"""From what is known of a source's tables to a proposal that a person reviews.

Nothing here changes a policy: what the files say stays, new columns are proposed with their evidence, and a column
about which too little is known is proposed as a direct identifier. No value comes here: relations are found by keyed
hashes, bounds by rounded quantiles.
"""

from gateway.catalog.scanning.drift import find_drift
from gateway.catalog.scanning.naming import name_tables
from gateway.catalog.scanning.propose import Beside, propose

__all__ = ["Beside", "find_drift", "name_tables", "propose"]
