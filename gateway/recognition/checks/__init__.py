"""Validators, one a kind of identifier: over a whole value, bounded, never raising, never remembering a value.

`chance` says how much one hit is worth: Luhn passes one random number in ten, MOD 97 one in a hundred.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.recognition.checks.accounts import ACCOUNTS
from gateway.recognition.checks.card import is_card
from gateway.recognition.checks.check import Check
from gateway.recognition.checks.iban import is_bic, is_iban, is_lei
from gateway.recognition.checks.national import NATIONAL
from gateway.recognition.checks.network import is_crypto, is_email, is_ip, is_mac
from gateway.recognition.checks.phones import PHONES
from gateway.recognition.checks.plates import PLATES

__all__ = ["CHECKS", "Check"]

_ALL = (
    Check(name="iban", kind="iban", shape="DE99999999999999999999", chance=0.01, accepts=is_iban),
    Check(name="bic", kind="bic", shape="AAAAAA**", chance=0.17, accepts=is_bic),
    Check(name="lei", kind="lei", shape="******************99", chance=0.01, accepts=is_lei),
    Check(name="card", kind="card", shape="9999999999999999", chance=0.04, accepts=is_card),
    Check(name="email", kind="email", chance=0.0, accepts=is_email),
    Check(name="ip", kind="ip", chance=0.0, accepts=is_ip),
    Check(name="mac", kind="mac", chance=0.0, accepts=is_mac),
    Check(name="crypto", kind="crypto", chance=0.0, accepts=is_crypto),
    *NATIONAL,
    *ACCOUNTS,
    *PHONES,
    *PLATES,
)
CHECKS: Mapping[str, Check] = MappingProxyType({check.name: check for check in _ALL})
"""By name."""
