"""One column's verdict. Values before names: what passes a check digit is what it is, whatever it is called.

Order: nothing to look at; check digits; masked values; yes and no; dates; free text; numbers; words.
A name decides where the values do not contradict it; what nothing speaks for is not sure, and so masked until reviewed.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from gateway.recognition.columns import temporal, wording
from gateway.recognition.columns.checked import Finding, checked
from gateway.recognition.columns.guess import OF_KIND, Guess, direct, named, public, quasi
from gateway.recognition.columns.lexicon import Lexicon
from gateway.recognition.columns.naming import Meaning
from gateway.recognition.columns.numeric import numeric
from gateway.recognition.columns.shape import Shape
from gateway.recognition.columns.wording import Gazetteer
from gateway.terms.recognition import Evidence

_PEOPLE: Final = frozenset({"person", "first_name", "last_name", "birth_name", "staff", "customer"})
_NUMBERED: Final = frozenset({"customer", "account", "card", "contract", "staff", "identifier", "device"})
"""Direct kinds that a name makes of an entity: the values may be codes."""
_DATED: Final = frozenset({"birth_date", "death_date", "health", "birth_year"})
"""Kinds that stay what they are when the values are dates."""
_NEVER_WORDS: Final = frozenset(
    ["birth_date", "birth_year", "amount", "balance", "debt", "wealth", "rate", "timestamp", "count"]
)
"""Kinds whose values are numbers or dates."""
_ABOUT_ANYTHING: Final = frozenset(["row_id", "category", "status", "flag"])
"""Kinds whose name says little where a word beside it is not known: `xyz_code`."""
_UNSURE: Final = 0.6
_FLAGS: Final = 3
"""Values of a flag: yes, no and unknown. More are codes, whatever the name says (`kz`)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the rules may ask beside the values."""

    lexicon: Lexicon
    gazetteer: Gazetteer
    meaning: Meaning | None
    """By name, else by comment, else by what it references."""


def judge(shape: Shape, known: Known) -> Guess:
    """Classify a column by its values and its name."""
    meaning = known.meaning
    if not shape.sample:
        return named(meaning, confidence=_UNSURE) if meaning else direct("empty", 0.3, "values:none")
    if (finding := checked(shape, expected=meaning.kind if meaning else "")) is not None:
        return _found(finding, known)
    guess = _judge(shape, known)
    return dataclasses.replace(guess, confidence=min(guess.confidence, 0.65)) if _is_thin(shape, guess) else guess


def _found(finding: Finding, known: Known) -> Guess:
    """What a check found. Of the same family as the name: the name's finer word."""
    classification = known.lexicon.classes.get(finding.kind) or OF_KIND.get(finding.kind, "direct_identifier")
    return Guess(
        classification=classification, kind=finding.kind, confidence=finding.confidence, evidence=(finding.evidence,)
    )


def _is_thin(shape: Shape, guess: Guess) -> bool:
    """A handful of values says little where the name says nothing."""
    return shape.distinct < 3 and shape.filled < 5 and not any(e.rule.startswith("name:") for e in guess.evidence)  # noqa: PLR2004


def _judge(shape: Shape, known: Known) -> Guess:
    meaning = known.meaning
    if shape.family == "text" and wording.masked(shape):
        return _masked(meaning)
    if shape.family == "bool" or (shape.is_few and _is_yes_no(shape, known)):
        return _flag(meaning)
    is_numbered = meaning is not None and meaning.kind in _NUMBERED and shape.family != "date"
    if (dates := None if is_numbered else temporal.dates_of(shape)) is not None:
        return _dated(shape, dates, meaning)
    if meaning is not None and meaning.kind == "location":
        return named(meaning)
    if (text := wording.blob(shape)) is not None:
        is_address = (meaning is not None and meaning.kind == "address") or wording.addresses(shape)
        return direct("address", 0.75, "values:address") if is_address else text
    if shape.numbers and not (shape.family == "text" and _is_postcode(shape, meaning)):
        return numeric(shape, meaning)
    return _worded(shape, known)


