"""Reads an extract's specification: a YAML file, or the same keys in a JSON body."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Final, Literal

from gateway.errors import Invalid
from gateway.terms.document import Node, parse
from gateway.terms.extract import NO_SUBJECT, ExtractSpec
from gateway.terms.identity import is_name

MAX_AGE_FORM: Final = r"[1-9][0-9]{0,4}[dhm]"
RETENTION_FORM: Final = r"[1-9][0-9]{0,4}d"
RUN_AS_FORM: Final = r"requester|service:[a-z0-9][a-z0-9-]{0,62}"
_REQUIRED: Final = frozenset({"name", "sql", "purpose", "environment", "subject"})
_OPTIONAL: Final = frozenset({"model", "freshness", "retention", "run_as", "snapshot", "grant", "dialect"})
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes"}


def read_spec(text: str, *, file: str) -> ExtractSpec:
    """The spec of one YAML document.

    Raises:
        Invalid: the text begins with file and line.
    """
    fields = parse(text, file=file).mapping(required=_REQUIRED, optional=_OPTIONAL)
    try:
        return spec_of(fields)
    except Invalid as error:
        raise Invalid(error.message, code="extract", fix="docs/extracts.md shows a whole spec") from None


def spec_of(fields: Mapping[str, Node]) -> ExtractSpec:
    """The spec of a mapping with the known keys."""
    return ExtractSpec(
        name=_name(fields["name"]),
        sql=fields["sql"].text(),
        purpose=_name(fields["purpose"]),
        environment=_name(fields["environment"]),
        subject=fields["subject"].text(),
        model=_name(fields["model"]) if "model" in fields else None,
        max_age=_max_age(fields["freshness"]) if "freshness" in fields else None,
        retention_days=_days(fields["retention"]) if "retention" in fields else None,
        run_as=_form(fields["run_as"], RUN_AS_FORM, "`requester` or `service:NAME`")
        if "run_as" in fields
        else "requester",
        snapshot=_snapshot(fields["snapshot"]) if "snapshot" in fields else "any",
        grant=_name(fields["grant"]) if "grant" in fields else None,
        dialect=_name(fields["dialect"]) if "dialect" in fields else "postgres",
    )


def spec_document(spec: ExtractSpec) -> dict[str, object]:
    """The spec as plain JSON values under the file's keys; what stands at its default is left out."""
    document: dict[str, object] = {
        "name": spec.name,
        "sql": spec.sql,
        "purpose": spec.purpose,
        "environment": spec.environment,
        "subject": spec.subject,
        "model": spec.model,
        "freshness": None if spec.max_age is None else {"max_age": duration_text(spec.max_age)},
        "retention": None if spec.retention_days is None else f"{spec.retention_days}d",
        "run_as": spec.run_as,
        "snapshot": spec.snapshot,
        "grant": spec.grant,
        "dialect": spec.dialect,
    }
    return {key: value for key, value in document.items() if value is not None}


def duration(text: str) -> datetime.timedelta:
    """`7d`, `36h` or `90m`; MUST have MAX_AGE_FORM."""
    return datetime.timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def duration_text(length: datetime.timedelta) -> str:
    """The shortest form that reads back as the same."""
    minutes = round(length.total_seconds() / 60)
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


def wants_subject(spec: ExtractSpec) -> bool:
    """Whether rows name a data subject."""
    return spec.subject != NO_SUBJECT


def _name(node: Node) -> str:
    if not is_name(node.text()):
        raise node.fail("a name is 1..63 of a-z 0-9 -")
    return node.text()


def _form(node: Node, form: str, wanted: str) -> str:
    if not re.fullmatch(form, str(node.value)):
        raise node.fail(f"{wanted} is needed here")
    return str(node.value)


def _max_age(node: Node) -> datetime.timedelta:
    fields = node.mapping(required=frozenset({"max_age"}), optional=frozenset())
    return duration(_form(fields["max_age"], MAX_AGE_FORM, "a number with d, h or m (7d)"))


def _days(node: Node) -> int:
    return int(_form(node, RETENTION_FORM, "a number of days (365d)")[:-1])


def _snapshot(node: Node) -> Literal["any", "consistent"]:
    if node.value not in ("any", "consistent"):
        raise node.fail("`any` or `consistent` is needed here")
    return "consistent" if node.value == "consistent" else "any"
