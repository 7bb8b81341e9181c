"""Words that name no person stay: towns, organisations, what is called after somebody, ordinary words of the list."""

from __future__ import annotations

import pytest

from gateway.recognition.redactor import TextRecognizer
from gateway.terms.recognition import NameList, Note

RECOGNIZER = TextRecognizer()
NAMES = NameList(id="1", parts=frozenset({"klein", "rose", "winter", "xqwert", "berger"}))


def removed(text: str, *, name: str = "", names: NameList | None = NAMES) -> list[str]:
    note = Note(text=text, known={"name": name} if name else {})
    return [text[one.start : one.end] for one in RECOGNIZER.find([note], names=names, is_strict=True)[0].spans]


@pytest.mark.parametrize(
    "text",
    [
        "Die neue Filiale in Castrop-Rauxel öffnet im Mai, der Betrag ist zu klein.",
        "The branch in Stratford-upon-Avon closed; the balance rose again last month.",
        "Le client a payé chez Leroy Merlin puis à Boulogne-sur-Mer hier matin.",
        "La transferencia de la oficina de Santiago de Compostela no ha llegado todavía.",
        "Il pagamento a Poste Italiane dalla filiale di Reggio Emilia non risulta.",
        "Platba z pobočky v Ústí nad Labem nebyla dosud zaúčtována na účet.",
        "Die Spende an das Gymnasium Gottfried Xylander wurde gestern gebucht.",
        "Le virement pour le lycée Albert Xylander est parti hier soir.",
    ],
)
def test_towns_organisations_and_what_is_called_after_somebody_stay(text: str) -> None:
    assert removed(text) == []


def test_they_stay_in_the_namesake_s_own_row_too() -> None:
    text = "Die Spende an das Gymnasium Gottfried Xylander wurde gestern gebucht."
    assert removed(text, name="Gottfried Xylander") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Heute rief Klein wegen der Karte an, er will mehr Zinsen.", ["Klein"]),
        ("klein rief wegen der karte an", ["klein"]),
        ("We met Rose about the loan and the fees today.", ["Rose"]),
        ("Winter's overdraft was cut by the bank in June.", ["Winter"]),
        ("Der Kunde wohnt in Hamburg, Frau Berger bürgt für ihn.", ["Berger"]),
        ("This morning they met Mark Zzyxer at the branch.", ["Mark Zzyxer"]),
        ("Pago de Pedro Iglesia Xqwert por la obra.", ["Pedro Iglesia Xqwert"]),
    ],
)
def test_people_of_such_names_do_not(text: str, expected: list[str]) -> None:
    assert removed(text) == expected
