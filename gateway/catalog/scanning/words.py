"""What names of tables and columns tell of identifiers, subjects and times. Words of people who build schemas."""

from __future__ import annotations

import itertools
import re
from typing import Final


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PREFIXES: Final = frozenset({"t", "tb", "tbl", "tab", "dim", "fact", "fct", "stg", "v", "x", "fld", "f", "c", "n"})
_NUMBERS: Final = frozenset(
    {"id", "ids", "no", "nr", "num", "number", "key", "code", "ref", "nbr", "uuid", "guid", "pk", "fk", "sk", "nummer"}
)
_JOINED: Final = re.compile(r"^([a-z]{3,}?)(id|nr|no|num|key|uuid)$")
_OUTSIDE: Final = _listed(
    "counterparty counterpart cpty ctpy payee payer beneficiary benef creditor debtor remitter sender recipient"
    " receiver originator ordering thirdparty external foreign gegenkonto gegenpartei empfaenger zahler"
    " auftraggeber beguenstigter glaeubiger beneficiaire contrepartie donneur ordonnateur destinataire"
    " beneficiario ordinante controparte contrapartida destinatario protiucet protistrana prijemce platce"
    " kontrahent odbiorca nadawca tegenpartij tegenrekening begunstigde"
)
_CHANGED: Final = _listed(
    "updated update upd modified modif mod changed change chg refreshed synced loaded load ingested etl maj"
    " dernier geaendert aend aenderung gewijzigd zmena zmeneno aktualizacja zmodyfikowano actualizado"
    " modificado aggiornato"
)
_HAPPENED: Final = _listed(
    "booked booking posted posting event taken recorded occurred happened executed transaction txn trans value"
    " valuta buchung gebucht buchungs operation comptable contabile fecha registro logged granted opened"
    " created inserted creation create insert start erstellt angelegt eroeffnet cree crea creado creato"
    " vytvoreno utworzono"
)
_AHEAD: Final = _listed(
    "due expiry expires expiration expire until end valid maturity closed birth born dob geb geburt gebdat"
    " naissance nacimiento nascita narozeni urodzenia geboorte death next faellig ablauf"
)
_STAFF: Final = _listed(
    "staff employee employees emp agent agents advisor adviser officer clerk user users operator mitarbeiter"
    " berater employe conseiller empleado impiegato zamestnanec pracownik medewerker teller"
)


def words_of(name: str) -> tuple[str, ...]:
    """Lower-case words of a name: `CustomerID`, `t_customer_id` and `customer-id` alike, without typical prefixes."""
    parts = [part for piece in re.split(r"[^A-Za-z0-9]+", name) for part in _CAMEL.split(piece) if part]
    words = [part.lower() for part in parts]
    while len(words) > 1 and words[0] in _PREFIXES:
        words = words[1:]
    return tuple(words)


def stem_of(name: str) -> tuple[str, ...]:
    """The words that say whose number it is: `customer_id`, `customerid`, `id_customer` give `customer`; `id` none."""
    words = list(words_of(name))
    if len(words) == 1 and words[0] not in _NUMBERS and (joined := _JOINED.match(words[0])):
        words = [joined[1]]
    return tuple(word for word in words if word not in _NUMBERS)


def singular(words: tuple[str, ...]) -> tuple[str, ...]:
    """The last word as of one thing: `call notes` gives `call note`."""
    if not words:
        return words
    last = words[-1]
    if last.endswith("ies") and len(last) > len("dies"):
        last = last[:-3] + "y"
    elif last.endswith(("sses", "xes", "ches", "shes")):
        last = last[:-2]
    elif last.endswith("s") and not last.endswith(("ss", "us", "is")):
        last = last[:-1]
    return (*words[:-1], last)


def is_outsiders(name: str) -> bool:
    """Whether somebody from outside seems to choose what stands there: the other party of a payment."""
    words = words_of(name)
    joined = {"".join(pair) for pair in itertools.pairwise(words)}
    return not _OUTSIDE.isdisjoint({*words, *joined})


def is_staffs(name: str) -> bool:
    """Whether it names people who work here."""
    return not _STAFF.isdisjoint(words_of(name))


def time_rank(name: str) -> int:
    """How well a time tells which rows are new: 3 changed at, 2 happened at, 1 nothing is known, 0 not at all."""
    words = set(words_of(name))
    if words & _AHEAD:
        return 0
    return 3 if words & _CHANGED else 2 if words & _HAPPENED else 1
