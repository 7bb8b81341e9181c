"""Words that say that a name stands beside them, in ten languages, folded.

General words of letters and calls, no phrases of any bank; a site's own cues belong into its own recognizers.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping
from typing import Final


class Role(enum.IntFlag):
    """What a word beside a name is."""

    TITLE = 1
    """A name follows, even one that is an ordinary word: `Herr Klein`."""
    CUE = 2
    """A name may follow: `customer`, `wife`, `Dear`."""
    VERB = 4
    """A person does it: what stands before may be a name."""
    PARTICLE = 8
    """Inside a name: `van der`."""
    CLOSING = 16
    """Ends a letter: the writer's name follows."""
    DETERMINER = 32
    """A noun follows, no name."""
    INSTITUTION = 64
    """Begins or ends the name of an office, shop or product."""
    DEGREE = 128
    """Stands before or after a name."""
    AND = 256
    """Joins two names: `Anna und Peter Klein`."""
    COPULA = 512
    """May stand between a cue and its name: `my name is`."""
    NAMED = 1024
    """Called after somebody: `Lycée Victor Hugo`, `ospedale San Raffaele`."""


_WORDS: Final[dict[Role, str]] = {
    Role.TITLE: (
        "damen herren mesdames messieurs signori signore senores senoras panove panowie "
        "mr mrs ms miss mister messrs sir lady lord madam ma'am herr herrn hr hrn frau fr fraulein familie monsieur "
        "madame mademoiselle mme mlle mmes mm maitre veuve signor signore signora signorina sig sigra sigg dott "
        "dottssa avv rag geom senor senora senorita sr sra srta sres dona mevrouw meneer mevr dhr mw mej pani pania "
        "panem panu pana pane panom panstwo panie slecna slecny slecne slecnou panovi senhor senhora menina "
    ),
    Role.DEGREE: "dr prof ing mag dipl phd mba msc bsc mudr judr phdr rndr mgr bc dipling dkfm esq jr doc med jur",
    Role.CUE: (
        "kl cl clt cte clte benef kd temoin temoins testimone testimoni testigo testigos getuige svedek svedka "
        "svedkyne swiadek swiadka testemunha courtier courtiere broker makler mediatore zeugin "
        "customer customers cust client clients holder accountholder cardholder borrower debtor payer payee "
        "beneficiary applicant guarantor spouse wife husband son daughter mother father brother sister parents mum "
        "dad aunt uncle tenant landlord solicitor lawyer attorney executor heir widow widower partner neighbour "
        "caller sender recipient remitter signatory signed attn attention contact name surname dear hi hello hey cc "
        "fao cosigner guardian colleague agent advisor adviser employee director witness deceased late fiancee "
        "fiance friend maiden nee kunde kundin kunden kd kontoinhaber kontoinhaberin karteninhaber karteninhaberin "
        "inhaber inhaberin antragsteller antragstellerin darlehensnehmer darlehensnehmerin kreditnehmer "
        "kreditnehmerin burge burgin schuldner glaubiger auftraggeber auftraggeberin zahlungsempfanger empfanger "
        "empfangerin absender absenderin begunstigter bevollmachtigter bevollmachtigte ehefrau ehemann gattin gatte "
        "sohn tochter mutter vater bruder schwester witwe witwer erbe erbin betreuer betreuerin mieter mieterin "
        "vermieter rechtsanwalt anwalt anwaltin steuerberater ansprechpartner ansprechpartnerin berater beraterin "
        "sachbearbeiter kollege kollegin kollegen nachname vorname geborene zhd liebe lieber hallo geehrter geehrte "
        "geehrten lebensgefahrtin partnerin zeuge anrufer mandant titulaire titulaires cliente clientes emprunteur "
        "emprunteuse debiteur beneficiaire beneficiaires payeur conjoint conjointe epoux epouse mari femme fils "
        "fille mere pere frere soeur veuf heritier heritiere notaire avocat avocate conseiller conseillere collegue "
        "gerant gerante donneur ordre cher chere bonjour nom prenom locataire proprietaire mandataire cotitulaire "
        "interlocuteur tuteur compagne compagnon titular titulares apoderado apoderada esposa esposo marido mujer "
        "hijo hija madre padre hermano hermana viuda viudo beneficiario beneficiaria ordenante avalista heredero "
        "abogado abogada notario gestor gestora companera companero estimado estimada querido querida hola nombre "
        "apellido apellidos inquilino autorizado autorizada intestatario intestataria cointestatario clienti moglie "
        "marito figlio figlia fratello sorella vedova vedovo ordinante garante avvocato notaio commercialista "
        "consulente collega gentile caro cara egregio spettabile buongiorno nome cognome delegato delegata erede "
        "coniuge compagna amministratore klant klante rekeninghouder rekeninghoudster echtgenoot echtgenote vrouw "
        "man zoon dochter moeder vader broer zus weduwe begunstigde opdrachtgever gemachtigde beste geachte notaris "
        "advocaat adviseur naam achternaam klient klienta klientka klientke klientky klientku klientem klientkou "
        "klientovi klientce klientki klientowi majitel majitelka majitele majitelky drzitel drzitelka manzel "
        "manzelka manzela manzelku manzelem manzelkou manzelky syn syna synem dcera dcery dceru dcerou matka matky "
        "otec otce bratr bratra bratrem sestra sestry sestru sestrou vdova zmocnenec rucitel prijemce platce "
        "odesilatel kolega kolegyne kolegovi kolegyni poradce jmeno prijmeni vazeny vazena vazeni mily mila ahoj "
        "jednatel dedic dluznik zadatel zadatelka zalobce advokat notar pritelkyne pritel posiadacz posiadaczka "
        "wlasciciel wlascicielka maz meza mezem zona zony zone corka corki brat brata siostra siostry ojciec ojca "
        "wdowa pelnomocnik zleceniodawca odbiorca nadawca kolezanka koledze imie nazwisko szanowny szanowna drogi "
        "droga czesc poreczyciel wnioskodawca majitela vlastnik filho filha mae pai prezado prezada "
    ),
    Role.VERB: (
        "began moved grew married owes thanked agreed refused paid replied answered hopes plans "
        "called calls phoned phones rang rings says said asks asked wants wanted requests requested confirms "
        "confirmed complains complained wrote writes reports reported insists emailed mentioned told explained "
        "advised apologised apologized visited came disputes disputed signed died passed inherits lives works rief "
        "ruft bittet bat wunscht wunschte mochte fragt fragte meldet meldete teilt teilte erklart erklarte "
        "bestatigt bestatigte beschwert beschwerte schrieb schreibt telefonierte reklamiert reklamierte verlangt "
        "erschien wohnt appelle rappelle demande souhaite confirme signale declare ecrit conteste reclame precise "
        "indique habite llamo llama solicita pide pidio confirma comunica indica quiere desea reclama dice dijo "
        "chiama chiede conferma segnala desidera vuole richiede scrive belde belt vraagt vroeg verzoekt bevestigt "
        "meldt wenst wil schreef klaagt volal volala vola zavolal zavolala zada zadal zadala potvrdil potvrdila "
        "pise psal psala prosi prosil prosila chce reklamuje uvedl uvedla sdelil sdelila stezuje prisel prisla "
        "oznamil oznamila zadzwonil zadzwonila dzwoni dzwonil dzwonila poprosil poprosila potwierdzil potwierdzila "
        "zglosil zglosila chcialby chcialaby napisal napisala zglasza ligou pediu confirmou solicitou "
    ),
    Role.PARTICLE: (
        "van von der den de del della di da dos das la le du des ter ten te zu zum zur af bin ibn al el ben abu op "
        "'t vom y e "
    ),
    Role.CLOSING: (
        "regards rgds sincerely faithfully truly wishes thanks cheers br kr gruss grusse grussen mfg lg vg "
        "hochachtungsvoll cordialement salutations sentiments saludo saludos atentamente cordialmente saluti groet "
        "groeten hoogachtend pozdravem pozdravom pozdravy pozdravuje pozdrowieniami powazaniem pozdrawiam "
        "cumprimentos atenciosamente signed gez dekuji diky dziekuje merci gracias grazie danke dank you obrigado "
        "obrigada "
    ),
    Role.COPULA: "is was are ist war est etait es era e je jest byl byla",
    Role.DETERMINER: (
        "the a an this that these those our your their its my der die das den dem des ein eine einen einem einer "
        "eines im am beim zum zur vom ins kein keine keinen dieser diese dieses diesem unser unsere ihr ihre ihren "
        "ihrem sein seine seinen seinem pro le la les un une du au aux ce cet cette ces notre votre nos vos son sa "
        "ses el los las una unos unas del al este esta su sus lo il gli uno dello della dei delle degli nel nella "
        "sul sulla questo questa suo sua het een deze dit ons onze o os as do dos no na um uma ten ta to tento tato "
        "toto "
    ),
    Role.INSTITUTION: (
        "bank banka banque banco banca sparkasse volksbank finanzamt amtsgericht stadtwerke university universitat "
        "universite hospital klinik hotel restaurant cafe shop store supermarkt street road avenue strasse platz "
        "allee rue boulevard via piazza calle plaza ulice ulica namesti straat laan weg gasse hypothek insurance "
        "versicherung assurance seguros assicurazioni pojistovna airport flughafen gericht notariat kanzlei schule "
        "gmbh ltd limited plc inc corp llc llp sarl sas spa srl bv nv "
        "filiale agence agenzia oficina sucursal pobocka pobocky pobocce kantoor oddzial sportello guichet branch "
        "school foundation stiftung verein club ministerium ministry council theater museum markt "
    ),
    Role.NAMED: (
        "school college university academy institute hospital infirmary museum library theatre theater stadium airport "
        "foundation church station chapel schule gymnasium realschule grundschule hochschule universitat krankenhaus "
        "klinikum klinik museum stiftung flughafen kirche kindergarten stadion lycee ecole college universite hopital "
        "clinique musee theatre aeroport fondation eglise gare stade place colegio escuela instituto universidad "
        "hospital clinica museo teatro aeropuerto fundacion iglesia estacion estadio plaza scuola liceo istituto "
        "universita ospedale clinica teatro aeroporto fondazione chiesa stazione piazza basilica asilo school "
        "basisschool universiteit ziekenhuis luchthaven stichting kerk skola gymnazium univerzita univerzity nemocnice "
        "nemocnici muzeum muzea divadlo divadla letiste nadace kostel namesti ulice nadrazi szkola liceum uniwersytet "
        "szpital muzeum teatr lotnisko fundacja kosciol plac nemocnica divadlo letisko nadacia kostol namestie "
        "escola universidade fundacao igreja praca"
    ),
    Role.AND: "and und et y e i a en oder or & ou lub nebo",
}
_MEN_OF: Final[dict[str, str]] = {
    "m": "fr",
    "me": "fr",
    "pan": "cs sk pl",
    "don": "es it",
    "mann": "de",
    "d": "es",
    "man": "nl",
    "p": "cs sk pl",
    "s": "",
}
"""Titles that are words or letters elsewhere, with their languages."""


@functools.cache
def roles(language: str) -> Mapping[str, Role]:
    """The folded words that say something of a name beside them, for a text of the language."""
    found: dict[str, Role] = {}
    for role, words in _WORDS.items():
        for word in words.split():
            found[word] = found.get(word, Role(0)) | role
    for word, languages in _MEN_OF.items():
        if language in languages.split():
            found[word] = found.get(word, Role(0)) | Role.TITLE
        elif word in found:
            found[word] &= ~(Role.CUE | Role.TITLE)
    return found
