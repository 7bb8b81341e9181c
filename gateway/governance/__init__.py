"""Workflows above the enforcement point: none of them touches a row.

Each method authenticates and asks policy for the capability. What shows entries of the log or changes anything is
logged before it happens.
"""

from gateway.governance.activating import ActiveBundle, PolicyDesk, PolicyDiff, compile_policy, read_policies
from gateway.governance.approval_desks import ApprovalDesks, open_approval_desks
from gateway.governance.approvals import Approvals, ProposalView
from gateway.governance.auditing import AuditDesk
from gateway.governance.browsing import CatalogDesk, ColumnView, DatasetView
from gateway.governance.destruction import EpochView, KeyDesk, KeyStock, destroyed_keys
from gateway.governance.operating import KeyOperator, TokenDesk
from gateway.governance.reidentification import CaseBook, CaseLimits, ReidentifyDesk, WantedCase
from gateway.governance.requesting import AccessDesk, AccessRequest, GrantView

__all__ = [
    "AccessDesk",
    "AccessRequest",
    "ActiveBundle",
    "ApprovalDesks",
    "Approvals",
    "AuditDesk",
    "CaseBook",
    "CaseLimits",
    "CatalogDesk",
    "ColumnView",
    "DatasetView",
    "EpochView",
    "GrantView",
    "KeyDesk",
    "KeyOperator",
    "KeyStock",
    "PolicyDesk",
    "PolicyDiff",
    "ProposalView",
    "ReidentifyDesk",
    "TokenDesk",
    "WantedCase",
    "compile_policy",
    "destroyed_keys",
    "open_approval_desks",
    "read_policies",
]
