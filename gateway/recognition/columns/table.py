"""A table's columns together: keys, neighbours, and what the table itself is named for."""

from __future__ import annotations

import dataclasses
from typing import Final

from gateway.recognition.columns.guess import Guess
from gateway.recognition.columns.lexicon import DEFAULT, Lexicon
from gateway.recognition.columns.naming import Meaning, interpret, meaning, senses_of_name
from gateway.recognition.columns.shape import Shape, shape_of
from gateway.recognition.columns.verdict import Known, judge
from gateway.recognition.columns.wording import Gazetteer
from gateway.recognition.names import lexicon as names
from gateway.terms.recognition import REVIEW_BELOW, ColumnVerdict, Evidence, SampledColumn, SampledTable

_COMMENT: Final = 0.1
"""How much less sure a comment is than a name: it tells of other things too."""
_MAX_COMMENT: Final = 80
"""Characters of a comment that are read: the first words say what the column is."""
_GROUPED: Final = frozenset(
    ["category", "status", "flag", "currency", "organisation", "channel", "merchant_category", "country", "duration"]
)
_MAX_GROUPS: Final = 60
_MAX_GROUP_SHARE: Final = 0.2
_NAMING: Final = frozenset(["first_name", "last_name", "person", "birth_date", "national_id"])
_PERSONAL: Final = _NAMING | {"birth_name", "email", "phone", "gender", "marital", "nationality", "document", "address"}
_UNNAMED: Final = frozenset({"text", "category", "identifier"})


def classify_table(
    table: SampledTable, *, lexicon: Lexicon = DEFAULT, gazetteer: Gazetteer | None = None
) -> list[ColumnVerdict]:
    """Propose a class for each column of a table, in order.

    Never raises on a value or a name, whatever they hold. A verdict holds no value. Each column is judged by a sample
    of it; what few rows hold may be missed, so only a person confirms.

    Args:
        lexicon: words of names and values; a site's own: `DEFAULT.extended(yaml)`.
        gazetteer: folded names and places with their bits; None: those of gateway.recognition.names.
    """
    known = names() if gazetteer is None else gazetteer
    judged: list[tuple[SampledColumn, Shape, Guess]] = []
    for column in table.columns:
        shape = shape_of(column)
        read = _meaning(column, lexicon)
        guess = judge(shape, Known(lexicon=lexicon, gazetteer=known, meaning=read))
        judged.append((column, shape, _keyed(column, guess, read)))
    of_people = _is_of_people([guess for _, _, guess in judged])
    return [
        _verdict(column, shape, _of_person(guess) if of_people else guess)
        for column, shape, guess in _neighbours(judged)
    ]


def _is_of_people(guesses: list[Guess]) -> bool:
    """Say whether each row describes a person: a name or a birth date, and one thing more that only people have."""
    kinds = {guess.kind for guess in guesses if guess.confidence >= REVIEW_BELOW}
    return bool(kinds & _NAMING) and len(kinds & _PERSONAL) > 1


def _of_person(guess: Guess) -> Guess:
    """An unknown code in a table of people describes the person: nothing says that it does not."""
    if guess.classification != "public":
        return guess
    if guess.kind in {"category", "flag"} and _is_unnamed(guess):
        return dataclasses.replace(guess, classification="quasi_identifier", confidence=0.5)
    if guess.kind in {"duration", "organisation"}:  # years in a job, somebody's office
        return dataclasses.replace(guess, confidence=min(guess.confidence, 0.65))
    return guess


def _meaning(column: SampledColumn, lexicon: Lexicon) -> Meaning | None:
    """What the name says, else the comment, else the column it references."""
    read = meaning(column.name, lexicon)
    if read is not None and read.kind != "row_id":
        return read
    if column.references and (target := _referenced(column.references, lexicon)) is not None:
        return target
    if (
        column.comment
        and (told := meaning(column.comment[:_MAX_COMMENT], lexicon)) is not None
        and told.kind != "row_id"
    ):
        return dataclasses.replace(told, confidence=told.confidence - _COMMENT)
    return read


def _referenced(reference: str, lexicon: Lexicon) -> Meaning | None:
    """`public.customers.id` is a customer's number: the table's words and the column's together."""
    words = "_".join(reference.split(".")[-2:])
    return interpret(senses_of_name(words, lexicon), lexicon)


def _keyed(column: SampledColumn, guess: Guess, read: Meaning | None) -> Guess:
    """A reference to an identifier is one, a little surer; a key by itself identifies its row."""
    if column.references and guess.classification == "direct_identifier":
        return dataclasses.replace(
            guess, confidence=max(guess.confidence, 0.85), evidence=(*guess.evidence, Evidence(rule="key"))
        )
    if column.is_key and guess.kind in {"category", "number", "text", "year"} and read is None:
        return Guess(classification="public", kind="row_id", confidence=0.6, evidence=(Evidence(rule="key"),))
    return guess


def _neighbours(judged: list[tuple[SampledColumn, Shape, Guess]]) -> list[tuple[SampledColumn, Shape, Guess]]:
    """What stands beside tells: an unknown text next to a postcode is its town; next to a first name, the last."""
    kinds = [guess.kind for _, _, guess in judged]
    seen = []
    for at, (column, shape, guess) in enumerate(judged):
        beside = {*kinds[max(0, at - 1) : at], *kinds[at + 1 : at + 2]}
        better = _beside(shape, beside) if guess.kind in _UNNAMED and _is_unnamed(guess) else None
        seen.append((column, shape, better or guess))
    return seen


def _is_unnamed(guess: Guess) -> bool:
    return not any(evidence.rule.startswith("name:") for evidence in guess.evidence)


def _beside(shape: Shape, beside: set[str]) -> Guess | None:
    is_worded = shape.family == "text" and shape.with_digit < 0.1 and not shape.is_few  # noqa: PLR2004 words
    if is_worded and "first_name" in beside:
        return _proposed("direct_identifier", "last_name")
    if is_worded and "postcode" in beside:
        return _proposed("quasi_identifier", "city")
    return None


def _proposed(classification: str, kind: str) -> Guess:
    is_direct = classification == "direct_identifier"
    return Guess(
        classification="direct_identifier" if is_direct else "quasi_identifier",
        kind=kind,
        confidence=0.6,
        evidence=(Evidence(rule="neighbour"),),
    )


def _verdict(column: SampledColumn, shape: Shape, guess: Guess) -> ColumnVerdict:
    return ColumnVerdict(
        column=column.name,
        classification=guess.classification,
        kind=guess.kind,
        confidence=round(min(max(guess.confidence, 0.0), 0.99), 2),
        evidence=guess.evidence,
        is_dimension=_is_dimension(shape, guess),
    )


def _is_dimension(shape: Shape, guess: Guess) -> bool:
    """Fit to group by: public, and few values."""
    if guess.classification != "public" or guess.kind not in _GROUPED:
        return False
    return 0 < shape.distinct <= _MAX_GROUPS and (shape.is_few or shape.share <= _MAX_GROUP_SHARE or shape.filled < 10)  # noqa: PLR2004
