"""What policy decides by: activated bundles and dynamic grants. Both only grow; a revocation is a row of its own.

A grant is stored as a JSON document, without loss. A predicate in it is a one-key object:
{"compare": [column, operator, value]}, {"one_of": [column, values]}, {"is_null": column}, {"not": p}, {"and": [p…]},
{"or": [p…]}. A value that JSON lacks is {"decimal": "1.50"}, {"date": …} or {"timestamp": …}.
"""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

import sqlalchemy as sa

from gateway.errors import Integrity, Invalid
from gateway.store.database import heading, reading
from gateway.store.tables import dynamic_grant, dynamic_grant_revocation, policy_bundle
from gateway.terms.document import PolicyFiles
from gateway.terms.policy import Grant, Level, RowRule, RuleRef
from gateway.terms.predicate import And, Compare, IsNull, Not, OneOf, Operator, Or, Predicate, Scalar


class Bundles:
    """ports.BundleStore."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def activate(self, files: PolicyFiles, *, by: str, now: datetime.datetime) -> None:
        """Make it the active one, in one transaction."""
        with heading(self._engine) as (connection, _):
            activate_in(connection, files, by=by, now=now)

    def active(self) -> PolicyFiles | None:
        """The active bundle's files; None before init.

        Raises:
            Integrity: the files are not those that were activated.
        """
        newest = sa.select(policy_bundle).order_by(policy_bundle.c.sequence.desc()).limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(newest).one_or_none()
        if row is None:
            return None
        files = PolicyFiles(row.files)
        if files.digest != row.digest:
            raise Integrity("the active policy bundle is not what was activated: its digest differs", code="policy")
        return files

    def active_digest(self) -> str:
        """Its digest; empty before init."""
        with reading(self._engine) as connection:
            return active_digest_in(connection)


class Grants:
    """Dynamic grants: read by policy (ports.GrantReader), added and revoked by governance."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def current(self, *, now: datetime.datetime) -> Sequence[Grant]:
        """Those neither revoked nor expired, by id.

        Raises:
            Integrity: a stored one cannot be read.
        """
        with reading(self._engine) as connection:
            rows = connection.execute(_CURRENT, {"now": now}).all()
        grants = [_from_json(row.document) for row in rows]
        if any((row.id, row.expires) != (grant.id, grant.expires) for row, grant in zip(rows, grants, strict=True)):
            raise Integrity("a stored dynamic grant differs from its own row in id or expiry", code="grant")
        return grants

    def add(self, grant: Grant, *, by: str, now: datetime.datetime) -> None:
        """Store an approved grant; it never changes afterwards.

        Raises:
            Invalid: it is not dynamic, or does not expire after now.
            Integrity: its id is taken.
        """
        with heading(self._engine) as (connection, _):
            grant_in(connection, grant, by=by, now=now)

    def revoke(self, grant_id: str, *, by: str, now: datetime.datetime) -> bool:
        """At once, for every replica. False if there is no such grant or it was revoked before."""
        known = sa.select(dynamic_grant.c.id).where(dynamic_grant.c.id == grant_id)
        revoked = sa.select(dynamic_grant_revocation.c.grant_id).where(dynamic_grant_revocation.c.grant_id == grant_id)
        row = {"grant_id": grant_id, "revoked_at": now, "revoked_by": by}
        with heading(self._engine) as (connection, _):
            if connection.scalar(known) is None or connection.scalar(revoked) is not None:
                return False
            connection.execute(dynamic_grant_revocation.insert(), row)
            return True


# Built once: building them costs more than SQLite takes to run them, and every request does.
_CURRENT: Final = (
    sa.select(dynamic_grant)
    .where(
        dynamic_grant.c.expires > sa.bindparam("now"),
        ~sa.exists().where(dynamic_grant_revocation.c.grant_id == dynamic_grant.c.id),
    )
    .order_by(dynamic_grant.c.id)
)
_NEWEST: Final = sa.select(policy_bundle.c.digest).order_by(policy_bundle.c.sequence.desc()).limit(1)


def activate_in(connection: sa.Connection, files: PolicyFiles, *, by: str, now: datetime.datetime) -> None:
    """As Bundles.activate, within a transaction that holds the log's head."""
    row = {"digest": files.digest, "files": dict(files.files), "activated_at": now, "activated_by": by}
    newest = sa.select(sa.func.max(policy_bundle.c.sequence))
    connection.execute(policy_bundle.insert(), row | {"sequence": (connection.scalar(newest) or 0) + 1})


def active_digest_in(connection: sa.Connection) -> str:
    """As Bundles.active_digest, within a transaction."""
    return connection.scalar(_NEWEST) or ""


