"""The bridge to Presidio: its engines can use our recognizers, and a site's own recognizers run beside ours.

Presidio is imported only when something here is used; no engine is made and no model is loaded or fetched.
A site's recognizers run on every text, whatever language they name: an identifier does not change with its language.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import yaml

from gateway.errors import Invalid
from gateway.recognition import addresses, structured
from gateway.recognition.folding import Folded, fold, words_folded
from gateway.terms.recognition import KINDS, Kind, Span

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

ENTITIES: Mapping[Kind, str] = MappingProxyType(
    {
        "address": "ADDRESS",
        "email": "EMAIL_ADDRESS",
        "phone": "PHONE_NUMBER",
        "iban": "IBAN_CODE",
        "account": "BANK_ACCOUNT",
        "card": "CREDIT_CARD",
        "national_id": "NATIONAL_ID",
        "document": "ID_DOCUMENT",
        "birth_date": "DATE_OF_BIRTH",
        "bic": "BIC_CODE",
        "lei": "LEI_CODE",
        "ip": "IP_ADDRESS",
        "mac": "MAC_ADDRESS",
        "crypto": "CRYPTO",
        "plate": "LICENSE_PLATE",
        "url": "URL",
        "username": "USERNAME",
        "identifier": "CUSTOMER_ID",
    }
)
"""What Presidio calls our kinds; its own names where it has one."""
_KIND_OF: dict[str, Kind] = {
    **{entity: kind for kind, entity in ENTITIES.items()},
    **{kind.upper(): kind for kind in KINDS},
    "LOCATION": "address",
    "DATE_TIME": "date",
    "US_SSN": "national_id",
}
_CHECKED, _UNCHECKED = 1.0, 0.6
"""Scores: with a right check digit, or none; with a wrong one."""
_ENOUGH = 0.4
"""The score from which a site's match counts; Presidio's own enhancer lifts a match near a context word to it."""
_NEAR_CONTEXT = 0.35
_CONTEXT_WORDS, _CONTEXT_CHARACTERS = 5, 80
_WORD = re.compile(r"\w+")
_SECONDS = 0.04
"""For one pattern on one text; a worker has 50 ms for all of it."""
_MAX_YAML = 1_000_000
_MAX_RECOGNIZERS = 500


def recognizers(languages: Sequence[str]) -> list[EntityRecognizer]:
    """Give our recognizer for each language asked, to be added to the registry of any Presidio engine.

    Presidio asks a recognizer only about texts of its one language; without a copy for each, a Steuer-ID in an English
    text would not be found.
    """
    return [_recognizer_class()(language) for language in languages]


@lru_cache(maxsize=1)
def _recognizer_class() -> Any:  # noqa: ANN401 a class that cannot be named before Presidio is imported
    from presidio_analyzer import AnalysisExplanation, EntityRecognizer, RecognizerResult  # late: it imports spaCy

    class GatewayRecognizer(EntityRecognizer):
        """Identifiers by shape and check digit, and addresses, as Presidio results."""

        def __init__(self, language: str) -> None:
            super().__init__(
                supported_entities=list(ENTITIES.values()),
                supported_language=language,
                name=f"GatewayRecognizer_{language}",
            )

        def load(self) -> None:
            """Load nothing."""

        def analyze(self, text: str, entities: list[str], nlp_artifacts: object = None) -> list[RecognizerResult]:  # noqa: ARG002 Presidio's signature
            """Give what is found of the entities asked."""
            spans = [*structured.find(text), *addresses.find(text)]
            return [result(span) for span in spans if ENTITIES[span.kind] in entities]

    def result(span: Span) -> RecognizerResult:
        score = _CHECKED if span.is_checked else _UNCHECKED
        why = AnalysisExplanation(recognizer="GatewayRecognizer", original_score=score)
        return RecognizerResult(
            entity_type=ENTITIES[span.kind], start=span.start, end=span.end, score=score, analysis_explanation=why
        )

    return GatewayRecognizer


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SitePattern:
    """One pattern of a site's recognizer, compiled."""

    kind: Kind
    score: float
    context: frozenset[str]
    """Folded words."""
    compiled: Any = dataclasses.field(repr=False)
    """Of the `regex` module, as Presidio's are: its matching can be given a limit of time."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SiteRecognizers:
    """A site's own pattern recognizers, written as Presidio's YAML."""

    patterns: tuple[SitePattern, ...] = ()

    @classmethod
    def read(cls, text: str) -> SiteRecognizers:
        """Read `recognizers:` of Presidio's YAML: patterns, deny_list, context, supported_entity.

        Raises:
            Invalid: not YAML, not a list of pattern recognizers, or a pattern that is no regular expression.
        """
        entries = enumerate(_entries(text), 1)
        return cls(patterns=tuple(one for number, entry in entries for one in _patterns(number, entry)))

    def find(self, text: str) -> list[Span]:
        """Give the matches in a text as it came, in order; they may overlap.

        A match counts from a score of .4, or with a context word among the five words before it.
        The patterns run over the folded text, so a look-alike letter does not hide a value from them.
        Where a pattern takes longer than 40 ms the whole text is one span: Presidio would skip the pattern.
        """
        folded = fold(text)
        try:
            spans = [span for one in self.patterns for span in _matches(folded, one)]
        except TimeoutError:
            return [Span(start=0, end=len(text), kind="other", is_checked=False)]
        return sorted(spans, key=lambda span: (span.start, -span.end))


def _entries(text: str) -> list[dict[str, object]]:
    if len(text) > _MAX_YAML:
        raise Invalid("the recognizers' file is larger than 1 MB", code="recognizers.size")
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f" at line {place.line + 1}" if place else ""
        raise Invalid(f"the recognizers' file is no YAML{line}", code="recognizers.yaml") from None
    entries = document.get("recognizers") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Invalid("expected `recognizers:` with a list of mappings", code="recognizers.form")
    if len(entries) > _MAX_RECOGNIZERS:
        raise Invalid(f"more than {_MAX_RECOGNIZERS} recognizers", code="recognizers.size")
    return [entry for entry in entries if entry.get("enabled", True)]


def _patterns(number: int, entry: dict[str, object]) -> list[SitePattern]:
    import regex  # type: ignore[import-untyped]  # has no stubs; late, as Presidio is
    from presidio_analyzer import PatternRecognizer

    name = entry.get("name") if isinstance(entry.get("name"), str) else f"number {number}"
    entity = entry.get("supported_entity")
    if not isinstance(entity, str) or not (entry.get("patterns") or entry.get("deny_list")):
        raise Invalid(
            f"recognizer {name}: expected supported_entity, and patterns or deny_list; other kinds are not run here",
            code="recognizers.form",
        )
    try:
        recognizer = PatternRecognizer.from_dict({key: entry[key] for key in _KEYS if key in entry})
        context = frozenset(words_folded(word) for word in recognizer.context or ())
        return [
            SitePattern(
                kind=_KIND_OF.get(entity.upper(), "other"),
                score=one.score,
                context=context,
                compiled=regex.compile(one.regex, recognizer.global_regex_flags),
            )
            for one in recognizer.patterns  # type: ignore[has-type]  # set in a branch that mypy cannot follow
        ]
    except (ValueError, TypeError, LookupError, AttributeError, regex.error) as error:
        problem = f"recognizer {name}: {type(error).__name__}; expected Presidio's form of a pattern recognizer"
        raise Invalid(problem, code="recognizers.pattern") from None


_KEYS = ("name", "supported_entity", "patterns", "deny_list", "deny_list_score", "context", "global_regex_flags")


def _matches(folded: Folded, pattern: SitePattern) -> list[Span]:
    spans = []
    for match in pattern.compiled.finditer(folded.text, timeout=_SECONDS):
        low, high = match.span()
        if high > low and _score(folded.text, pattern, low) >= _ENOUGH:
            start, end = folded.back(low, high)
            spans.append(Span(start=start, end=end, kind=pattern.kind))
    return spans


def _score(text: str, pattern: SitePattern, start: int) -> float:
    if pattern.score >= _ENOUGH or not pattern.context:
        return pattern.score
    words = _WORD.findall(text, max(0, start - _CONTEXT_CHARACTERS), start)[-_CONTEXT_WORDS:]
    is_near = not pattern.context.isdisjoint(map(words_folded, words))
    return max(pattern.score + _NEAR_CONTEXT, _ENOUGH) if is_near else pattern.score
