"""Re-identification by four eyes (THREATS T25).

One proposes a case, another approves it, and its proposer takes the result once, from the enforcement point. A case
names a column, a key and the digest over its pseudonyms; the pseudonyms themselves are stored nowhere.
"""

from gateway.governance.reidentification.book import CaseBook
from gateway.governance.reidentification.desk import CaseLimits, ReidentifyAct, ReidentifyDesk, WantedCase

__all__ = ["CaseBook", "CaseLimits", "ReidentifyAct", "ReidentifyDesk", "WantedCase"]
