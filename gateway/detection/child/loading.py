"""Loads what looks at texts and tables, and has it do once what it will be asked: no file can be opened later."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping, Sequence
from typing import Final

import phonenumbers
import pyarrow as pa

from gateway.errors import Unavailable
from gateway.recognition import columns
from gateway.recognition.redactor import Site, TextRecognizer
from gateway.terms.recognition import NameList, Note, SampledColumn, SampledTable

from .alarm import Alarm
from .frames import MODEL_CHARACTERS
from .tables import Classifier
from .texts import Reader

TEXTS: Final[Mapping[str, str]] = {
    "en": "Mr John Smith, born 3 May 1961, called about his loan and we said that the Zemblat would be there, with"
    " Xuvrik, for the case. 12 High Street, London SW1A 1AA, john.smith@mail.test.",
    "de": "Frau Anna Weber, geb. 03.05.1961, hat wegen der Rate angerufen, und dann fragte auch Xuvrik Zemblat nach dem"
    " Vertrag. Hauptstraße 5, 10115 Berlin, Steuer-ID 86095742719, Tel. 030 901820.",
    "fr": "Mme Claire Dupont, née le 3 mai 1961, a appelé pour son prêt, et ensuite nous avons vu que Xuvrik Zemblat "
    "est venu. 5 rue de la Paix, 75002 Paris, tél. 01 42 68 53 00.",
    "es": "La Sra. María García, nacida el 3 de mayo de 1961, ha llamado por su préstamo, y después vimos que el"
    " Zemblat no está, con Xuvrik, en la oficina. Calle Mayor 5, 28013 Madrid, NIF 12345678Z.",
    "it": "La Sig.ra Giulia Rossi, nata il 3 maggio 1961, ha chiamato per il suo prestito, e poi anche Xuvrik Zemblat"
    " è venuto da noi. Via Roma 5, 00184 Roma, c.f. RSSGLI61E43H501X.",
    "nl": "Mevrouw De Vries, geboren 3 mei 1961, heeft gebeld over haar lening, en daarna kwam ook Xuvrik Zemblat naar"
    " het kantoor. Kerkstraat 5, 1017 GA Amsterdam, BSN 111222333.",
    "pl": "Pani Anna Kowalska, ur. 3 maja 1961, dzwoniła w sprawie kredytu, a potem także Xuvrik Zemblat był u nas w"
    " oddziale. ul. Długa 5, 00-238 Warszawa, PESEL 44051401359.",
    "cs": "Paní Jana Nováková, narozena 3. května 1961, volala kvůli úvěru, a potom také Xuvrik Zemblat byl u nás na"
    " pobočce. Dlouhá 5, 110 00 Praha 1, RČ 615503/0003.",
    "sk": "Pani Jana Nováková volala kvôli úveru, a potom aj Xuvrik Zemblat bol u nás na pobočke, ktorá je v meste."
    " Dlhá 5, 811 01 Bratislava.",
    "pt": "A Sra. Maria Silva ligou por causa do seu empréstimo, e depois também Xuvrik Zemblat não veio ao balcão. Rua"
    " Augusta 5, 1100-048 Lisboa.",
}
"""A note in each language that a model may serve. Each has words that nothing but its model explains."""
REHEARSED: Final = (
    *TEXTS.values(),
    "DE89370400440532013000 GB33BUKB20201555555555 4111 1111 1111 1111 +44 20 7946 0958 +1 202 456 1111 10.0.0.1",
    "00:1A:2B:3C:4D:5E 2001:db8::1 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2 https://anna@bank.test/ 123-456789/0800",
)
"""With identifiers of each kind."""


def loaded(*, models: Mapping[str, str], site: str, lexicon: str, seconds: float) -> tuple[Reader, Classifier]:
    """What looks at texts and tables, ready.

    Raises:
        GatewayError: a model is missing, or the site's recognizers or words cannot be read.
    """
    if unknown := sorted(models.keys() - TEXTS.keys()):
        raise Unavailable(
            f"there are no language models for {', '.join(unknown)}; for: {', '.join(TEXTS)}", code="model"
        )
    alarm = Alarm(seconds=seconds)
    recognizer = TextRecognizer(
        site=_site(site) if site else None,
        models=models,
        before_model=lambda characters: alarm.extend(seconds * characters / MODEL_CHARACTERS),
    )
    recognizer.load()
    words = columns.DEFAULT.extended(lexicon) if lexicon else columns.DEFAULT
    classify = functools.partial(columns.classify_table, lexicon=words)
    _rehearse(recognizer, classify)
    return Reader(recognizer, alarm), classify


def _site(text: str) -> Site:
    from gateway.recognition.presidio import SiteRecognizers  # Presidio, which takes a second, only where it is needed

    return SiteRecognizers.read(text)


def _rehearse(recognizer: TextRecognizer, classify: Classifier) -> None:
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own reserves gigabytes at once, which the limit counts
    phonenumbers.PhoneMetadata.load_all()  # else a country's plan is a module, imported with its first number
    known = {
        "name": "Anna Weber",
        "email": "anna@bank.test",
        "iban": "DE89370400440532013000",
        "phone": "+49 30 901820",
        "address": "Hauptstraße 5, 10115 Berlin",
        "birth_date": "1961-05-03",
    }
    names = NameList(id="rehearsal", parts=frozenset({"anna", "weber"}))
    for is_strict in (False, True):
        recognizer.find([Note(text=text, known=known) for text in REHEARSED], names=names, is_strict=is_strict)
        recognizer.find([Note(text=text) for text in REHEARSED], names=None, is_strict=is_strict)
    classify(SampledTable(name="rehearsal", columns=tuple(_columns()), row_estimate=len(REHEARSED)))


def _columns() -> Sequence[SampledColumn]:
    words = tuple(word for text in REHEARSED for word in text.split())
    days = tuple((datetime.date(1950, 1, 1) + datetime.timedelta(400 * day)).isoformat() for day in range(len(words)))
    numbers = tuple(str(10**8 + 7 * number) for number in range(len(words)))
    told = {
        "note": (pa.string(), words),
        "account_no": (pa.int64(), numbers),
        "born": (pa.date32(), days),
        "amount": (pa.decimal128(12, 2), numbers),
        "ratio": (pa.float64(), numbers),
        "since": (pa.timestamp("us"), days),
        "flag": (pa.bool_(), ("true",) * len(words)),
        "scan": (pa.binary(), (None,) * len(words)),
    }
    return [SampledColumn(name=name, type=kind, values=values) for name, (kind, values) in told.items()]
