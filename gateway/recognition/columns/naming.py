"""What the name of a column promises: its words, their senses, and what they make together.

`geburtsdatum`, `gebdat`, `brthDt` and `dt_naiss` are birth + date; `cust_no` and `kdnr` person + number. So names that
no list holds are read too. The values are asked afterwards: a name alone decides little.
"""

from __future__ import annotations

import dataclasses
import re
from functools import lru_cache
from typing import Final, NamedTuple

from gateway.recognition.columns.lexicon import ROLE, Lexicon, Senses, german_spelled, plain, skeleton
from gateway.terms.dataset import Classification

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-zA-Z])(?=\d)|(?<=\d)(?=[a-zA-Z])")
_PREFIX_WORDS: Final = """
t f fld x c s col fk pk tb tbl v n k z u b i m d p q w l str int num txt chr vc sz dtm zz xx src tgt stg dim fact ca cb
kb sap ext usr att attr
"""
_PREFIXES: Final = frozenset(_PREFIX_WORDS.split())
"""Letters that houses put before a column's name; dropped at the beginning only."""
_FILLER_WORDS: Final = """
of the in for to by and de du des la le les del della di da do der die das von zu el los y et e und w na van het een o a
"""
_FILLERS: Final = frozenset(_FILLER_WORDS.split())
"""Words that join others and say nothing."""
_ENDINGS: Final = ("s", "es", "en", "n", "e", "a", "u", "i", "y", "em", "ow")
_VOWELS: Final = re.compile("[aeiou]")
_MAX_NAME: Final = 200
"""Characters of a name that are read; databases allow 63 to 128."""
_MAX_WORD: Final = 40
_MIN_COMPOUND, _MIN_PIECE, _MIN_TRUNCATED = 5, 3, 4
_SHORT_PIECES: Final = frozenset(["nr", "no", "id", "dt", "nm", "kd", "cd", "ac", "ts"])
"""Two letters that may end or begin a compound: `kdnr`, `gebdt`."""
_LINKS: Final = ("", "s", "n", "es", "en", "e")
"""Letters between the parts of a German or Dutch compound."""
SURE, LIKELY, GUESSED = 0.85, 0.75, 0.65
"""A word of the lexicon, words that make it together, a truncated word or a word that says little."""
NOTHING: Final[Senses] = frozenset()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a name promises."""

    kind: str
    classification: Classification
    confidence: float
    senses: Senses
    """All that its words mean."""
    is_partly: bool = False
    """A word of the name is not known: `xyz_flag` may be a flag of anything."""

    def has(self, *roles: str) -> bool:
        """Say whether a word of the name has one of these roles."""
        return any(ROLE + role in self.senses for role in roles)


class _Rule(NamedTuple):
    needs: tuple[str, ...]
    """One word of each group, `|` between alternatives."""
    lacks: str
    kind: str
    classification: Classification
    confidence: float


_ABOUT: Final = "@type|@status|@flag|@count|@date|@time|@period"
"""Such a word makes an attribute of what an identifier names: `account_type`, `email_verified`, `loan_date`."""
_ENTITY: Final = "@account|@card|@contract|@loan|@record"
_D: Final[Classification] = "direct_identifier"
_Q: Final[Classification] = "quasi_identifier"
_S: Final[Classification] = "sensitive"
_P: Final[Classification] = "public"

_FIRST_RULES: Final = (
    _Rule(("@birth", "@name|last_name|@last"), "@date", "birth_name", _D, LIKELY),
    _Rule(("@birth", "@place|city|address"), "", "birth_place", _Q, LIKELY),
    _Rule(("@birth", "country|region"), "", "nationality", _Q, LIKELY),
    _Rule(("@birth", "@number"), "@date|@year", "birth_number", _D, LIKELY),
    _Rule(("@birth", "@year"), "@date", "birth_year", _Q, LIKELY),
    _Rule(("@birth",), "", "birth_date", _Q, LIKELY),
    _Rule(("@death",), "", "death_date", _Q, LIKELY),
)
"""Before the kinds that single words name."""
_LATER_RULES: Final = (
    _Rule(("@first", "@name"), _ABOUT, "first_name", _D, LIKELY),
    _Rule(("@last", "@name"), _ABOUT, "last_name", _D, LIKELY),
    _Rule(("@loan", "@status"), "@date|@time", "risk", _S, GUESSED),
    _Rule(("@person|@staff|" + _ENTITY + "|@org", "@status"), "", "status", _P, LIKELY),
    _Rule(("@person|@staff|" + _ENTITY + "|@org", "@type"), "", "category", _P, LIKELY),
    _Rule(("@count",), "", "count", _P, LIKELY),
    _Rule(("@flag",), "@number", "flag", _P, LIKELY),
    _Rule(("@date|@time",), "@number|@name|@staff", "timestamp", _P, LIKELY),
    _Rule(("@staff",), "@date|@time|@period", "staff", _D, LIKELY),
    _Rule(("@account", "@name"), "", "person", _D, GUESSED),
    _Rule(("@account", "@number"), "", "account", _D, LIKELY),
    _Rule(("@card", "@number"), "", "card", _D, LIKELY),
    _Rule(("@org", "@name"), "@person", "organisation", _P, LIKELY),
    _Rule(("@person", "@name"), "", "person", _D, LIKELY),
    _Rule(("@contract|@loan", "@number"), "", "contract", _D, LIKELY),
    _Rule(("@record", "@number"), "@person", "row_id", _P, GUESSED),
    _Rule(("@org",), "@person", "organisation", _P, LIKELY),
    _Rule(("@person", "@number"), "", "customer", _D, LIKELY),
    _Rule(("@date|@time|@year",), "", "timestamp", _P, LIKELY),
    _Rule(("@period",), "", "duration", _P, LIKELY),
    _Rule(("@status",), "", "status", _P, LIKELY),
    _Rule(("@type",), "", "category", _P, LIKELY),
    _Rule(("@text",), "", "note", "free_text", LIKELY),
    _Rule(("@person",), "", "customer", _D, GUESSED),
    _Rule(("@account",), "", "account", _D, GUESSED),
    _Rule(("@card",), "", "card", _D, GUESSED),
    _Rule(("@contract|@loan",), "", "contract", _D, GUESSED),
    _Rule(("@name",), "", "person", _D, GUESSED),
    _Rule(("@record|@number",), "", "row_id", _P, 0.6),
)
"""After them: what roles make together."""


def meaning(name: str, lexicon: Lexicon) -> Meaning | None:
    """Say what a column's name promises; None: nothing that is known. Case, accents and separators are free."""
    return interpret(senses_of_name(name, lexicon), lexicon)


