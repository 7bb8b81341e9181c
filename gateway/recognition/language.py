"""The language of a note, guessed from its words: cheap, the same each time, empty when unsure."""

from __future__ import annotations

import functools
import re
import struct
from collections.abc import Sequence
from typing import Final

from gateway.recognition.names import LANGUAGES, languages_of, lexicon

_BITS: Final = 16
"""Of each language in the packed sum; 300 words of at most 80 points fit."""
MOST_WORDS: Final = 300
_FIELDS: Final = struct.Struct(f"<{len(LANGUAGES)}H")
_REMEMBERED: Final = 200_000
_LEAST: Final = 6
_LEAD: Final = 2
_FUNCTION: Final = 8
_UNIQUE_WORD: Final = 4
_SHARED_WORD: Final = 1
_SHORT: Final = 2
_MANY: Final = 4
"""A word of more languages than this tells nothing."""

# Function words and the words of a bank's daily life, folded. One that several languages share stands in each.
_TELLING: Final[dict[str, str]] = {
    "en": (
        "the of and to for is was on with has have been by from at as per be not his her their which this that "
        "please called call customer spoke asked requested account payment regarding dear regards wants he she "
        "will pls cust re i you my your me we us it its what are who how why when where or but if so can could "
        "would should no yes out up about there they them do does did any more than new over also since until due "
        "amount branch thank "
    ),
    "de": (
        "der die das und ist mit von fur auf wegen zu den dem des ein eine nicht bitte hat wird wurde sich bei im "
        "am zum zur als auch nach aus uber unter kunde kundin konto herr frau ruckruf anruf mochte sehr gruss "
        "grusse gmbh ab vom ich sie er wir es man wie was wer wenn aber oder noch nur schon kann soll will haben "
        "sind war waren worden hatte hatten mein meine ihr ihre ihren sein seine seiner dass ob bis gegen ohne "
        "seit laut jetzt heute morgen gestern anliegen "
    ),
    "fr": (
        "le la les des du et est pour avec sur au aux une un par dans qui que ne pas son sa ses chez client "
        "cliente compte madame monsieur mme appel rappeler demande virement suite votre nous vous a ce cette mr "
        "merci titulaire bonjour je il elle on ils elles mais ou si tout tous plus moins bien etre avoir avait "
        "etait ont sont fait comme entre sous sans vers depuis lors apres avant mon ma mes leur leurs y donc cela "
        "dont veut souhaite carte "
    ),
    "es": (
        "el la los las de del y es por con para su sus una un que en al se no ha sobre cliente cuenta senor "
        "senora llamar llamada solicita gracias titular don dona fue este esta lo le transferencia pago saludos "
        "estimado yo mi me te nos pero si muy mas menos como cuando donde quien porque sin entre hasta desde hay "
        "son era ser tiene hace hacer solicito pide ya tambien cual entonces hoy ayer tarjeta favor "
    ),
    "it": (
        "il lo la gli le di del della dei delle e per con su da dal al alla un una che non si ha sono nel nella "
        "cliente conto signor signora sig richiesta chiamare telefonata intestato saluti gentile bonifico chiede "
        "sua suo pagamento io mi ti ci vi ma se piu meno come quando dove chi perche senza tra fra fino era "
        "essere hanno fatto anche gia oggi ieri questo quello loro mio mia carta degli agli sul sulla favore "
    ),
    "nl": (
        "de het een en van voor met op te in is dat niet zijn haar aan bij door om ook naar over klant rekening "
        "mevrouw heer meneer graag gebeld belde verzoekt betaling groet groeten geachte beste heeft wordt werd ik "
        "je u wij we ze zij hij maar of als meer hoe wat wie wanneer waar nog al kan zal wil hebben was waren "
        "geworden had mijn uw tot tegen zonder sinds vanaf nu vandaag gisteren deze dit die "
    ),
    "pl": (
        "i w z na do nie sie jest o od za po przez dla ze klient klienta klientka klientki pan pani pana konto "
        "konta prosi zadzwonil zadzwonila prosze umowa przelew rachunek rachunku pozdrawiam szanowny szanowna "
        "jego jej oraz przy ja ty on ona my wy oni mi ale lub albo jak co kto kiedy gdzie jeszcze juz tylko moze "
        "ma maja byl byla bylo byc moj moja ten ta to te bez az teraz dzis wczoraj ktory ktora karta sprawie "
    ),
    "cs": (
        "a v na s z se je o do pro ze si od po jsem byl byla bylo jeho jeji klient klienta klientka klientky pan "
        "pani pana ucet uctu prosim volal volala zada platba kvuli dle ohledne vazeny vazena dobry den pozdravem "
        "kteri ktery ja ty on ona my vy oni mi ale nebo jak co kdo kdyz kde jeste uz jen muze ma maji byt muj "
        "moje ten ta to tato bez az nyni dnes vcera ktera ktere kartu karta aby zda take podle proti mezi pred "
        "nad pod ji jej jim jich mu "
    ),
    "sk": (
        "a v na s z sa je o do pre ze si od po som bol bola bolo jeho jej klient klienta klientka pan pani pana "
        "ucet uctu prosim volal volala ziada platba kvoli podla ohladom vazeny vazena dobry den pozdravom ktory "
        "alebo ja ty on ona my vy oni mi ale ako co kto ked kde este uz len moze ma maju byt moj moja ten ta to "
        "tato bez az teraz dnes vcera ktora ktore kartu karta aby ci tiez proti medzi pred nad pod ich mu "
    ),
    "pt": (
        "o os as de do da dos das e em um uma para com por que nao se no na nos nas ao sua seu cliente conta "
        "senhor senhora ligou pediu pagamento obrigado titular transferencia foi esta sobre cumprimentos eu voce "
        "ele ela eles mas ou muito mais menos como quando onde quem porque sem entre ate desde ha sao era ser tem "
        "faz fazer ja tambem hoje ontem cartao favor meu minha isto isso lhe pelo pela "
    ),
}
_LETTERS: Final[tuple[tuple[str, str], ...]] = (
    ("ß", "de"),
    ("äöü", "de"),
    ("ěřů", "cs"),
    ("ščžýáíé", "cs"),
    ("ščžýáíé", "sk"),
    ("ľĺŕôä", "sk"),
    ("łąęśźżń", "pl"),
    ("ñ¿¡", "es"),
    ("ãõ", "pt"),
    ("çèêœ", "fr"),
    ("ìò", "it"),
)
_LETTER_POINTS: Final = 6
_SHOWN: Final = re.compile("[" + "".join(letters for letters, _ in _LETTERS) + "]")


