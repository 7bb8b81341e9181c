"""Addresses of the network and of ledgers in texts: e-mail, links that name a person, IP, MAC, crypto."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.recognition.checks.network import is_base58, is_bech32, is_ip
from gateway.recognition.shapes.draft import BLANK, Piece

_LOCAL_TIGHT = re.compile(r"[\w+%&=~'!#.-]{1,64}")
_LOCAL_SPACED = re.compile(
    r" ?(?:[\w+%&~-]{1,24}(?: ?[._-] ?| ?[)\]}] ?(?:tod|tknup|tniop) ?[(\[{] ?)){0,3}[\w+%&~-]{2,40}", re.IGNORECASE
)
"""Read backwards, as both of them are."""
_DOMAIN = re.compile(r"(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,23}")
_TLD = (
    "com|org|net|edu|gov|info|biz|eu|io|co|app|dev|bank|example|test|at|be|bg|ch|cy|cz|de|dk|ee|es|fi|fr|gb|uk|gr|hr|hu|ie|is"
    "|it|li|lt|lu|lv|mt|nl|no|pl|pt|ro|rs|se|si|sk|tr|ua|us"
)
_DOMAIN_SPACED = re.compile(
    rf" ?(?:[\w-]{{1,63}}(?:\.| \. | ?[(\[{{] ?(?:dot|punkt|point) ?[)\]}}] ?)){{1,4}}(?:{_TLD})(?!\w)", re.IGNORECASE
)
_BARE_DOMAIN = re.compile(r"[^\W\d_][\w-]{2,63}")
_AT = re.compile(r"@|[(\[{] ?(?:at|a|arobase|kukac|zavinac|zavináč) ?[)\]}]", re.IGNORECASE)
_WINDOW = 80
"""Characters before an at sign in which the local part stands (64 by RFC 5321, and spaces)."""

_LINK = re.compile(r"(?:https?|ftp|sftp|ssh)://[^\s<>\"'\x00]{1,2048}|\bwww\.[^\s<>\"'\x00]{1,2048}", re.IGNORECASE)
_PERSONAL_LINK = re.compile(
    r"@[\w]|[?&;#](?:user|email|e-?mail|mail|name|uid|userid|login|token|session|sid|key|id|phone|iban|kunde|client)\w{0,8}="
    r"|(?:linkedin\.com/in|facebook\.com|instagram\.com|xing\.com/profile|t\.me|wa\.me|twitter\.com|x\.com|github\.com)/[\w.-]"
    r"|/~|/(?:users?|profiles?|members?|customers?|kunden?|people)/[\w.-]",
    re.IGNORECASE,
)
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]?\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{3,45}(?![\w:])")
_MAC = re.compile(
    r"(?<![\w:.-])(?:[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4})(?![\w:.-])"
)
_LEDGER = re.compile(r"(?<![^\W_])[A-Za-z0-9]{26,92}(?![^\W_])")
_ETHEREUM = re.compile(r"0[xX][0-9A-Fa-f]{40}")
"""`0x` and 40 hexadecimal digits are an address or a hash: both lead to a person's payments."""


def emails(text: str) -> Iterator[Piece]:
    """Give e-mail addresses, with letters of any script, spaces about the signs, and `(at)`, `(dot)` written out."""
    last = 0
    for at in _AT.finditer(text):
        piece = _email_at(text, at, max(last, at.start() - _WINDOW))
        if piece:
            yield piece
            last = piece.end


def _email_at(text: str, at: re.Match[str], low: int) -> Piece | None:
    end = at.end()
    if not text[end : end + 2].strip(" @" + BLANK):
        return None
    domain = _DOMAIN.match(text, end) or _DOMAIN_SPACED.match(text, end)
    if domain is None and at[0] == "@":
        domain = _BARE_DOMAIN.match(text, end)
    if domain is None:
        return None
    before = text[low : at.start()][::-1]
    local = _LOCAL_TIGHT.match(before) or _LOCAL_SPACED.match(before)
    if local is None or not any(char.isalnum() for char in local[0]):
        return None
    size = len(local[0].rstrip(".'!#=~& "))
    return Piece(at.start() - size, domain.end(), "email")


def links(text: str) -> Iterator[Piece]:
    """Give links that hold a user, a person's page, or an identifier as a parameter; other links stay."""
    for match in _LINK.finditer(text):
        if _PERSONAL_LINK.search(match[0]):
            yield Piece(match.start(), match.start() + len(match[0].rstrip(".,;:!?)]}")), "url")


def macs(text: str) -> Iterator[Piece]:
    """Give MAC addresses."""
    for match in _MAC.finditer(text):
        yield Piece(match.start(), match.end(), "mac")


def ips(text: str) -> Iterator[Piece]:
    """Give IP addresses."""
    for match in _IPV4.finditer(text):
        if is_ip(match[0]):
            yield Piece(match.start(), match.end(), "ip")
    for match in _IPV6.finditer(text):
        if len(match[0]) > 4 and is_ip(match[0]):  # noqa: PLR2004 `1::` in a list is none
            yield Piece(match.start(), match.end(), "ip")


def ledgers(text: str) -> Iterator[Piece]:
    """Give addresses of Bitcoin, Litecoin and Ethereum."""
    for match in _LEDGER.finditer(text):
        found = match[0]
        if _ETHEREUM.fullmatch(found) or is_bech32(found) or is_base58(found):
            yield Piece(match.start(), match.end(), "crypto")
