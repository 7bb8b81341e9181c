"""Destinations as the operator's settings name them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from etl.outgoing.address import AddressRules
from etl.outgoing.destinations import Destination, HttpDestination, JsonLinesFile
from etl.outgoing.signature import SigningSecret
from gateway.errors import Invalid


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """All destinations, by what they take."""

    lineage: tuple[Destination, ...]
    webhooks: tuple[Destination, ...]

    @property
    def all(self) -> tuple[Destination, ...]:
        """For the courier."""
        return (*self.lineage, *self.webhooks)

    @property
    def lineage_channels(self) -> tuple[str, ...]:
        """For OpenLineage events."""
        return tuple(one.channel for one in self.lineage)

    @property
    def webhook_channels(self) -> tuple[str, ...]:
        """For webhook calls."""
        return tuple(one.channel for one in self.webhooks)


def open_outgoing(
    *,
    openlineage_file: Path | None,
    openlineage_url: str,
    webhook_urls: Sequence[str],
    webhook_secret_file: Path | None,
    networks: Sequence[str],
) -> Outgoing:
    """Read the settings; nothing is connected or written.

    Args:
        openlineage_file: JSON lines are appended to it; None: no file.
        openlineage_url: events are posted to it; empty: nowhere.
        webhook_urls: each gets every call.
        webhook_secret_file: holds `whsec_…`; needed where there is a webhook.
        networks: private networks that may be called, in CIDR form.

    Raises:
        Invalid: a URL, network or secret that cannot be used; the text repeats none of them.
    """
    rules = AddressRules.naming(networks)
    lineage: list[Destination] = []
    if openlineage_file is not None:
        lineage.append(JsonLinesFile(openlineage_file, kind="openlineage"))
    if openlineage_url:
        lineage.append(HttpDestination(openlineage_url, kind="openlineage", rules=rules))
    if webhook_urls and webhook_secret_file is None:
        raise Invalid("webhooks are signed: a secret file is needed", code="settings", fix="see docs/lineage.md")
    secret = SigningSecret.from_file(webhook_secret_file) if webhook_urls and webhook_secret_file else None
    webhooks = tuple(HttpDestination(url, kind="webhook", rules=rules, secret=secret) for url in webhook_urls)
    return Outgoing(lineage=tuple(lineage), webhooks=webhooks)
