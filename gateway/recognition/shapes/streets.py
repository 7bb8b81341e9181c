"""What streets are called, by country's habit: words that end in it, words before the name, words after it."""

from __future__ import annotations

from gateway.recognition.folding import words, words_folded

SUFFIXES = words(
    """
    strasse str weg platz allee gasse ring ufer damm chaussee stieg steig pfad promenade graben zeile wall
    straat laan gracht plein kade dijk singel dreef steenweg baan lei vej gade gata gatan vagen katu
    veien vegen vegur braut straeti straede utca ntie nkatu nkuja npolku granden
    """
)
"""`Hauptstraße`, `Keizersgracht`; folded."""
LAST_WORDS = frozenset(
    words("u ut utja ter tere korut rkp setany tee tn mnt pst gate veg vei vej alle plass plads tie katu kuja cesta")
)
"""Words of their own before the number, written small: `Kossuth Lajos u. 4`, `Storgata`'s `gate`, `Pikk tn 7`."""
BEFORE_NAME = frozenset(
    words(
        """
    rue avenue boulevard bd bld chemin impasse allee quai ruelle faubourg sentier viale piazza piazzale vicolo
    calle c/ avda avenida plaza paseo ronda carrer camino travesia glorieta ul ulica ulicy ulice ulici aleja
    aleje alei rambla cuesta pasaje callejon urbanizacion borgo contrada lungomare salita osiedle plac placu
    namesti nabrezi trida tride rua praca travessa alameda strada trg calea bulevardul leoforos odos
    """
    )
)
"""`rue de la Paix`, `ul. Długa`."""
BEFORE_NAME_WEAK = frozenset(
    words(
        """
    via corso largo route cours place square av al os pl nam nabr tr pso pza cl c estrada ch
    """
    )
)
"""Words with another use: a capital or a postcode must help."""
AFTER_NAME = frozenset(
    words(
        """
    street road avenue lane drive close court way gardens grove terrace crescent square place hill park row mews
    boulevard parkway highway circle trail walk green rise view st rd ave ln dr cl ct blvd pkwy hwy cres ter
    gdns pl sq alley approach arcade bend bridge broadway brow bypass causeway chase circus close copse cottages
    croft crossing dene drove esplanade expressway freeway glade glen heath heights hollow junction knoll landing
    loop manor mead meadow meadows motorway mount orchard parade paddock pike plaza promenade quay ridge spur
    str turnpike vale valley village villas wharf wynd yard route way path alley boulevards streets avenues squares
    """
    )
)
"""`Baker Street`."""
AFTER_NAME_STRONG = frozenset(
    words(
        """
    street road avenue lane drive boulevard crescent terrace grove gardens blvd ave rd parkway highway esplanade
    parade mews
    """
    )
)
"""Told in small letters too."""
PARTICLES = frozenset(
    words(
        """
    de du des d la le les l del della dello dei degli delle di da do dos das der den dem des van het the of and
    et y e i v u nad pod na w ve st sv sw saint sainte san santa general gen dr prof kpt
    """
    )
)
HEADS = frozenset(
    words(
        """
    am an auf im in unter cesta nabrezie nabrezi namestie namesti trida ulica zum zur hinter vor bei der den dem
    alten alte alter neue neuen obere untere van de het
    """
    )
)
"""Words before a bare `Straße` or `Markt` that belong to the name."""
CUES = frozenset(
    words(
        """
    wohnhaft adresse address anschrift wohnt residing resides lives living bytem bydliste adresa adrese trvale
    domicilie domiciliee demeurant habite reside residente domicilio domiciliado indirizzo abita vive direccion
    woonachtig woont adres zamieszkaly zamieszkala zam morada residencia bostedsadresse
    """
    )
)
"""Words that say that an address follows."""
ORDINARY = frozenset(
    words(
        """
    rechnung invoice facture fattura factura faktura vertrag contract contrat kunde client klient filiale branch
    agence konto account compte karte card seite page nr no num nummer number numero tag tage day days jour uhr
    von vom bis to from ref referenz termin januar februar marz april mai juni juli august september oktober
    november dezember january february march may june july october december montag dienstag mittwoch donnerstag
    freitag samstag sonntag schalter terminal atm depot police auftrag order bestellung kapitel artikel article
    punkt stufe version garantie garanties gate platform sept okt oct nov dec jan feb mar apr jun jul aug
    visa mastercard amex maestro eur euro euros usd gbp chf dollar dollars zloty room table row seat apple windows
    monday tuesday wednesday thursday friday saturday sunday
    """
    )
)
"""Capitalised words before a number that is no house's."""

COUNTRIES = frozenset(
    words(
        """
    albania andorra argentina armenia australia austria azerbaijan belarus belgium bolivia brazil bulgaria canada
    chile china colombia croatia cuba cyprus czechia denmark ecuador egypt england estonia finland france germany
    greece greenland guatemala hungary iceland india indonesia iran iraq ireland israel italy japan kenya kosovo
    latvia lebanon liechtenstein lithuania luxembourg macedonia malaysia malta mexico moldova monaco montenegro
    morocco netherlands nigeria norway pakistan panama paraguay peru philippines poland portugal romania russia
    scotland serbia singapore slovakia slovenia spain sweden switzerland taiwan thailand tunisia turkey ukraine
    uruguay venezuela vietnam wales deutschland osterreich schweiz suisse svizzera belgique belgie nederland
    espana italia polska cesko slovensko usa u.s.a uk u.k kingdom states republic zealand africa arabia korea
    kong lanka rica emirates
    """
    )
)
"""The last words of countries' names, after an address."""
COUNTED = frozenset(
    words(
        """
    year years month months week weeks day days hour hours minute minutes step steps percent times point points
    january february march april june july august september october november december
    """
    )
)
"""What a number counts before a word that may be a street's: `12 Month Loop`."""


def bare(word: str) -> str:
    """Fold a word and take the signs off its ends, for the sets above."""
    return words_folded(word.strip(".,;:()\"'"))
