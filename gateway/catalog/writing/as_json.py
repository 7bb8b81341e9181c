"""A proposal as plain JSON values: what `--json` prints and the last scan is kept as."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
from collections.abc import Mapping
from typing import Any

from gateway.terms.mask_spec import MaskUse
from gateway.terms.proposal_catalog import CatalogProposal

Json = dict[str, Any]


def as_json(proposal: CatalogProposal) -> Json:
    """All of it."""
    document = _plain(proposal)
    assert isinstance(document, dict)  # noqa: S101 - of a data class
    return document


def _plain(value: object) -> object:
    match value:
        case MaskUse():
            return {"name": value.name, **{name: _plain(each) for name, each in value.shown().items()}}
        case decimal.Decimal():
            return f"{value:f}"
        case datetime.datetime():
            return value.isoformat()
        case datetime.timedelta():
            return int(value.total_seconds())
        case Mapping():
            return {str(name): _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value
