"""The desks of four eyes, put together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from gateway.governance.activating import PolicyAct, PolicyDesk
from gateway.governance.approvals import Approvals, ExtractAct
from gateway.governance.desk import Desk
from gateway.governance.destruction import KeyAct, KeyDesk, KeyStock
from gateway.governance.reidentification import CaseLimits, ReidentifyAct, ReidentifyDesk
from gateway.governance.requesting import AccessAct, AccessDesk
from gateway.store import Bundles, Grants, Proposals
from gateway.terms.proposal import Proposal


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDesks:
    """What a door may call."""

    approvals: Approvals
    access: AccessDesk
    policies: PolicyDesk
    keys: KeyDesk
    cases: ReidentifyDesk


def open_approval_desks(  # noqa: PLR0913 - the composition root names each part
    desk: Desk,
    *,
    proposals: Proposals,
    grants: Grants,
    bundles: Bundles,
    keys: KeyStock,
    cases: CaseLimits,
    environment: str,
    on_approved: Callable[[Proposal], None],
    on_denied: Callable[[Proposal], None] = lambda _: None,
) -> ApprovalDesks:
    """All five over one store.

    Args:
        desk: the shared first steps.
        proposals: the store's.
        grants: the store's.
        bundles: the store's.
        keys: what destruction works on.
        cases: of re-identification.
        environment: what this gateway serves; `prod` accepts no host token's approval of anything.
        on_approved: releases an extract's job; MUST bear a second call.
        on_denied: ends an extract's job; MUST bear a second call.
    """
    approvals = Approvals(
        desk,
        proposals=proposals,
        acts={
            "access": AccessAct(desk, proposals=proposals, grants=grants),
            "extract": ExtractAct(proposals=proposals, on_approved=on_approved, on_denied=on_denied),
            "key-destroy": KeyAct(desk, proposals=proposals, stock=keys),
            "policy": PolicyAct(desk, proposals=proposals, bundles=bundles),
            "reidentify": ReidentifyAct(),
        },
        environment=environment,
    )
    return ApprovalDesks(
        approvals=approvals,
        access=AccessDesk(desk, approvals=approvals, proposals=proposals, grants=grants),
        policies=PolicyDesk(desk, approvals=approvals, bundles=bundles),
        keys=KeyDesk(desk, approvals=approvals, stock=keys),
        cases=ReidentifyDesk(desk, approvals=approvals, proposals=proposals, keys=keys.keys, limits=cases),
    )
