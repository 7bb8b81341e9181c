"""Plain notes as most of a bank's are: one to three sentences, a third of them about nobody. For speed, not for recall.

Deterministic. Each has its own row; hardly two are alike, as amounts, days and people are drawn for each.
"""

from __future__ import annotations

import random
from typing import Final

from tests.quality.hard.notes import LANGUAGES, Template, build
from tests.quality.notes import Label, Labelled

_ABOUT_PEOPLE: Final = {
    "en": (
        "{p.name} rang on {d} about a payment of {amt}.",
        "Statement sent again to {p.email}.",
        "Refund of {amt} goes to {p.iban}, agreed with {p:Mr|Mrs} {p.last}.",
        "New mobile number {p.phone} noted.",
        "Moved to {p.addr} on {d}, proof of address seen.",
        "Card {p.card.g4} reported lost at {time}.",
        "{q.name} was added to the account as second signatory.",
    ),
    "de": (
        "{p.name} hat am {d} wegen einer Zahlung von {amt} nachgefragt.",
        "Kontoauszug erneut an {p.email} geschickt.",
        "Erstattung von {amt} auf {p.iban}, mit {p:Herrn|Frau} {p.last} besprochen.",
        "Neue Mobilnummer {p.phone} vermerkt.",
        "Umgezogen nach {p.addr}, Meldebescheinigung liegt vor.",
        "Karte {p.card.g4} um {time} als verloren gemeldet.",
        "{q.name} wurde als zweite Person eingetragen.",
    ),
    "fr": (
        "{p.name} a téléphoné le {d} au sujet d'un paiement de {amt}.",
        "Relevé renvoyé à {p.email}.",
        "Remboursement de {amt} sur {p.iban}, convenu avec {p:M.|Mme} {p.last}.",
        "Nouveau numéro de portable {p.phone} enregistré.",
        "A déménagé au {p.addr}, justificatif reçu le {d}.",
        "Carte {p.card.g4} déclarée perdue à {time}.",
        "{q.name} est maintenant second signataire.",
    ),
    "cs": (
        "{p.name} se dne {d} ptal{p:|a} na platbu {amt}.",
        "Výpis znovu odeslán na {p.email}.",
        "Vratka {amt} půjde na {p.iban}, dohodnuto s klientem.",
        "Nové číslo mobilu {p.phone} zapsáno.",
        "Nová adresa od {d}: {p.addr}.",
        "Ztráta karty {p.card.g4} nahlášena v {time}.",
        "Druhým disponentem je nově {q.name}.",
    ),
    "it": (
        "{p.name} ha telefonato il {d} per un pagamento di {amt}.",
        "Estratto conto rispedito a {p.email}.",
        "Rimborso di {amt} su {p.iban}, concordato con {p:il signor|la signora} {p.last}.",
        "Registrato il nuovo cellulare {p.phone}.",
        "Nuovo indirizzo dal {d}: {p.addr}.",
        "Carta {p.card.g4} smarrita, segnalata alle {time}.",
        "{q.name} è il nuovo secondo firmatario.",
    ),
    "es": (
        "{p.name} llamó el {d} por un pago de {amt}.",
        "Extracto enviado de nuevo a {p.email}.",
        "Devolución de {amt} a {p.iban}, acordada con {p:el señor|la señora} {p.last}.",
        "Anotado el nuevo móvil {p.phone}.",
        "Nuevo domicilio desde el {d}: {p.addr}.",
        "Tarjeta {p.card.g4} extraviada, comunicado a las {time}.",
        "{q.name} figura como segundo firmante.",
    ),
}
_ABOUT_NOBODY: Final = {
    "en": (
        "Standing order of {amt} changed to the first of the month.",
        "Fee of {amt} waived once, see {inv}.",
        "Fixed rate of {pct}% explained, answer expected by {d}.",
        "No answer, will try again on {d}.",
        "Documents for {contract} are complete.",
        "Direct debit of {org} returned, not enough funds.",
    ),
    "de": (
        "Dauerauftrag über {amt} auf den Monatsersten geändert.",
        "Gebühr von {amt} einmalig erlassen, siehe {inv}.",
        "Sollzins von {pct} % erläutert, Antwort bis {d} erwartet.",
        "Niemand erreicht, neuer Versuch am {d}.",
        "Unterlagen zu {contract} sind vollständig.",
        "Lastschrift von {org} mangels Deckung zurückgegeben.",
    ),
    "fr": (
        "Virement permanent de {amt} reporté au premier du mois.",
        "Frais de {amt} offerts une fois, voir {inv}.",
        "Taux fixe de {pct} % expliqué, réponse attendue pour le {d}.",
        "Sans réponse, nouvel essai le {d}.",
        "Le dossier {contract} est complet.",
        "Prélèvement de {org} rejeté, provision insuffisante.",
    ),
    "cs": (
        "Trvalý příkaz na {amt} přesunut na první den v měsíci.",
        "Poplatek {amt} jednorázově prominut, viz {inv}.",
        "Vysvětlena pevná sazba {pct} %, odpověď čekáme do {d}.",
        "Nikdo nezvedá, další pokus {d}.",
        "Podklady ke smlouvě {contract} jsou úplné.",
        "Inkaso pro {org} vráceno, nedostatek prostředků.",
    ),
    "it": (
        "Ordine permanente di {amt} spostato al primo del mese.",
        "Commissione di {amt} stornata una volta, vedi {inv}.",
        "Spiegato il tasso fisso del {pct}%, risposta attesa entro il {d}.",
        "Nessuna risposta, nuovo tentativo il {d}.",
        "La documentazione di {contract} è completa.",
        "Addebito di {org} respinto per mancanza di fondi.",
    ),
    "es": (
        "Orden permanente de {amt} pasada al primer día del mes.",
        "Comisión de {amt} condonada una vez, véase {inv}.",
        "Explicado el tipo fijo del {pct} %, respuesta antes del {d}.",
        "No contesta, nuevo intento el {d}.",
        "La documentación de {contract} está completa.",
        "Recibo de {org} devuelto por falta de saldo.",
    ),
}
_SENTENCES: Final = (1, 1, 1, 2, 2, 3)


def plain(count: int) -> list[Labelled]:
    """Give so many notes, the languages by turns, in each every third about nobody."""
    return [_note(number) for number in range(count)]


def _note(number: int) -> Labelled:
    lang = LANGUAGES[number % len(LANGUAGES)]
    chance = random.Random(f"plain/{number}")
    size = chance.choice(_SENTENCES)
    if number // len(LANGUAGES) % 3 == 0:
        sentences = chance.sample(_ABOUT_NOBODY[lang], size)
    else:
        one, *others = chance.sample(_ABOUT_PEOPLE[lang], 2)
        rest = [*others, *_ABOUT_NOBODY[lang]]
        sentences = [one, *chance.sample(rest, size - 1)]
    chance.shuffle(sentences)
    made = build(Template(lang=lang, traits=(), given={}, text=" ".join(sentences)), number)
    labels = tuple(Label(start=start, end=end, kind=kind, whose=whose) for start, end, kind, whose in made["spans"])
    return Labelled(text=made["text"], language=lang, labels=labels, row=made["row"])
