"""Call notes: free text about a customer, who appears by name, initials, e-mail, IBAN or phone, sometimes misspelt.

Some texts use words that are also surnames (Richter, Winter, Blanc, Zima): removing names must not remove meaning.
Written one by one; there is one for every few customers, not for every transaction.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import pyarrow as pa

from gateway.demo.bank.accounts import Accounts, account_ibans
from gateway.demo.bank.countries import COUNTRIES
from gateway.demo.bank.people import CHUNK, People, emails, full_names, moments, phones
from gateway.demo.bank.random import stream

_NOTES_PER_CUSTOMER: Final = 0.45

# {name} {short} {email} {iban} {phone} mention the customer; {other} another customer's name.
_ENGLISH: Final = (
    "Caller {name} asked for a new card PIN; confirmed by {phone}.",
    "{short} called about a fee, will send documents from {email}.",
)
_GERMAN: Final = (
    "{name} ruft wegen Überweisung von {iban} an, Betrag nicht angekommen.",
    "Rückruf bitte unter {phone}, Kunde {short} ist nur vormittags da.",
    "Unterlagen an {email} gesendet, {name} bestätigt den Eingang.",
    "Der Richter hat der Pfändung stattgegeben, Konto {iban} gesperrt. {name} informiert.",
    "Winter-Aktion für kleine Kredite erklärt, {name} überlegt noch. Wolf und Koch im Gespräch nur als Tiere genannt.",
    "{name} möchte {other} eine Vollmacht geben, Formular per Post.",
    "Kein Interesse an Sparplan, Gespräch kurz.",
)
_TEXTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "DE": _GERMAN,
        "AT": _GERMAN,
        "FR": (
            "{name} signale un prélèvement inconnu sur {iban}.",
            "Rappeler au {phone}, {short} est disponible le matin.",
            "Documents envoyés à {email}; {name} a confirmé.",
            "Carte de couleur blanc commandée, petit souci de code. Client : {name}.",
            "{name} veut donner procuration à {other}.",
            "Aucun changement, client satisfait.",
        ),
        "IT": (
            "{name} segnala un addebito sconosciuto sul conto {iban}.",
            "Richiamare al {phone}; {short} è libero dopo le 17.",
            "Modulo inviato a {email}, {name} lo firma domani.",
            "Costa troppo il conto rosso, dice {name}; proposta alternativa.",
            "{name} chiede una delega per {other}.",
        ),
        "ES": (
            "{name} pregunta por un cargo en {iban}.",
            "Llamar al {phone}, {short} trabaja de noche.",
            "Contrato enviado a {email}; {name} lo revisa.",
            "Rey de la fiesta: reclama el recibo de la calle Mayor. Cliente {name}.",
            "{name} autoriza a {other} en la cuenta.",
        ),
        "NL": (
            "{name} belt over een onbekende afschrijving van {iban}.",
            "Terugbellen op {phone}, {short} is thuis na zes uur.",
            "Formulier naar {email} gestuurd, {name} tekent.",
            "Vraag over bos en visser: campagne van de winter niet begrepen. Klant {name}.",
        ),
        "PL": (
            "{name} zgłasza nieznaną płatność z rachunku {iban}.",
            "Proszę oddzwonić na {phone}, {short} jest w domu po 18.",
            "Dokumenty wysłane na {email}, {name} potwierdza.",
            "Klient pyta o zając i lis na nowej karcie; {name} chce inną.",
            "{name} chce upoważnić {other}.",
        ),
        "CZ": (
            "{name} hlásí neznámou platbu z účtu {iban}.",
            "Volat na {phone}, {short} je doma večer.",
            "Smlouva odeslána na {email}, {name} souhlasí.",
            "Veselý hovor o zimě, nic nového. Klient {name}.",
        ),
    }
)


@dataclasses.dataclass(frozen=True, slots=True)
class _Subject:
    """What identifies the customer, in its plain form."""

    name: str
    email: str
    iban: str
    phone: str
    other: str


def note_count(people: People) -> int:
    """Rows of `call_notes`."""
    return int(len(people) * _NOTES_PER_CUSTOMER)


def note_tables(people: People, accounts: Accounts, *, seed: int, until: datetime.date) -> Iterator[pa.Table]:
    """The rows of `call_notes`."""
    count = note_count(people)
    for number, start in enumerate(range(0, count, CHUNK)):
        rng = stream(seed, "notes", number)
        size = min(CHUNK, count - start)
        customer, other = rng.integers(0, len(people), (2, size))
        columns = (
            full_names(people, customer),
            emails(people, customer),
            account_ibans(accounts, people, accounts.first[customer]),
            phones(people, customer),
            full_names(people, other),
        )
        subjects = (_Subject(*texts) for texts in zip(*(c.to_pylist() for c in columns), strict=True))
        draws = rng.integers(0, 2**31, (size, 6)).tolist()
        codes = [COUNTRIES[c].code for c in people.country[customer]]
        notes = [_note(s, code, draw) for s, code, draw in zip(subjects, codes, draws, strict=True)]
        agents = [f"A-{a:03d}" for a in rng.integers(1, 60, size)]
        yield pa.table(
            {
                "note_id": pa.array(np.arange(start, start + size) + 1),
                "customer_id": pa.array(customer + 1),
                "taken_at": moments(rng, size, until=until, days=720),
                "agent": pa.array(agents),
                "note": pa.array(notes),
            }
        )


def _note(subject: _Subject, country: str, draw: list[int]) -> str:
    """One in twelve is in English, wherever the customer lives."""
    texts = _ENGLISH if draw[0] % 12 == 0 else _TEXTS[country]
    name = _NAME_FORMS[draw[2] % len(_NAME_FORMS)](subject.name)
    return texts[draw[1] % len(texts)].format(
        name=_misspelt(name, draw[5]) if draw[5] % 15 == 0 else name,
        short=_initials(subject.name),
        email=subject.email.upper() if draw[3] % 10 == 0 else subject.email,
        iban=_IBAN_FORMS[draw[3] % len(_IBAN_FORMS)](subject.iban),
        phone=_PHONE_FORMS[draw[4] % len(_PHONE_FORMS)](subject.phone),
        other=subject.other,
    )


def _initials(name: str) -> str:
    first, _, last = name.partition(" ")
    return f"{first[0]}. {last}"


def _turned(name: str) -> str:
    first, _, last = name.partition(" ")
    return f"{last}, {first}"


def _misspelt(name: str, place: int) -> str:
    """Two neighbouring letters change places."""
    at = 1 + place % max(len(name) - 3, 1)
    return name[:at] + name[at + 1 : at + 2] + name[at : at + 1] + name[at + 2 :]


def _grouped(iban: str) -> str:
    return " ".join(iban[i : i + 4] for i in range(0, len(iban), 4))


def _national(phone: str) -> str:
    """With a trunk zero, as people say it at home."""
    return "0" + phone.partition(" ")[2]


def _plain(text: str) -> str:
    return text


_NAME_FORMS: Final[tuple[Callable[[str], str], ...]] = (_plain, _plain, _plain, _turned, str.upper, str.lower)
_IBAN_FORMS: Final[tuple[Callable[[str], str], ...]] = (_plain, _grouped, _grouped, str.lower)
_PHONE_FORMS: Final[tuple[Callable[[str], str], ...]] = (
    _plain,
    lambda p: p.replace(" ", ""),
    _national,
    lambda p: p.replace("+", "00").replace(" ", "-"),
)