def grant_in(connection: sa.Connection, grant: Grant, *, by: str, now: datetime.datetime) -> None:
    """As Grants.add, within a transaction that holds the log's head."""
    if not grant.dynamic or grant.expires is None or grant.expires <= now:
        raise Invalid("a dynamic grant must be marked so and expire in the future", code="grant")
    row = {
        "id": grant.id,
        "document": _to_json(grant),
        "expires": grant.expires,
        "granted_at": now,
        "granted_by": by,
    }
    connection.execute(dynamic_grant.insert(), row)


def _to_json(grant: Grant) -> Mapping[str, object]:
    """A document of plain JSON values."""
    return {
        "id": grant.id,
        "effect": grant.effect,
        "role": grant.role,
        "environment": grant.environment,
        "datasets": sorted(grant.datasets),
        "purposes": sorted(grant.purposes),
        "level": grant.level,
        "columns": dict(grant.columns),
        "denied_columns": sorted(grant.denied_columns),
        "at_most": grant.at_most,
        "rows": None if grant.rows is None else _rows_to_json(grant.rows),
        "rows_follow": sorted(grant.rows_follow),
        "expires": None if grant.expires is None else grant.expires.isoformat(),
        "rule": [grant.rule.file, grant.rule.line, grant.rule.id],
    }


def _from_json(document: Mapping[str, Any]) -> Grant:
    """The grant, marked as dynamic.

    Raises:
        Integrity: the document is not one that _to_json made: a grant that cannot be read grants nothing.
    """
    try:
        return _grant(document)
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError):
        raise Integrity("a stored dynamic grant cannot be read", code="grant") from None


def _grant(document: Mapping[str, Any]) -> Grant:
    if document["effect"] not in ("allow", "deny"):
        raise ValueError(document["effect"])
    file, line, rule = document["rule"]
    return Grant(
        id=document["id"],
        effect=document["effect"],
        role=document["role"],
        environment=document["environment"],
        datasets=frozenset(document["datasets"]),
        purposes=frozenset(document["purposes"]),
        level=_level(document["level"]),
        columns={name: Level(level) for name, level in document["columns"].items()},
        denied_columns=frozenset(document["denied_columns"]),
        at_most=_level(document["at_most"]),
        rows=None if document["rows"] is None else _rows_from_json(document["rows"]),
        rows_follow=frozenset(document["rows_follow"]),
        expires=datetime.datetime.fromisoformat(document["expires"]),
        rule=RuleRef(file=file, line=line, id=rule),
        dynamic=True,
    )


def _level(value: str | None) -> Level | None:
    return None if value is None else Level(value)


def _rows_to_json(rows: RowRule) -> Mapping[str, object]:
    return {"dataset": rows.dataset, "predicate": _predicate_to_json(rows.predicate), "text": rows.text}


def _rows_from_json(rows: Mapping[str, Any]) -> RowRule:
    return RowRule(dataset=rows["dataset"], predicate=_predicate_from_json(rows["predicate"]), text=rows["text"])


def _predicate_to_json(predicate: Predicate) -> Mapping[str, object]:
    match predicate:
        case Compare(column, operator, value):
            return {"compare": [column, operator, _scalar_to_json(value)]}
        case OneOf(column, values):
            return {"one_of": [column, [_scalar_to_json(value) for value in values]]}
        case IsNull(column):
            return {"is_null": column}
        case Not(part):
            return {"not": _predicate_to_json(part)}
        case And(parts):
            return {"and": [_predicate_to_json(part) for part in parts]}
        case Or(parts):
            return {"or": [_predicate_to_json(part) for part in parts]}


def _predicate_from_json(document: Mapping[str, Any]) -> Predicate:
    ((form, content),) = document.items()
    match form:
        case "compare":
            column, operator, value = content
            if operator not in get_args(Operator):
                raise ValueError(operator)
            return Compare(column, operator, _scalar_from_json(value))
        case "one_of":
            column, values = content
            return OneOf(column, tuple(_scalar_from_json(value) for value in values))
        case "is_null":
            return IsNull(content)
        case "not":
            return Not(_predicate_from_json(content))
        case "and" | "or":
            parts = tuple(_predicate_from_json(part) for part in content)
            return And(parts) if form == "and" else Or(parts)
    raise ValueError(form)


def _scalar_to_json(value: Scalar) -> object:
    match value:
        case decimal.Decimal():
            return {"decimal": str(value)}
        case datetime.datetime():  # before date, which it also is
            return {"timestamp": value.isoformat()}
        case datetime.date():
            return {"date": value.isoformat()}
    return value


def _scalar_from_json(document: float | str | Mapping[str, str]) -> Scalar:
    if isinstance(document, int | float | str):  # bool is an int
        return document
    ((form, text),) = document.items()
    match form:
        case "decimal":
            return decimal.Decimal(text)
        case "timestamp":
            return datetime.datetime.fromisoformat(text)
        case "date":
            return datetime.date.fromisoformat(text)
    raise ValueError(form)
