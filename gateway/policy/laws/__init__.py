"""Laws about masks that only show over several columns: no two of them may tell more than the finest of them."""

from gateway.policy.laws.nesting import check_nesting
from gateway.policy.laws.requests import check_request
from gateway.policy.laws.resembling import check_resemblance
from gateway.policy.laws.shifting import check_shifts, undone
from gateway.policy.laws.spelling import check_spelling

__all__ = ["check_nesting", "check_request", "check_resemblance", "check_shifts", "check_spelling", "undone"]