def _masked(meaning: Meaning | None) -> Guess:
    """`****1234` still tells customers of one bank apart: not laxer than its name."""
    if meaning is not None and meaning.classification == "direct_identifier":
        return named(meaning, confidence=_UNSURE)
    return direct("identifier", 0.5, "values:masked")


def _is_yes_no(shape: Shape, known: Known) -> bool:
    guess = wording.coded(shape, known.lexicon)
    return guess is not None and guess.kind == "flag"


def _flag(meaning: Meaning | None) -> Guess:
    """Yes or no: about a person's life if the name says so; never an identifier itself."""
    if meaning is None or (meaning.is_partly and meaning.kind in _ABOUT_ANYTHING):
        return public("flag", 0.6, "values:two")
    if meaning.classification in {"sensitive", "quasi_identifier"}:
        return named(meaning)
    return public("flag", 0.65 if meaning.is_partly else 0.8, f"name:{meaning.kind}")


def _dated(shape: Shape, dates: temporal.Dates, meaning: Meaning | None) -> Guess:
    """A day of birth by name or by the years; else when something happened."""
    if meaning is None:
        return quasi("birth_date", 0.75, "values:birth") if dates.is_birth else public("timestamp", 0.65, "type:date")
    if meaning.kind in _DATED:
        return named(meaning, confidence=0.9)
    if meaning.kind == "birth_number" or (dates.has_women and meaning.classification == "direct_identifier"):
        return quasi("birth_date", 0.8, "values:birth")
    if shape.family != "date" and shape.numbers and meaning.classification != "public":
        return numeric(shape, meaning)  # 250101 under `amount` is no date
    is_bare = len(meaning.senses) == 1 and not meaning.has("time")
    is_other = meaning.has("date", "time") and not is_bare and not meaning.is_partly
    if dates.is_birth and (dates.has_women or not is_other):
        return quasi("birth_date", 0.75, "values:birth")
    is_unsure = meaning.is_partly and not (shape.family == "date" and meaning.has("date", "time"))
    return public("timestamp", 0.65 if is_unsure else 0.8, "type:date")


def _is_postcode(shape: Shape, meaning: Meaning | None) -> bool:
    """Digits kept as text, all of one length: zeros in front count."""
    return meaning is None and (guess := wording.places(shape)) is not None and guess.kind == "postcode"


def _worded(shape: Shape, known: Known) -> Guess:
    meaning = known.meaning
    seen = _seen(shape, known)
    if meaning is None:
        return seen or wording.leftover(shape)
    if meaning.classification == "free_text":
        return _short_text(shape, seen, meaning)
    if shape.is_few and meaning.kind in _ABOUT_ANYTHING and (meaning.is_partly or meaning.kind == "row_id"):
        return seen or wording.leftover(shape)
    if (better := _corrected(shape, seen, meaning) if seen else None) is not None:
        return better
    if meaning.kind in _NEVER_WORDS and not shape.is_few:
        # A name of a number or a date, and the values are words: the name is of something else.
        return dataclasses.replace(seen or direct("identifier", _UNSURE, f"name:{meaning.kind}"), confidence=_UNSURE)
    if meaning.classification == "direct_identifier" and shape.is_few and not _keeps(shape, seen, meaning):
        return public("category", _UNSURE, f"name:{meaning.kind}")
    if meaning.classification == "public" and meaning.kind in {"row_id", "category"} and not shape.is_few:
        return _unknown_code(meaning, seen)
    return _as_named(shape, meaning)


def _as_named(shape: Shape, meaning: Meaning) -> Guess:
    """The name stands; a public one is sure only if all of its words are known and few values repeat."""
    if meaning.kind == "flag" and shape.distinct > _FLAGS:
        is_somebody = meaning.has("staff", "person")
        return direct("identifier", _UNSURE, "name:flag") if is_somebody else public("category", _UNSURE, "name:flag")
    is_open = meaning.is_partly or (meaning.kind == "organisation" and not shape.is_few)
    return (
        named(meaning, confidence=min(meaning.confidence, 0.65))
        if meaning.classification == "public" and is_open
        else named(meaning)
    )


