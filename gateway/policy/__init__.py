"""The policy decision point: who sees what, at which level, by which rule.

Denied by default. A grant is atomic: its level, columns and rows are never mixed with another grant's.
Denies cap every candidate first; among caps the strictest wins. Used is the grant that the caller names,
else the least revealing one that covers the query. A rule that errs denies. casbin decides whether a grant
applies; the rule above decides how much it shows.
"""

from gateway.policy.bundle import Bundle
from gateway.policy.exposure import would_expose
from gateway.policy.grants import read_request
from gateway.policy.laws import check_request
from gateway.policy.lint import Finding, findings_of, lint, load_bundle
from gateway.policy.pdp import PolicyDecisionPoint
from gateway.policy.verdicts import CaseResult, NoDynamicGrants, run_tests
from gateway.policy.vocabulary import CAPABILITIES

__all__ = [
    "CAPABILITIES",
    "Bundle",
    "CaseResult",
    "Finding",
    "NoDynamicGrants",
    "PolicyDecisionPoint",
    "check_request",
    "findings_of",
    "lint",
    "load_bundle",
    "read_request",
    "run_tests",
    "would_expose",
]