def interpret(found: tuple[tuple[Senses, bool], ...], lexicon: Lexicon) -> Meaning | None:
    """Say what senses make together, each with whether its word stands in the lexicon as it is."""
    senses: Senses = NOTHING.union(*(one for one, _ in found))
    if not senses:
        return None
    read = _interpret(found, senses, lexicon)
    if read is None or all(one for one, _ in found):
        return read
    if read.kind == "row_id":
        # The number of a thing that no word is known for may be a person's or a contract's.
        read = dataclasses.replace(read, kind="identifier", classification=_D, confidence=0.6)
    return dataclasses.replace(read, is_partly=True)


def _interpret(found: tuple[tuple[Senses, bool], ...], senses: Senses, lexicon: Lexicon) -> Meaning | None:
    for rule in _FIRST_RULES:
        if _holds(rule, senses):
            return _made(rule, senses)
    kinds = [kind for kind in lexicon.classes if kind in senses]
    if kinds:
        kind, classification = kinds[0], lexicon.classes[kinds[0]]
        if classification == "free_text" and ROLE + "number" in senses:
            return Meaning(kind="row_id", classification="public", confidence=GUESSED, senses=senses)
        exact = any(kind in one and is_exact for one, is_exact in found)
        is_about = _meets("@type|@status", senses) or (_meets(_ABOUT, senses) and ROLE + "number" not in senses)
        if classification in {_D, "free_text"} and is_about:
            return Meaning(kind="category", classification="public", confidence=LIKELY, senses=senses)
        return Meaning(kind=kind, classification=classification, confidence=SURE if exact else 0.7, senses=senses)
    return next((_made(rule, senses) for rule in _LATER_RULES if _holds(rule, senses)), None)


def _holds(rule: _Rule, senses: Senses) -> bool:
    return all(_meets(group, senses) for group in rule.needs) and not (rule.lacks and _meets(rule.lacks, senses))


@lru_cache(maxsize=256)
def _group(text: str) -> Senses:
    return frozenset(text.split("|"))


def _meets(group: str, senses: Senses) -> bool:
    return not _group(group).isdisjoint(senses)


def _made(rule: _Rule, senses: Senses) -> Meaning:
    return Meaning(kind=rule.kind, classification=rule.classification, confidence=rule.confidence, senses=senses)


