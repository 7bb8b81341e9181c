"""Words that say what the number after them is, in the languages served. Compared without case and accents."""

from __future__ import annotations

import re
from functools import lru_cache

from gateway.recognition.folding import words, words_folded

NOTHING = "nothing"
"""The cue says: an invoice, a contract, an amount; weak shapes after it are left alone."""
BIRTH, BOOKING = "birth", "booking"

_WORD = re.compile(r"[^\W\d_]+")
_REACH = 48
"""Characters before a number in which its cue is looked for."""
_WORDS = 8

_CUES = {
    "phone": """
    tel telefon telefonu telefonie telefonnr telefono telefone telephone telefonicky tlf phone phoned mobile
    mobil mobilu mobiltelefon mobilni handy cell cellphone cellulare cell cel portable gsm fax call called
    calling callback dial ring ruf rufen ruckruf rueckruf anruf anrufen angerufen erreichbar appeler rappeler
    appel appele joignable chiamare chiamato llamar llamada movil bellen gebeld mobiel telefoon komorka
    komorkowy kom zadzwonic dzwonic dzwonil volat volal volala zavolat zavolal whatsapp sms viber rufnummer
    durchwahl telefonnummer telefonnummern telnr telf telef tlfn tfno tfn tfo tph fono fon ph mob hp handynr handynummer
    mobilnr mobilnummer festnetznummer festnetznr sprechen zuruckrufen ruckrufbitte rappelez rappelle joindre contacter
    injoignable fixe ligne standard portatile richiamare richiamo ricontattare contattare centralino interno
    contactar contacto locutorio moviles terugbellen bereikbaar toestel vaste zpetne zavolejte telefonni pevna
    kontaktni mobilnim telefonem telefonow stacjonarny numertelefonu contatto hotline switchboard ringing rung
    dialled text texted answer answers answering
    voicemail pager reach reachable contactable kontaktnummer telefonszama telemoveis contactavel
    telemovel telemovil ligar puhelin telefonszam telefonica landline festnetz fixe recapito
    """,
    "account": """
    account accounts acct acc ac accno acctno konto girokonto sparkonto gehaltskonto referenzkonto zielkonto gegenkonto
    abbuchungskonto auszahlungskonto ktnr ktn ccp ncompte cuentas ctas ctacte corriente contocorrente conti cc ccn
    girorekening spaarrekening bankrekeningnummer zichtrekening rekeningnr rachunki rachunkow protiucet protiuctu
    cislouctu ucte uctu konta konto kontonr kto ktonr compte cpte conto cuenta cta rekening rek rachunek rachunku
    rachunkiem konta kontu ucet uctu ucte uctem cu iban rib ccc nrb sortcode bankverbindung bankrekening
    """,
    "routing": "aba routing rtn",
    "card": """
    card cards karte kreditkarte debitkarte carte carta tarjeta kaart kreditkaart karta karty karte kartu karte
    kartou visa mastercard maestro amex pan kartennr creditcard debitcard bancomat girocard
    """,
    "national_id": """
    steuerid steuerident steueridentifikations identifikations idnr steuernr stnr tin ssn socialsecurity
    securitesociale itin sozialversicherungs sozialversicherungsnr svnr svn sv vsnr nir insee numerofiscal spi
    codicefiscale dni nif nie rodnecislo rodneho rc pesel pesela bsn burgerservice sofi rijksregister
    rijksregisternr rrn niss insz nhs nino nationalinsurance ppsn pps oib cnp egn emso jmbg
    personnr personnummer cpr hetu henkilotunnus fodsels fodselsnr ahv avs contribuinte amka kennitala tckn
    kimlik taxid personalid nationalid isikukood asmens
    """,
    "document": """
    passport passports reisepass reisepasses pass passeport passaporto pasaporte paspoort paszport paszportu pas
    pasu ausweis ausweisnr personalausweis personalausweises cni carteidentite identite cartaidentita identita
    identidad identiteitskaart idcard identity legitimation dowod dowodu obcansky prukaz prukazu obcanka
    cestovni fuhrerschein fuehrerschein drivinglicence licence license drivers permis patente carnet rijbewijs
    ridicsky aufenthaltstitel
    """,
    "identifier": """
    kunde kunden kundennr kdnr kd knr customer client klient klienta klientske cliente clienti zakaznik
    zakaznicke zakaznika klant klantnr klientnr member mitglied mitglieds matricule
    """,
    "plate": """
    kennzeichen kfz plate plates registration immatriculation plaque targa targata matricula kenteken
    rejestracyjny rejestracja spz rz nummernschild
    """,
    "username": """
    user username userid login benutzer benutzername benutzerkennung utilisateur usuario utente gebruiker
    gebruikersnaam uzytkownik uzivatel uzivatelske nutzer nutzername
    """,
    "bic": "bic swift",
    NOTHING: """
    invoice inv rechnung rechnungs rg rgnr renr beleg belegs facture fact fattura factura factuur faktura
    faktury fakturu faktuur fatura contract contrat vertrag vertrags contratto contrato smlouva smlouvy smlouvu
    smlouve umowa umowy umowe overeenkomst police policy polis polissa polizza poliza ref refnr reference
    referenz referencia riferimento rif referentie kenmerk order bestellung bestell auftrag auftrags commande
    ordine pedido zamowienie zamowienia objednavka objednavky vs ks variabilni symbol mandat mandate mandats
    mandatsreferenz creditor glaubiger case ticket fall aktenzeichen az vorgang vorgangs dossier zaak zgloszenie
    pripad transaction transaktion transaktions transakcja transakce txn buchung batch terminal filiale branch
    blz bankleitzahl ust ustid vat tva iva dic ico kwota betrag amount summe montant importo importe bedrag
    castka saldo balance solde depot darlehen darlehens loan kredit credit pret uver artikel article item
    product serial seriennr imei isin wkn version build year jahr seite page zip plz psc cap cp eur usd gbp chf
    czk pln antrag antrags application dispute claim schaden reklamace
    """,
}
_BY_WORD = {word: kind for kind, listed in _CUES.items() for word in words(listed)}
_ENDINGS = ("nummer", "number", "numer", "nr", "no", "num")
"""`Kundennummer` is a cue as `Kunde` is."""

