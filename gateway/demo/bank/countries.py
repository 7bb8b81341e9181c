"""What differs between the bank's eight countries: shares, money, phones, addresses, shops, words."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """One country as the bank knows it."""

    code: str
    share: float
    """Of the customers."""
    income: float
    """Median of a year, in euros, of a retail customer of 48."""
    currency: str
    rate: float
    """Units of the currency for a euro."""
    calling: str
    mobile: tuple[str, ...]
    """Prefixes after the calling code."""
    subscriber_digits: int
    postcode_digits: int
    cities: tuple[str, ...]
    streets: tuple[str, ...]
    number_first: bool
    """The house number stands before the street."""
    shops: Mapping[str, tuple[str, ...]]
    """Merchants by category."""
    words: Mapping[str, str]
    """Texts of references by category."""


def _lines(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("|"))


_EVERYWHERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "online": "Amazon EU | Zalando | Booking | eBay | Vinted | AliExpress | Apple | Steam",
        "fuel": "Shell | TotalEnergies | Esso | BP | Q8",
        "travel": "Ryanair | easyJet | FlixBus | Airbnb | Lufthansa | Wizz Air",
        "cash": "ATM",
        "fees": "Own bank",
        "returned": "Own bank",
        "savings": "Own bank",
        "transfer": "",
    }
)


def _shops(**local: str) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({category: _lines(text) for category, text in {**_EVERYWHERE, **local}.items()})


def _words(**local: str) -> Mapping[str, str]:
    return MappingProxyType(local)


_GERMAN_WORDS: Final = _words(
    salary="Gehalt",
    rent="Miete",
    utilities="Abschlag Strom/Gas Vertrag",
    transfer="Danke für alles",
    fees="Überziehungszinsen",
    returned="Rücklastschrift mangels Deckung",
    insurance="Beitrag Versicherung",
    savings="Dauerauftrag Sparen",
)

_DE: Final = Country(
    code="DE",
    share=0.24,
    income=38_000,
    currency="EUR",
    rate=1.0,
    calling="49",
    mobile=("151", "152", "157", "160", "171", "176"),
    subscriber_digits=8,
    postcode_digits=5,
    cities=_lines(
        "Berlin | Hamburg | München | Köln | Frankfurt am Main | Stuttgart | Düsseldorf | Leipzig |"
        "Dortmund | Bremen | Dresden | Nürnberg | Münster | Lübeck | Görlitz | Würzburg | Essen | Halle (Saale)"
    ),
    streets=_lines(
        "Hauptstraße | Schulstraße | Gartenstraße | Bahnhofstraße | Dorfstraße | Bergstraße | Birkenweg |"
        "Lindenallee | Kirchgasse | Goethestraße | Mühlenweg | Am Stein | Königsplatz | Waldweg"
    ),
    number_first=False,
    shops=_shops(
        groceries="REWE | EDEKA | ALDI Süd | Lidl | Netto | Penny | Kaufland | denn's",
        salary="Siemens AG |Stadt Köln | Bosch GmbH | Klinikum Nord | Müller Logistik GmbH | Land Berlin",
        rent="Vonovia SE |LEG Immobilien | Hausverwaltung Stein",
        utilities="E.ON | Vattenfall | Telekom | Stadtwerke",
        insurance="Allianz | HUK-Coburg | R+V",
        restaurant="Gasthaus Wolf | Vapiano | Zum Löwen | Nordsee",
    ),
    words=_GERMAN_WORDS,
)
_FR: Final = Country(
    code="FR",
    share=0.18,
    income=34_000,
    currency="EUR",
    rate=1.0,
    calling="33",
    mobile=("6", "7"),
    subscriber_digits=8,
    postcode_digits=5,
    cities=_lines(
        "Paris | Marseille | Lyon | Toulouse | Nice | Nantes | Montpellier | Strasbourg | Bordeaux | Lille |"
        "Rennes | Reims | Saint-Étienne | Le Havre | Grenoble | Nîmes | Angers | Besançon"
    ),
    streets=_lines(
        "rue de la Paix | avenue Victor-Hugo | rue de l'Église | place de la Mairie | rue du Moulin |"
        "boulevard Saint-Michel | rue des Écoles | chemin des Vignes | rue Pasteur | allée des Tilleuls"
    ),
    number_first=True,
    shops=_shops(
        groceries="Carrefour | E.Leclerc | Intermarché | Auchan | Monoprix | Lidl",
        salary="Airbus SAS |Ville de Lyon | SNCF | CHU Nantes | Boulangerie Petit SARL",
        rent="Foncia | Nexity | Régie Blanc",
        utilities="EDF | Engie | Orange | Free",
        insurance="MAIF | AXA | MACIF",
        restaurant="Café de la Gare | Brasserie Blanc | Paul | Le Bistrot",
    ),
    words=_words(
        salary="Virement salaire",
        rent="Loyer",
        utilities="Prélèvement contrat",
        transfer="Merci pour tout",
        fees="Intérêts débiteurs",
        returned="Rejet de prélèvement, provision insuffisante",
        insurance="Cotisation assurance",
        savings="Virement épargne",
    ),
)
_IT: Final = Country(
    code="IT",
    share=0.14,
    income=27_000,
    currency="EUR",
    rate=1.0,
    calling="39",
    mobile=("320", "328", "333", "347", "349", "389"),
    subscriber_digits=7,
    postcode_digits=5,
    cities=_lines(
        "Roma | Milano | Napoli | Torino | Palermo | Genova | Bologna | Firenze | Bari | Catania | Verona |"
        "Venezia | Forlì | Trieste | Padova | L'Aquila"
    ),
    streets=_lines(
        "Via Roma | Via Garibaldi | Corso Italia | Via Mazzini | Piazza della Libertà | Via Verdi |"
        "Viale Europa | Via Dante | Via XX Settembre | Via Monte Bianco"
    ),
    number_first=False,
    shops=_shops(
        groceries="Esselunga | Coop | Conad | Carrefour | Eurospin | Pam",
        salary="Fiat SpA |Comune di Milano | Poste Italiane | ASL Napoli",
        rent="Immobiliare Costa | Gabetti",
        utilities="Enel | A2A | TIM | Iren",
        insurance="Generali | UnipolSai",
        restaurant="Trattoria da Bruno | Pizzeria Bella | Bar Sport",
    ),
    words=_words(
        salary="Stipendio",
        rent="Affitto",
        utilities="Addebito contratto",
        transfer="Grazie di tutto",
        fees="Interessi di scoperto",
        returned="Addebito respinto per mancanza fondi",
        insurance="Premio assicurazione",
        savings="Giroconto risparmio",
    ),
)
_ES: Final = Country(
    code="ES",
    share=0.12,
    income=25_500,
    currency="EUR",
    rate=1.0,
    calling="34",
    mobile=("61", "62", "65", "66", "69"),
    subscriber_digits=7,
    postcode_digits=5,
    cities=_lines(
        "Madrid | Barcelona | València | Sevilla | Zaragoza | Málaga | Murcia | Bilbao | Córdoba | Gijón |"
        "A Coruña | Vigo | Cádiz | León | Cáceres"
    ),
    streets=_lines(
        "Calle Mayor | Calle Real | Avenida de la Constitución | Calle del Sol | Plaza de España |"
        "Calle San José | Paseo de Gracia | Calle Nueva | Calle de la Peña"
    ),
    number_first=False,
    shops=_shops(
        groceries="Mercadona | Carrefour | Dia | Eroski | Consum | Lidl",
        salary="Seat SA |Ayuntamiento de Madrid | El Corte Inglés | Hospital del Mar",
        rent="Inmobiliaria Reyes | Alquila Madrid",
        utilities="Iberdrola | Endesa | Movistar | Naturgy",
        insurance="Mapfre | Mutua",
        restaurant="Bar Manolo | Cafetería León | La Tagliatella",
    ),
    words=_words(
        salary="Nómina",
        rent="Alquiler",
        utilities="Recibo contrato",
        transfer="Gracias por todo",
        fees="Intereses de descubierto",
        returned="Recibo devuelto por falta de fondos",
        insurance="Prima seguro",
        savings="Traspaso ahorro",
    ),
)
_NL: Final = Country(
    code="NL",
    share=0.10,
    income=40_000,
    currency="EUR",
    rate=1.0,
    calling="31",
    mobile=("6",),
    subscriber_digits=8,
    postcode_digits=4,
    cities=_lines(
        "Amsterdam | Rotterdam | Den Haag | Utrecht | Eindhoven | Groningen | Tilburg | Almere | Breda |"
        "Nijmegen | 's-Hertogenbosch | Zwolle | Leeuwarden"
    ),
    streets=_lines(
        "Kerkstraat | Dorpsstraat | Molenweg | Stationsweg | Prinsengracht | Julianalaan | Schoolstraat |"
        "Beukenlaan | Van 't Hoffplein"
    ),
    number_first=False,
    shops=_shops(
        groceries="Albert Heijn | Jumbo | Lidl | Plus | Dirk",
        salary="Philips | Gemeente Utrecht | ASML |Bakker Transport BV",
        rent="Vesteda | Ymere | Woonstad",
        utilities="Vattenfall NL | Eneco | KPN | Ziggo",
        insurance="Achmea | Nationale-Nederlanden",
        restaurant="Café De Vos | FEBO | Loetje",
    ),
    words=_words(
        salary="Salaris",
        rent="Huur",
        utilities="Termijnbedrag contract",
        transfer="Bedankt voor alles",
        fees="Debetrente",
        returned="Storno wegens onvoldoende saldo",
        insurance="Premie verzekering",
        savings="Overboeking sparen",
    ),
)
_PL: Final = Country(
    code="PL",
    share=0.10,
    income=18_500,
    currency="PLN",
    rate=4.3,
    calling="48",
    mobile=("50", "51", "60", "66", "69", "78"),
    subscriber_digits=7,
    postcode_digits=5,
    cities=_lines(
        "Warszawa | Kraków | Łódź | Wrocław | Poznań | Gdańsk | Szczecin | Bydgoszcz | Lublin | Białystok |"
        "Częstochowa | Rzeszów | Toruń | Zielona Góra"
    ),
    streets=_lines(
        "ul. Polna | ul. Leśna | ul. Słoneczna | ul. Krótka | ul. Szkolna | ul. Ogrodowa | ul. Lipowa |"
        "ul. Mickiewicza | al. Niepodległości | ul. Łąkowa | pl. Wolności"
    ),
    number_first=False,
    shops=_shops(
        groceries="Biedronka | Lidl | Żabka | Auchan | Dino | Stokrotka",
        salary="PKP SA | Urząd Miasta Łódź |KGHM | Szpital Wojewódzki",
        rent="Spółdzielnia Mieszkaniowa | Murapol",
        utilities="PGE | Tauron | Orange PL",
        insurance="PZU | Warta",
        restaurant="Bar Mleczny | Pizzeria Róża | Zapiecek",
    ),
    words=_words(
        salary="Wynagrodzenie",
        rent="Czynsz",
        utilities="Opłata umowa",
        transfer="Dziękuję za wszystko",
        fees="Odsetki debetowe",
        returned="Zwrot polecenia zapłaty, brak środków",
        insurance="Składka ubezpieczenie",
        savings="Przelew oszczędności",
    ),
)
_CZ: Final = Country(
    code="CZ",
    share=0.06,
    income=19_500,
    currency="CZK",
    rate=25.0,
    calling="420",
    mobile=("601", "602", "603", "720", "731", "777"),
    subscriber_digits=6,
    postcode_digits=5,
    cities=_lines(
        "Praha | Brno | Ostrava | Plzeň | Liberec | Olomouc | České Budějovice |"
        "Hradec Králové | Ústí nad Labem | Pardubice | Zlín | Jihlava"
    ),
    streets=_lines(
        "Nádražní | Školní | Zahradní | Husova | Komenského | Žižkova | Na Příkopě | U Lesa | Květná |Masarykova"
    ),
    number_first=False,
    shops=_shops(
        groceries="Albert | Kaufland | Lidl | Billa | Penny | Tesco",
        salary="Škoda Auto |Město Brno | ČEZ | Nemocnice Motol",
        rent="Bytové družstvo | Heimstaden",
        utilities="ČEZ Prodej | innogy | O2 | T-Mobile",
        insurance="Kooperativa | Česká pojišťovna",
        restaurant="U Medvídků | Lokál | Hospoda U Kohouta",
    ),
    words=_words(
        salary="Mzda",
        rent="Nájem",
        utilities="Záloha smlouva",
        transfer="Děkuji za všechno",
        fees="Debetní úrok",
        returned="Vrácené inkaso, nedostatek prostředků",
        insurance="Pojistné",
        savings="Převod na spoření",
    ),
)
_AT: Final = Country(
    code="AT",
    share=0.06,
    income=37_000,
    currency="EUR",
    rate=1.0,
    calling="43",
    mobile=("650", "660", "664", "676", "699"),
    subscriber_digits=7,
    postcode_digits=4,
    cities=_lines(
        "Wien | Graz | Linz | Salzburg | Innsbruck | Klagenfurt | Villach | Wels | St. Pölten | Dornbirn |"
        "Mödling | Bregenz"
    ),
    streets=_lines(
        "Hauptplatz | Wiener Straße | Bahnhofstraße | Mozartgasse | Kirchengasse | Bergweg | Am Anger |Schloßallee"
    ),
    number_first=False,
    shops=_shops(
        groceries="Billa | Spar | Hofer | Penny | Lidl",
        salary="ÖBB | Stadt Wien | voestalpine | LKH Graz",
        rent="Wiener Wohnen | BUWOG",
        utilities="Wien Energie | A1 | Magenta",
        insurance="UNIQA | Wiener Städtische",
        restaurant="Gasthof Post | Café Winter | Figlmüller",
    ),
    words=_GERMAN_WORDS,
)

COUNTRIES: Final[tuple[Country, ...]] = (_DE, _FR, _IT, _ES, _NL, _PL, _CZ, _AT)
"""The bank numbers its countries in this order."""