@lru_cache(maxsize=16384)
def senses_of_name(name: str, lexicon: Lexicon) -> tuple[tuple[Senses, bool], ...]:
    """Senses of each word or run of words, and whether it is one of the lexicon's as it stands; unknown: no sense."""
    words = words_of(name)
    while len(words) > 1 and words[0] in _PREFIXES and words[0] + "_" + words[1] not in lexicon.words:
        words = words[1:]
    found: list[tuple[Senses, bool]] = []
    at = 0
    while at < len(words):
        size = next(
            (
                s
                for s in range(min(lexicon.longest, len(words) - at), 0, -1)
                if "_".join(words[at : at + s]) in lexicon.words
            ),
            0,
        )
        if size:
            found.append((lexicon.words["_".join(words[at : at + size])], True))
        else:
            found += _guess(words[at], lexicon)
        at += size or 1
    return tuple(found)


@lru_cache(maxsize=16384)
def words_of(name: str) -> tuple[str, ...]:
    """Split at separators, camelCase and digits; numbers are dropped."""
    spelled = german_spelled(name[:_MAX_NAME])
    # A name in one case is split at its separators alone: IBANNumber has camels, IBAN_NUMBER has none.
    parts = plain(_CAMEL.sub("_", spelled)).split("_")
    return tuple(part for part in parts if part and not part.isdigit())


def _guess(word: str, lexicon: Lexicon) -> list[tuple[Senses, bool]]:
    """A word that is not in the lexicon: a stem's, a plural, a compound, cut short, or without vowels."""
    if len(word) > _MAX_WORD or word in _FILLERS or len(word) == 1:
        return []
    if stem := _stem(word, lexicon):
        return [(stem, True)]
    if base := _base(word, lexicon):
        return [(base, True)]
    if len(word) >= _MIN_COMPOUND - 1 and (pieces := _compound(word, lexicon, 4)):
        return [(piece, True) for piece in pieces]
    other = _truncated(word, lexicon) or _bare(word, lexicon)
    return [(other or NOTHING, False)]


def _base(word: str, lexicon: Lexicon) -> Senses | None:
    """A plural or a declined form: `branches`, `majitele`. Short words have too many neighbours."""
    for ending in _ENDINGS:
        bare = word.removesuffix(ending)
        if bare != word and len(bare) >= (_MIN_PIECE if ending == "s" else _MIN_COMPOUND) and bare in lexicon.words:
            return lexicon.words[bare]
    return None


def _bare(word: str, lexicon: Lexicon) -> Senses | None:
    """A word that was written without its vowels: `slry`, `brth`."""
    return None if _VOWELS.search(word, 1) else lexicon.skeletons.get(skeleton(word))


def _stem(word: str, lexicon: Lexicon) -> Senses | None:
    for size in range(len(word), 2, -1):
        if senses := lexicon.stems.get(word[:size]):
            return senses
    return None


@lru_cache(maxsize=16384)
def _compound(word: str, lexicon: Lexicon, most: int) -> tuple[Senses, ...]:
    """The fewest known pieces that make the whole word; none: it is no compound."""
    best: tuple[Senses, ...] = ()
    for size in range(len(word) - 1, 1, -1):
        head = _piece(word[:size], lexicon)
        for link in _LINKS if head is not None else ():
            tail = word[size + len(link) :]
            if len(tail) > 1 and word.startswith(link, size) and (rest := _rest(tail, lexicon, most - 1)):
                made = (head or NOTHING, *rest)
                best = made if not best or len(made) < len(best) else best
    return best


def _rest(tail: str, lexicon: Lexicon, most: int) -> tuple[Senses, ...]:
    """What follows the first piece of a compound: one piece, or more of them."""
    known = _piece(tail, lexicon) or (_stem(tail, lexicon) if len(tail) > _MIN_PIECE else None)
    if known:
        return (known,)
    return _compound(tail, lexicon, most) if most > 1 else ()


def _piece(word: str, lexicon: Lexicon) -> Senses | None:
    if len(word) >= _MIN_PIECE or word in _SHORT_PIECES:
        return lexicon.words.get(word) or _bare(word, lexicon)
    return None


@lru_cache(maxsize=16384)
def _truncated(word: str, lexicon: Lexicon) -> Senses | None:
    """Senses of the words that this is the beginning of, when they share one: `geschl`, `nachnam`.

    A letter alone is not cut off: `disp` is no `dispo`.
    """
    if len(word) < _MIN_TRUNCATED:
        return None
    longer = {known: senses for known, senses in lexicon.words.items() if known.startswith(word) and "_" not in known}
    if len(word) < _MIN_COMPOUND and any(len(known) == len(word) + 1 for known in longer):
        return None
    return NOTHING.union(*longer.values()).intersection(*longer.values()) or None
