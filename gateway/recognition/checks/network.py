"""Addresses of the network and of ledgers: e-mail, IP, MAC, Bitcoin, Ethereum. Bounded patterns, then the check."""

from __future__ import annotations

import hashlib
import ipaddress
import re

_EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z][A-Za-z0-9-]{1,23}")
_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}")
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_CONSTANTS = frozenset({1, 0x2BC830A3})
"""BIP 173 and BIP 350 (bech32m)."""
_ETHEREUM = re.compile(r"0[xX][0-9A-Fa-f]{40}")
_BASE58_LENGTHS, _BECH32_LENGTHS = range(26, 36), range(14, 72)
_PAYLOAD = 21
"""Bytes of a version and a hash of 160 bits."""


def is_email(text: str) -> bool:
    """Check the form of a plain ASCII address."""
    return _EMAIL.fullmatch(text) is not None and ".." not in text


def is_ip(text: str) -> bool:
    """Check an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "." in text or text.count(":") > 1


def is_mac(text: str) -> bool:
    """Check the form of a 48-bit hardware address."""
    return _MAC.fullmatch(text) is not None


def is_base58(text: str) -> bool:
    """Check a base58check address of Bitcoin's kind: 25 bytes, the last four a double SHA-256."""
    if len(text) not in _BASE58_LENGTHS or any(char not in _BASE58 for char in text):
        return False
    number = 0
    for char in text:
        number = number * 58 + _BASE58.index(char)
    if number.bit_length() > (_PAYLOAD + 4) * 8:
        return False
    raw = number.to_bytes(_PAYLOAD + 4, "big")
    return hashlib.sha256(hashlib.sha256(raw[:_PAYLOAD]).digest()).digest()[:4] == raw[_PAYLOAD:]


def is_bech32(text: str) -> bool:
    """Check a bech32 or bech32m address of Bitcoin or Litecoin; one case throughout (BIP 173, BIP 350)."""
    lowered = text.lower()
    prefix, one, data = lowered.rpartition("1")
    if (
        text not in {lowered, text.upper()}
        or not one
        or prefix not in {"bc", "tb", "ltc"}
        or len(data) not in _BECH32_LENGTHS
    ):
        return False
    if any(char not in _BECH32 for char in data):
        return False
    values = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    return _polymod([*values, *(_BECH32.index(char) for char in data)]) in _BECH32_CONSTANTS


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, term in enumerate(_GENERATOR):
            check ^= term if top >> bit & 1 else 0
    return check


def is_ethereum(text: str) -> bool:
    """Check the form of an Ethereum address; EIP-55's mixed-case digest is not computed (no Keccak at hand)."""
    return _ETHEREUM.fullmatch(text) is not None


def is_crypto(text: str) -> bool:
    """Check an address of Bitcoin, Litecoin or Ethereum."""
    return is_ethereum(text) or is_bech32(text) or is_base58(text)
