"""Which addresses the gateway may call (T25): what the operator named, and nothing that its name turns into."""

from __future__ import annotations

import dataclasses
import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

from gateway.errors import Invalid, Unavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Sequence[str]]
_PORTS: Final = {"https": 443, "http": 80}
_TRANSLATED: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("2002::/16"))
"""IPv6 forms that a gateway on the way turns into IPv4: they hide which address is meant."""


def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a name, as the system resolves it."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for _, _, _, _, address in found]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL of the operator's, taken apart."""

    scheme: str
    host: str
    port: int
    path: str
    """With its query."""
    is_loopback: bool
    """The URL itself says so; a name that merely resolves to loopback does not count."""

    @property
    def authority(self) -> str:
        """For the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AddressRules:
    """What may be called. Public addresses may; private ones only where the operator names their network."""

    networks: tuple[Network, ...] = ()
    resolver: Resolver = resolve

    @classmethod
    def naming(cls, networks: Sequence[str]) -> AddressRules:
        """Rules with these private networks allowed.

        Raises:
            Invalid: not a network in CIDR form.
        """
        try:
            return cls(networks=tuple(ipaddress.ip_network(text) for text in networks))
        except ValueError:
            raise Invalid(
                "a network of an outgoing call is not in CIDR form", code="settings", fix="write 10.1.0.0/16"
            ) from None

    def read(self, url: str) -> Target:
        """Take the operator's URL apart.

        Raises:
            Invalid: not https (or http to loopback), or it carries a user, a password or a fragment. The text does
                not repeat it.
        """
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme, parts.hostname or "", parts.port
        except ValueError:
            raise _unusable("it is no URL") from None
        if not host or parts.username is not None or parts.password is not None or parts.fragment:
            raise _unusable("it needs a host, and no user, password or fragment")
        is_loopback = host == "localhost" or _is_loopback(host)
        if scheme != "https" and not (scheme == "http" and is_loopback):
            raise _unusable("it must be https; plain http goes to loopback only")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(scheme=scheme, host=host, port=port or _PORTS[scheme], path=path, is_loopback=is_loopback)

    def pin(self, target: Target) -> str:
        """The one address to connect to.

        Raises:
            Unavailable: the name does not resolve, or one of its addresses may not be called (code
                `unavailable.address`).
        """
        try:
            found = [ipaddress.ip_address(text.partition("%")[0]) for text in self.resolver(target.host, target.port)]
        except (OSError, ValueError):
            raise Unavailable("the name of an outgoing call does not resolve", code="address") from None
        # All of them: a name with one good and one bad address would be called at the bad one sooner or later.
        if not found or not all(self._may_call(address, target) for address in found):
            raise Unavailable(
                "an outgoing call's name resolves to an address that may not be called",
                code="address",
                fix="name its network in the settings, if it is meant",
            )
        return str(min(found, key=lambda address: address.version))  # localhost is both; few listen at ::1

    def _may_call(self, address: Address, target: Target) -> bool:
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped is not None:
                address = address.ipv4_mapped
            elif any(address in network for network in _TRANSLATED):
                return False
        if address.is_loopback:
            return target.is_loopback
        if any(address.version == network.version and address in network for network in self.networks):
            return True
        return address.is_global and not address.is_multicast


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _unusable(why: str) -> Invalid:
    return Invalid(f"the URL of an outgoing call cannot be used: {why}", code="settings", fix="see docs/lineage.md")