def _seen(shape: Shape, known: Known) -> Guess | None:
    """What the values show by themselves."""
    return (
        wording.coded(shape, known.lexicon)
        or wording.people(shape, known.gazetteer)
        or wording.places(shape)
        or wording.opaque(shape)
    )


def _corrected(shape: Shape, seen: Guess, meaning: Meaning) -> Guess | None:
    """What the values say, where it weighs more than the name; None: the name stands."""
    if seen.kind == meaning.kind or (seen.kind in _PEOPLE and meaning.kind in _PEOPLE):
        finer = seen if meaning.kind in {"person", "customer", "staff"} and seen.kind in _PEOPLE else named(meaning)
        return dataclasses.replace(
            finer,
            kind=finer.kind if meaning.kind != "staff" else "staff",
            confidence=max(seen.confidence, meaning.confidence, 0.9),
            evidence=(*seen.evidence, Evidence(rule=f"name:{meaning.kind}")),
        )
    if (
        meaning.classification == "public"
        and seen.classification == "direct_identifier"
        and seen.kind in _PEOPLE | {"address"}
    ):
        # `merchant_name` full of people's names: a sole trader's name is a name.
        is_sure = seen.evidence and seen.evidence[0].matched >= 0.8 * seen.evidence[0].tried
        return dataclasses.replace(seen, confidence=_UNSURE) if is_sure else None
    if meaning.kind in {"status", "category", "row_id"} and seen.kind in {
        "gender",
        "marital",
        "religion",
        "ethnicity",
        "country",
    }:
        return dataclasses.replace(seen, confidence=0.7)
    if meaning.kind == "person" and meaning.confidence < 0.7 and seen.classification != "public" and not shape.is_few:  # noqa: PLR2004
        return seen
    return None


def _keeps(shape: Shape, seen: Guess | None, meaning: Meaning) -> bool:
    """Say whether a direct kind stands although its values repeat: three advisers' names do, A1 as a phone not."""
    if shape.is_constant:
        return True
    if seen is not None and (seen.classification == "public" or seen.kind in {"gender", "marital"}):
        return False
    if meaning.kind == "staff":
        return shape.mean_length >= 3  # noqa: PLR2004 initials: a few advisers look after many customers
    if meaning.kind in _PEOPLE and not shape.with_digit and all(value.islower() for value in shape.sample):
        return False  # names have capitals: `contact` by phone or post
    return shape.mean_length > 5 and (meaning.kind not in _NUMBERED or shape.with_digit > 0.5)  # noqa: PLR2004 codes are short


def _short_text(shape: Shape, seen: Guess | None, meaning: Meaning) -> Guess:
    """The name promises free text: few values are a category, single words with digits are codes."""
    if shape.is_few and shape.filled > shape.distinct * 4:
        return public("category", _UNSURE, f"name:{meaning.kind}")
    if shape.mean_spaces < 0.3 and shape.with_digit > 0.8:  # noqa: PLR2004 a reference of one word
        is_person = seen is not None and seen.classification == "direct_identifier" and seen.kind != "identifier"
        return seen if is_person and seen else public("row_id", 0.55, "values:code")
    if shape.mean_spaces < 1 and shape.share < 0.3:  # noqa: PLR2004 words that repeat
        return dataclasses.replace(named(meaning), confidence=0.65)
    return named(meaning)


def _unknown_code(meaning: Meaning, seen: Guess | None) -> Guess:
    """`code`, `type`, `txn_no` with many values."""
    if meaning.kind == "row_id":
        is_other = seen is not None and seen.kind not in {"identifier", "row_id"} and seen.classification != "public"
        return seen if is_other and seen else named(meaning, confidence=min(meaning.confidence, 0.65))
    if seen is not None and seen.classification != "public":
        return dataclasses.replace(seen, confidence=min(seen.confidence, 0.65))
    return named(meaning, confidence=0.65)