_BIRTH_WORDS = frozenset(
    words(
        """
    born birth birthday birthdate birthyear bday dob geburt geburtsjahr geburtsdaten gebtag gebd gebj geb
    geboren geborene geborener geburtstag geburtsdatum gebdat gebdatum geburtstags ne nee nes nees natif native
    naissances ddn nato nata nati nate nascita natale dn nacido nacida nacidos nacidas nacio nacimiento fnac fn
    nacim fechanacimiento narozen narozena narozeni narozenim narozenem narozeneho narozene narozenou datnar nar
    narozeny narozenin datumnarozeni ur urodzony urodzona urodzenia urodzen urodzin urodzil urodzila urodzone
    urodzonego urodzonej urodziny urodz dataur geboortedatum geboortejaar geboorte verjaardag nascido nascida
    nascimento jahrgang jg fodt syntynyt fodd nac nasc rocnik compleanno anniversaire cumpleanos narodeny
    narodena
    """
    )
)
_BOOKING_WORDS = frozenset(
    words(
        """
    seit ab vom bis since until from dated depuis dal desde sinds vanaf valuta wert wertstellung buchung
    gebucht booking booked posted posting value transaction payment paid due fallig faellig falligkeit opened
    opening eroffnet eroeffnet eroffnung closed expires expiry expired valid gultig gueltig issued ausgestellt
    signed unterzeichnet contract vertrag rechnung invoice facture virement uberweisung ueberweisung zahlung
    gezahlt paiement echeance scadenza fattura bonifico pagamento emissione emis factura pago vencimiento
    emision transferencia betaling boeking factuur vervaldatum overboeking faktura faktury platba platby
    splatnost splatna splatne zauctovano vystaven vystavena vystaveno prevod przelew przelewu platnosc platnosci
    termin zaplata statement auszug kontoauszug releve extrait estratto extracto vypis wyciag meeting
    appointment schuzka spotkanie letter schreiben brief courrier lettre anruf gesprach meldung kauf gekauft
    purchase purchased beginn start ende end laufzeit zahlungseingang lastschrift abbuchung prelevement addebito
    cargo incasso inkaso ouvert ouvertura apertura aperto abierto zalozen zalozena otevren uzavrena podepsana
    geopend afgesloten otwarte zawarta zawarto podpisana stand per zum
    """
    )
)
_DATE_WORDS = frozenset({"date", "data", "datum", "datums", "fecha", "dat"})
"""`Datum:` heads a letter, unless a word of birth stands before it."""


def _words_before(text: str, start: int, count: int) -> list[str]:
    """Give the last words before a place, the nearest first, folded."""
    words = _WORD.findall(text, max(0, start - _REACH), start)
    return [words_folded(word) for word in words[: -count - 1 : -1]]


@lru_cache(maxsize=65536)
def _of(word: str) -> str:
    """Give the kind that one folded word names, or the empty text."""
    kind = _BY_WORD.get(word)
    if kind is not None:
        return kind
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            stem = word[: -len(ending)]
            return _BY_WORD.get(stem) or _BY_WORD.get(stem.removesuffix("s")) or _BY_WORD.get(stem + "e") or ""
    return ""


_LETTER = re.compile(r"(?<!\w)[TMF][.:]? {1,2}\(?\+?$")
"""`T 01632 …`, `M: 07700 …` in a letter's foot."""
_SPELLED = re.compile(r"(?<!\w)(?:d\. ?o\. ?b|d\. ?d\. ?n|f\. ?n|d\. ?n)\.?:? ?$", re.IGNORECASE)
"""`D.O.B.` and its like in French, Spanish and Italian."""


def cue_before(text: str, start: int) -> str:
    """Give the kind that the nearest cue before a place names: a Kind, NOTHING, or the empty text."""
    if _LETTER.search(text, max(0, start - 6), start):
        return "phone"
    words = _words_before(text, start, _WORDS)
    for place, word in enumerate(words):
        pair = _BY_WORD.get(words[place + 1] + word) if place + 1 < len(words) else None
        kind = pair or _of(word)
        if kind:
            return kind
    return ""


def date_cue(text: str, start: int, end: int, *, words: int = 5) -> str:
    """Give BIRTH or BOOKING by the nearest cue before a date, or BIRTH by one right after it; else the empty text."""
    if text[start - 1 : start] == "*" or _SPELLED.search(text, max(0, start - 12), start):
        return BIRTH
    fallback = ""
    for word in _words_before(text, start, words):
        if word in _BIRTH_WORDS:
            return BIRTH
        if word in _BOOKING_WORDS:
            return BOOKING
        fallback = BOOKING if word in _DATE_WORDS else fallback
    after = _WORD.findall(text, end, min(len(text), end + 16))
    return BIRTH if any(words_folded(word) in _BIRTH_WORDS for word in after[:1]) else fallback
