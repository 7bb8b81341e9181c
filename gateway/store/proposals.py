"""What one principal proposed, what a second one said, and whether it was done. Rows only grow.

A proposal has one verdict at most, and one act at most: the act's row is written in the transaction that does it, so
that what was approved happens exactly once, however often it is tried. Time is the database's.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from gateway.errors import Denied
from gateway.store.database import database_time, heading, reading, writing
from gateway.store.policies import activate_in, active_digest_in, grant_in
from gateway.store.tables import Moment, metadata
from gateway.terms.document import PolicyFiles
from gateway.terms.policy import Grant
from gateway.terms.proposal import ActOutcome, Proposal, ProposalKind, Verdict

Known = tuple[Proposal, Verdict | None]


_DAY: Final = datetime.timedelta(days=1)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


proposal = sa.Table(
    "proposal",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("kind"),
    sa.Column("document", sa.JSON, nullable=False),
    _text("digest"),
    _text("proposer"),
    _text("proposer_issuer"),
    _text("environment"),
    sa.Column("created", Moment, nullable=False),
    sa.Column("expires", Moment, nullable=False),
)
sa.Index(None, proposal.c.proposer, proposal.c.created)

proposal_verdict = sa.Table(
    "proposal_verdict",
    metadata,
    sa.Column("proposal_id", sa.Text, sa.ForeignKey(proposal.c.id), primary_key=True),
    sa.Column("approved", sa.Boolean, nullable=False),
    _text("decided_by"),
    _text("issuer"),
    _text("digest"),
    sa.Column("decided_at", Moment, nullable=False),
    _text("note"),
)

proposal_act = sa.Table(
    "proposal_act",
    metadata,
    sa.Column("proposal_id", sa.Text, sa.ForeignKey(proposal.c.id), primary_key=True),
    _text("outcome"),
    sa.Column("acted_at", Moment, nullable=False),
)

_verdict_columns = [column.label(f"verdict_{column.name}") for column in proposal_verdict.c]
_known = sa.select(proposal, *_verdict_columns).select_from(proposal.outerjoin(proposal_verdict))
_has_verdict = sa.exists().where(proposal_verdict.c.proposal_id == proposal.c.id).correlate(proposal)
_has_act = sa.exists().where(proposal_act.c.proposal_id == proposal.c.id).correlate(proposal)


class Proposals:
    """ports.Proposals, and the acts that approved proposals lead to."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, new: Proposal) -> None:
        """Store a new one.

        Raises:
            Integrity: its id is taken.
        """
        row = {column.name: getattr(new, column.name) for column in proposal.c}
        with writing(self._engine) as connection:
            connection.execute(proposal.insert(), row | {"document": dict(new.document)})

    def find(self, proposal_id: str) -> Known | None:
        """By id."""
        with reading(self._engine) as connection:
            row = connection.execute(_known.where(proposal.c.id == proposal_id)).one_or_none()
        return None if row is None else _read(row)

    def listed(self, *, kind: ProposalKind | None = None, proposer: str | None = None) -> Sequence[Known]:
        """Oldest first."""
        wanted = _known.order_by(proposal.c.created, proposal.c.id)
        if kind is not None:
            wanted = wanted.where(proposal.c.kind == kind)
        if proposer is not None:
            wanted = wanted.where(proposal.c.proposer == proposer)
        with reading(self._engine) as connection:
            return [_read(row) for row in connection.execute(wanted)]

    def undecided(self) -> Sequence[Known]:
        """Those without a verdict that have not expired, oldest first."""
        wanted = _known.where(~_has_verdict, proposal.c.expires > database_time())
        with reading(self._engine) as connection:
            return [_read(row) for row in connection.execute(wanted.order_by(proposal.c.created, proposal.c.id))]

    def is_open(self, proposal_id: str) -> bool:
        """Whether a verdict would count now."""
        found = sa.select(proposal.c.id).where(
            proposal.c.id == proposal_id, ~_has_verdict, proposal.c.expires > database_time()
        )
        with reading(self._engine) as connection:
            return connection.scalar(found) is not None

    def is_approved(self, proposal_id: str) -> bool:
        """Whether it is approved and not expired."""
        found = (
            sa.select(proposal.c.id)
            .join(proposal_verdict)
            .where(proposal.c.id == proposal_id, proposal_verdict.c.approved, proposal.c.expires > database_time())
        )
        with reading(self._engine) as connection:
            return connection.scalar(found) is not None

    def decide(self, verdict: Verdict) -> None:
        """Store the verdict.

        Raises:
            Denied: there is none such; it is the decider's own (T11); there is a verdict already; it expired; or the
                digest differs.
        """
        stated = sa.select(
            proposal.c.proposer,
            proposal.c.digest,
            (proposal.c.expires > database_time()).label("holds"),
            _has_verdict.label("decided"),
        ).where(proposal.c.id == verdict.proposal)
        row = {
            "proposal_id": verdict.proposal,
            "approved": verdict.approved,
            "decided_by": verdict.by,
            "issuer": verdict.by_issuer,
            "digest": verdict.digest,
            "decided_at": verdict.at,
            "note": verdict.note,
        }
        # Under the head's lock: publication asks whether an extract is approved in the same order of moments.
        with heading(self._engine) as (connection, _):
            found = connection.execute(stated).one_or_none()
            if found is None:
                raise Denied("no such proposal", code="proposal")
            _check(found, verdict)
            connection.execute(proposal_verdict.insert(), row)

    def unsettled(self) -> Sequence[tuple[Proposal, Verdict]]:
        """Decided ones whose act has no row yet, oldest verdict first; a refusal needs an act only of an extract."""
        approved = sa.and_(proposal_verdict.c.approved, proposal.c.kind != "reidentify")  # its proposer's to take
        acts = sa.or_(approved, proposal.c.kind == "extract")
        wanted = _known.where(acts, ~_has_act).order_by(proposal_verdict.c.decided_at, proposal.c.id)
        with reading(self._engine) as connection:
            known = [_read(row) for row in connection.execute(wanted)]
        return [(stated, verdict) for stated, verdict in known if verdict is not None]

    def acted(self, proposal_id: str) -> ActOutcome | None:
        """What became of it; None while nothing did."""
        outcome = sa.select(proposal_act.c.outcome).where(proposal_act.c.proposal_id == proposal_id)
        with reading(self._engine) as connection:
            return connection.scalar(outcome)

    def outcomes(self, proposal_ids: Collection[str]) -> Mapping[str, ActOutcome]:
        """What became of them, by id; those that nothing became of are left out."""
        wanted = sa.select(proposal_act.c.proposal_id, proposal_act.c.outcome)
        with reading(self._engine) as connection:
            found = connection.execute(wanted.where(proposal_act.c.proposal_id.in_(proposal_ids)))
            return {row.proposal_id: row.outcome for row in found}

    def grant(self, proposal_id: str, grant: Grant, *, by: str, now: datetime.datetime) -> bool:
        """Add the approved grant; False if that was done before.

        Raises:
            Invalid: it is not dynamic, or does not expire after now.
            Denied: the proposal is not approved.
        """
        with heading(self._engine) as (connection, _):
            if not _begin(connection, proposal_id):
                return False
            grant_in(connection, grant, by=by, now=now)
            _close(connection, proposal_id, outcome="done", now=now)
            return True

    def activate(
        self, proposal_id: str, files: PolicyFiles, *, base: str, by: str, now: datetime.datetime
    ) -> ActOutcome:
        """Make the approved bundle the active one if `base` still is; what was done before is told again.

        Raises:
            Denied: the proposal is not approved.
        """
        with heading(self._engine) as (connection, _):
            if not _begin(connection, proposal_id):
                return _outcome(connection, proposal_id)
            outcome: ActOutcome = "done" if active_digest_in(connection) == base else "stale"
            if outcome == "done":
                activate_in(connection, files, by=by, now=now)
            _close(connection, proposal_id, outcome=outcome, now=now)
            return outcome

    def spend(self, proposal_id: str, *, by: str, within: datetime.timedelta, per_day: int) -> None:
        """Note that an approved re-identification's result is being taken: durably, and once.

        Args:
            by: its proposer.
            within: of the verdict.
            per_day: results that he may take in 24 hours.

        Raises:
            Denied: `unapproved`, `spent`, `expired`, or `cases`: too many in 24 hours.
        """
        stated = sa.select(
            proposal_verdict.c.approved,
            (proposal_verdict.c.decided_at > database_time() - within // _MICROSECOND).label("holds"),
        ).where(proposal_verdict.c.proposal_id == proposal_id)
        taken = (
            sa.select(sa.func.count())
            .select_from(proposal_act.join(proposal))
            .where(
                proposal.c.kind == "reidentify",
                proposal.c.proposer == by,
                proposal_act.c.acted_at > database_time() - _DAY // _MICROSECOND,
            )
        )
        with heading(self._engine) as (connection, _):
            found = connection.execute(stated).one_or_none()
            if found is None or not found.approved:
                raise Denied("nobody approved this case", code="unapproved")
            if connection.scalar(sa.select(proposal_act.c.outcome).where(_is_act(proposal_id))) is not None:
                raise Denied("this case's result was taken, whole or not", code="spent", fix="propose a new one")
            if not found.holds:
                raise Denied("the case was approved too long ago", code="expired", fix="propose a new one")
            if (connection.scalar(taken) or 0) >= per_day:
                raise Denied(f"you took {per_day} results in 24 hours", code="cases", fix="wait")
            row = {"proposal_id": proposal_id, "outcome": "done", "acted_at": database_time()}
            connection.execute(proposal_act.insert().values(row))

    def close(self, proposal_id: str, *, outcome: ActOutcome, now: datetime.datetime) -> None:
        """Note that an act elsewhere was done, or never will be; a second call does nothing."""
        with writing(self._engine) as connection:
            if connection.scalar(sa.select(proposal_act.c.outcome).where(_is_act(proposal_id))) is None:
                _close(connection, proposal_id, outcome=outcome, now=now)


def _check(found: sa.Row[tuple[str, str, bool, bool]], verdict: Verdict) -> None:
    if found.proposer == verdict.by:
        raise Denied("nobody decides what he proposed himself", code="four_eyes", fix="ask another approver")
    if found.decided:
        raise Denied("another approver has decided it already", code="decided", fix="`gateway approve` lists open ones")
    if not found.holds:
        raise Denied("the proposal has expired", code="expired", fix="its proposer can propose it again")
    if found.digest != verdict.digest:
        raise Denied("the digest is not this proposal's", code="digest", fix="look at the proposal again")


def _is_act(proposal_id: str) -> sa.ColumnElement[bool]:
    return proposal_act.c.proposal_id == proposal_id


def _begin(connection: sa.Connection, proposal_id: str) -> bool:
    """False if it was acted on before."""
    approved = sa.select(proposal_verdict.c.approved).where(proposal_verdict.c.proposal_id == proposal_id)
    if connection.scalar(approved) is not True:
        raise Denied("nobody approved this proposal", code="proposal")
    return connection.scalar(sa.select(proposal_act.c.outcome).where(_is_act(proposal_id))) is None


def _outcome(connection: sa.Connection, proposal_id: str) -> ActOutcome:
    outcome = connection.scalar(sa.select(proposal_act.c.outcome).where(_is_act(proposal_id)))
    return "done" if outcome == "done" else "failed" if outcome == "failed" else "stale"


def _close(connection: sa.Connection, proposal_id: str, *, outcome: ActOutcome, now: datetime.datetime) -> None:
    row = {"proposal_id": proposal_id, "outcome": outcome, "acted_at": now}
    connection.execute(proposal_act.insert(), row)


def _read(row: sa.Row[tuple[object, ...]]) -> Known:
    fields = row._mapping
    stated = Proposal(**{column.name: fields[column.name] for column in proposal.c})
    if fields["verdict_proposal_id"] is None:
        return stated, None
    return stated, Verdict(
        proposal=stated.id,
        approved=fields["verdict_approved"],
        by=fields["verdict_decided_by"],
        by_issuer=fields["verdict_issuer"],
        digest=fields["verdict_digest"],
        at=fields["verdict_decided_at"],
        note=fields["verdict_note"],
    )