def of_words(words: Sequence[str], text: str) -> str:
    """Name the language (ISO 639-1) of a text by its folded words; empty when none stands out.

    Looks at the first 300 words and at the letters of the first 2,000 characters.
    """
    total = sum(map(_points().__getitem__, words[:MOST_WORDS]))
    if not text.isascii():
        total += sum(map(_letter_points, set(_SHOWN.findall(text[:2000].lower()))))
    return _winner(total)


def _winner(total: int) -> str:
    scores = _FIELDS.unpack(total.to_bytes(_FIELDS.size, "little"))
    *_, second, best = sorted(scores)
    return LANGUAGES[scores.index(best)] if best >= _LEAST and best - second >= _LEAD else ""


class _Points(dict[str, int]):
    """Points of a folded word, a field of bits for each language; remembers what it was asked."""

    def __missing__(self, word: str) -> int:
        if len(self) > _REMEMBERED:
            self.clear()
        found = self[word] = _points_of(word)
        return found


@functools.cache
def _points() -> _Points:
    return _Points()


@functools.cache
def _function_words() -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for language, words in _TELLING.items():
        for word in words.split():
            found.setdefault(word, []).append(LANGUAGES.index(language))
    return {word: tuple(numbers) for word, numbers in found.items()}


def _points_of(word: str) -> int:
    numbers = _function_words().get(word, ())
    total = sum(max(_FUNCTION // len(numbers), 2) << (_BITS * number) for number in numbers)
    if len(word) > _SHORT:
        held = languages_of(lexicon().get(word, 0))
        count = held.bit_count()
        if 0 < count <= _MANY:
            each = _UNIQUE_WORD if count == 1 else _SHARED_WORD
            total += sum(each << (_BITS * number) for number in range(len(LANGUAGES)) if held >> number & 1)
    return total


@functools.cache
def _letter_points(letter: str) -> int:
    telling = [language for letters, language in _LETTERS if letter in letters]
    return sum((_LETTER_POINTS // len(telling)) << (_BITS * LANGUAGES.index(language)) for language in telling)
