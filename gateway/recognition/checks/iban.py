"""IBAN, BIC and LEI. Source: ISO 13616 and SWIFT's IBAN registry, release 99; ISO 9362; ISO 17442."""

from __future__ import annotations

import re

from gateway.recognition.folding import words

_LENGTHS = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18
FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20
LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24
SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""
IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _LENGTHS.split()}
_BIC = re.compile(r"[A-Z]{4}([A-Z]{2})[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
_LEI = re.compile(r"[A-Z0-9]{18}\d{2}")
_SEPARATORS = str.maketrans("", "", " \t-./_:\n")
_COUNTRIES = frozenset(
    words(
        """
    AD AE AF AG AI AL AM AO AR AT AU AZ BA BB BD BE BG BH BM BN BR BY CA CH CL CN CO CR CY CZ DE DK DO DZ EC EE
    EG ES FI FO FR GB GE GG GI GL GR GT HK HR HU ID IE IL IM IN IQ IR IS IT JE JM JO JP KE KR KW KY KZ LB LI LK
    LT LU LV MA MC MD ME MK MT MU MX MY NG NL NO NZ OM PA PE PH PK PL PT QA RO RS RU SA SE SG SI SK SM TH TN TR
    TW UA US UY VA VE VG VN XK ZA
    """
    )
)


def compact(text: str) -> str:
    """Take out what groups an IBAN's characters, and set capitals."""
    return text.translate(_SEPARATORS).upper()


def remainder(characters: str) -> int:
    """ISO 7064 MOD 97-10 over ASCII letters and digits; 1 is right."""
    return int("".join([str(int(char, 36)) for char in characters])) % 97


def is_iban(text: str) -> bool:
    """Check country, length and check digits, in any case and grouping."""
    bare = compact(text)
    if IBAN_LENGTHS.get(bare[:2]) != len(bare) or not bare.isascii() or not bare.isalnum() or not bare[2:4].isdigit():
        return False
    return remainder(bare[4:] + bare[:4]) == 1


def is_bic(text: str) -> bool:
    """Check form and country; a BIC has no check digit."""
    match = _BIC.fullmatch(text)
    return match is not None and match[1] in _COUNTRIES


def is_lei(text: str) -> bool:
    """Check form and check digits."""
    return _LEI.fullmatch(text) is not None and remainder(text) == 1
