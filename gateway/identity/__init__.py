"""Who is asking.

A credential is right or it is refused with one text: unknown, malformed, expired and revoked look alike.
Nothing is cached, so a revocation holds from the next request on, on every replica. Rates are limited here,
before anything is logged, and refusals are counted per minute rather than logged one by one: a flood of
either must not fill the log (THREATS T18).
"""

from gateway.identity.admission import Admission
from gateway.identity.gate import Gate
from gateway.identity.tickets import Authenticators, Tickets, is_valid, principal_of
from gateway.identity.tokens import ApiTokens, mint, token_id_of

__all__ = [
    "Admission",
    "ApiTokens",
    "Authenticators",
    "Gate",
    "Tickets",
    "is_valid",
    "mint",
    "principal_of",
    "token_id_of",
]
