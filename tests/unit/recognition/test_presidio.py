"""The bridge to Presidio: ours inside its engine, a site's recognizers beside ours, and known defects worked around."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from gateway.errors import Invalid
from gateway.recognition import structured
from gateway.recognition.presidio import ENTITIES, SiteRecognizers, recognizers
from gateway.terms.recognition import KINDS

LANGUAGES = ["en", "de", "cs"]
SITE = """
recognizers:
  - name: File number
    supported_language: en
    supported_entity: CASE_FILE
    patterns:
      - {name: file, regex: 'AKTE-\\d{4}', score: 0.9}
  - name: Staff
    supported_entity: identifier
    patterns:
      - {name: staff, regex: '\\b[A-Z]\\d{5}\\b', score: 0.1}
    context: [Mitarbeiter, employee]
  - name: Projects
    supported_entity: PERSON
    deny_list: [Operation Falke]
  - name: Off
    enabled: false
    supported_entity: NOTHING
    patterns:
      - {name: all, regex: '.+', score: 1.0}
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[object]:
    """Presidio's engine on blank pipelines: no model, nothing fetched."""
    spacy = pytest.importorskip("spacy")
    presidio = pytest.importorskip("presidio_analyzer")
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    nlp = SpacyNlpEngine(models=[{"lang_code": language, "model_name": "blank"} for language in LANGUAGES])
    nlp.nlp = {language: spacy.blank(language) for language in LANGUAGES}
    registry = presidio.RecognizerRegistry(recognizers=recognizers(LANGUAGES), supported_languages=LANGUAGES)
    return presidio.AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=LANGUAGES)


def _found(engine: object, text: str, language: str) -> list[tuple[str, str]]:
    results = engine.analyze(text, language=language)  # type: ignore[attr-defined]
    return [(text[one.start : one.end], one.entity_type) for one in results]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("text", "value", "entity"),
    [
        # loaded from its registry, the stock IBAN recognizer swallows the next small words and finds nothing
        ("Platba CZ6508000000192000145399 byla stornována", "CZ6508000000192000145399", "IBAN_CODE"),
        # the stock card recognizer does not know Mastercard's 2-series, and knows no German and no Czech
        ("card 2221 0000 0000 0009 blocked", "2221 0000 0000 0009", "CREDIT_CARD"),
        # stock MEDICAL_LICENSE scores 1.0 inside it
        ("to GB33BUKB20201555555555 today", "GB33BUKB20201555555555", "IBAN_CODE"),
        # stock national numbers are bound to one language each
        ("Steuer-ID 86095742719", "86095742719", "NATIONAL_ID"),
        ("PESEL 44051401359", "44051401359", "NATIONAL_ID"),
    ],
)
def test_presidios_engine_finds_with_ours_in_every_language(
    engine: object, language: str, text: str, value: str, entity: str
) -> None:
    assert _found(engine, text, language) == [(value, entity)]


def test_the_stock_defects_are_still_there_to_work_around() -> None:
    """When this fails, a release of Presidio mended one: shorten the list above."""
    presidio = pytest.importorskip("presidio_analyzer")
    from presidio_analyzer.predefined_recognizers import CreditCardRecognizer

    stock = presidio.RecognizerRegistry(supported_languages=["en"])
    stock.load_predefined_recognizers(languages=["en"])
    iban = [one for one in stock.recognizers if one.name == "IbanRecognizer"]
    assert len(iban) == 1
    assert iban[0].analyze("Platba CZ6508000000192000145399 byla stornována", ["IBAN_CODE"], None) == []
    assert CreditCardRecognizer().analyze("2221 0000 0000 0009", ["CREDIT_CARD"], None) == []


def test_a_wrong_check_digit_scores_less(engine: object) -> None:
    results = engine.analyze("DE88370400440532013000", language="de")  # type: ignore[attr-defined]
    assert [(one.entity_type, one.score) for one in results] == [("IBAN_CODE", 0.6)]


def test_only_what_is_asked_is_given() -> None:
    ours = recognizers(["de"])[0]
    text = "DE89370400440532013000 an anna@example.com"
    assert [one.entity_type for one in ours.analyze(text, ["EMAIL_ADDRESS"], None)] == ["EMAIL_ADDRESS"]


def test_every_kind_of_ours_has_an_entity() -> None:
    assert set(KINDS) - set(ENTITIES) == {"person", "date", "other"}  # told by others, or no kind of ours


def test_a_sites_recognizers_are_found_beside_ours() -> None:
    site = SiteRecognizers.read(SITE)
    text = "Los K12346: AKTE-2024 zu DE89370400440532013000, Operation Falke, Mitarbeiter K12345"
    spans = structured.find(text, site=site.find)
    assert [(text[span.start : span.end], span.kind) for span in spans] == [
        ("AKTE-2024", "other"),
        ("DE89370400440532013000", "iban"),
        ("Operation Falke", "person"),
        ("K12345", "identifier"),  # its context word stands near; without one its score is too small
    ]


def test_a_sites_recognizers_see_through_look_alikes() -> None:
    site = SiteRecognizers.read(SITE)
    text = "АКТЕ-2\u200b024"  # Cyrillic
    assert [(span.start, span.end) for span in site.find(text)] == [(0, len(text))]


def test_a_pattern_that_takes_too_long_costs_the_whole_text() -> None:
    site = SiteRecognizers.read(
        "recognizers: [{supported_entity: X, patterns: [{name: p, regex: '(a|aa)+$', score: 1.0}]}]"
    )
    text = "a" * 60 + "b"
    assert [(span.start, span.end, span.is_checked) for span in site.find(text)] == [(0, 61, False)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [", "invalid.recognizers.yaml"),
        ("[]", "invalid.recognizers.form"),
        ("recognizers: {}", "invalid.recognizers.form"),
        ("recognizers: [1]", "invalid.recognizers.form"),
        ("recognizers: [{name: x}]", "invalid.recognizers.form"),
        ("recognizers: [{name: x, supported_entity: X}]", "invalid.recognizers.form"),
        (
            "recognizers: [{supported_entity: X, patterns: [{name: p, regex: '(', score: 1}]}]",
            "invalid.recognizers.pattern",
        ),
        ("recognizers: [{supported_entity: X, patterns: [{regex: 'a'}]}]", "invalid.recognizers.pattern"),
        ("recognizers: [{supported_entity: X, patterns: 5}]", "invalid.recognizers.pattern"),
        ("#" * 1_000_001, "invalid.recognizers.size"),
        ("recognizers: [" + "{}," * 501 + "]", "invalid.recognizers.size"),
    ],
)
def test_a_wrong_file_is_refused(text: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        SiteRecognizers.read(text)
    assert refused.value.code == code


def test_importing_ours_imports_no_presidio_and_no_spacy() -> None:
    program = (
        "import sys; from gateway.recognition import addresses, presidio, structured; structured.find('a@b.example 1');"
        "print([name for name in ('spacy', 'presidio_analyzer', 'regex') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
