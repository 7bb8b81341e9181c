"""T23: a file of a version is decided again at each fetch, and links outlive nothing.

Without `Shelf._decide` (or the checks of a link) these tests fail: a version once made would be readable for ever.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from etl.extracts import FileLink
from gateway import store
from gateway.errors import Denied
from gateway.terms.document import PolicyFiles
from gateway.terms.extract import DatasetVersion
from gateway.terms.identity import Credentials
from tests import bank
from tests.house import House, open_house
from tests.unit.etl.factory import Factory, extra_grant, factory, open_front
from tests.unit.http.door import caller, entries, size

FILE = "bucket-00.parquet"


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Factory]:
    root = tmp_path_factory.mktemp("files")
    source = bank.write(bank.first_world(), root / "core.db")
    with open_house(root, bank=source, requests_per_minute=100_000) as house:
        yield factory(house)


@pytest.fixture
def house(works: Factory) -> House:
    return works.house


@pytest.fixture(scope="module")
def ana(works: Factory) -> str:
    return works.house.token("ana", bank.ANA[0])


@pytest.fixture(scope="module")
def version(works: Factory, ana: str) -> DatasetVersion:
    return works.made(ana, name="files")


@pytest.fixture(scope="module")
def url(works: Factory, version: DatasetVersion) -> Iterator[str]:
    with open_front(works) as url:
        yield url


def link(works: Factory, token: str, version: DatasetVersion, path: str = FILE) -> FileLink:
    view = works.shelf.find(Credentials(bearer=token), name=version.name, number=version.number)
    assert view.links is not None
    return view.links[path]


def fetched(works: Factory, who: Credentials | FileLink, version: DatasetVersion, path: str = FILE) -> bytes:
    return works.shelf.file(who, name=version.name, number=version.number, path=path).path.read_bytes()


def refused(works: Factory, who: Credentials | FileLink, version: DatasetVersion, path: str = FILE) -> str:
    with pytest.raises(Denied) as error:
        fetched(works, who, version, path)
    return error.value.code


def test_a_link_opens_its_file_for_a_minute_and_no_longer(
    works: Factory, ana: str, version: DatasetVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = link(works, ana, version)
    content = (works.folder(version) / FILE).read_bytes()
    assert fetched(works, made, version) == content
    now = works.house.now()
    assert made.expires - now.timestamp() <= 60
    clock = type(works.stock.clock)
    monkeypatch.setattr(clock, "now", lambda _: now + datetime.timedelta(seconds=61))
    assert refused(works, made, version) == "denied.link"


FORGERIES = {
    "signature": {"signature": "0" * 64},
    "no signature": {"signature": ""},
    "strange signature": {"signature": "é"},
    "later": {"expires": 2**40},
    "another credential": {"credential": "0123456789"},
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_link_that_was_changed_opens_nothing(works: Factory, ana: str, version: DatasetVersion, forgery: str) -> None:
    forged = dataclasses.replace(link(works, ana, version), **FORGERIES[forgery])
    assert refused(works, forged, version) == "denied.link"


def test_a_link_is_good_for_its_file_and_version_only(works: Factory, ana: str, version: DatasetVersion) -> None:
    made, other = link(works, ana, version), works.made(ana, name="files")
    assert refused(works, made, version, "manifest.json") == "denied.link"
    assert refused(works, made, other) == "denied.link"


def test_anothers_link_or_token_opens_nothing(works: Factory, house: House, ana: str, version: DatasetVersion) -> None:
    bob = house.token("bob", bank.ANA[0])
    stored = house.principal(bob)
    assert refused(works, Credentials(bearer=bob), version) == "denied.version"
    swapped = dataclasses.replace(link(works, ana, version), credential=stored.credential_id)
    assert refused(works, swapped, version) == "denied.link"
    elsewhere = house.token("ana", bank.ANA[0], environment="prod")
    assert refused(works, Credentials(bearer=elsewhere), version) == "denied.version"


def test_an_auditor_sees_the_manifest_and_gets_no_file(works: Factory, house: House, version: DatasetVersion) -> None:
    aude = Credentials(bearer=house.token("aude", "auditor"))
    view = works.shelf.find(aude, name=version.name, number=version.number)
    assert view.manifest["name"] == version.name
    assert view.links is None
    assert refused(works, aude, version) == "denied.version"


def test_another_version_answers_like_an_unknown_one(works: Factory, house: House, version: DatasetVersion) -> None:
    bob = Credentials(bearer=house.token("bob", bank.ANA[0]))
    told = []
    for name in (version.name, "nothing"):
        with pytest.raises(Denied) as error:
            works.shelf.find(bob, name=name, number=1)
        told.append((error.value.code, error.value.message, error.value.fix))
        with pytest.raises(Denied) as error:
            works.shelf.file(bob, name=name, number=1, path=FILE)
        told.append((error.value.code, error.value.message, error.value.fix))
    assert len(set(told)) == 1
    assert works.shelf.listed(bob) == []


def test_a_revoked_token_ends_its_links(works: Factory, house: House) -> None:
    token = house.token("eve", bank.ANA[0])
    version = works.made(token, name="eves")
    made = link(works, token, version)
    assert fetched(works, made, version)
    house.gateway.control.tokens.revoke(token.split("_")[1], now=house.now())
    assert refused(works, made, version) == "denied.link"


def test_each_fetch_is_in_the_log_before_its_first_byte(works: Factory, ana: str, version: DatasetVersion) -> None:
    before = len(entries(works.house, kind="event", action="extract-read"))
    served = works.shelf.file(Credentials(bearer=ana), name=version.name, number=version.number, path=FILE)
    (entry,) = entries(works.house, kind="event", action="extract-read")[before:]
    assert entry.payload["receipt"] == served.receipt
    assert entry.payload["detail"] == {"version": version.id, "file": FILE}
    assert entry.payload["actor"]["principal"] == "ana"


@pytest.mark.parametrize(
    "path", ["../loan-default", "..", "", ".", "manifest.json/..", "/etc/passwd", "bucket-01.parquet", ".rows"]
)
def test_only_the_manifests_files_are_files(works: Factory, ana: str, version: DatasetVersion, path: str) -> None:
    before = size(works.house)
    assert refused(works, Credentials(bearer=ana), version, path) == "denied.file"
    assert size(works.house) == before


def test_an_expired_version_is_served_to_nobody(works: Factory, ana: str) -> None:
    version = works.made(ana, name="brief")
    made = link(works, ana, version)
    with works.house.gateway.control.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE dataset_version SET expires = 1000000 WHERE name = 'brief'")
    assert refused(works, made, version) == "denied.expired"
    view = works.shelf.find(Credentials(bearer=ana), name="brief", number=1)
    assert view.links is None


def test_a_revoked_grant_ends_the_reading_of_what_was_made_under_it(works: Factory, house: House, ana: str) -> None:
    grants = store.Grants(house.gateway.control.engine)
    grants.add(extra_grant(house), by="test", now=house.now())
    sql = "SELECT customer_id, amount FROM core.transactions"
    version = works.made(ana, name="churn", sql=sql, purpose="churn-model", grant="g-extra")
    assert fetched(works, Credentials(bearer=ana), version)
    made = link(works, ana, version)
    grants.revoke("g-extra", by="test", now=house.now())
    before = len(entries(house, kind="event", action="extract-read"))
    assert refused(works, made, version) == "denied.grant"
    with pytest.raises(Denied) as error:
        fetched(works, Credentials(bearer=ana), version)
    (denial,) = entries(house, receipt=error.value.receipt)
    assert denial.kind == "denial"
    assert len(entries(house, kind="event", action="extract-read")) == before


@contextlib.contextmanager
def policy_with(house: House, path: str, old: str, new: str) -> Iterator[None]:
    """Another bundle for a while."""
    bundles = store.Bundles(house.gateway.control.engine)
    before = bundles.active()
    assert before is not None
    assert old in before.files[path]
    changed = {**before.files, path: before.files[path].replace(old, new)}
    bundles.activate(PolicyFiles(changed), by="test", now=house.now())
    try:
        yield
    finally:
        bundles.activate(before, by="test", now=house.now())


def test_a_level_that_policy_lowered_ends_the_reading_of_what_shows_more(
    works: Factory, house: House, ana: str, version: DatasetVersion
) -> None:
    with policy_with(house, "grants.yaml", "columns: {income: full}", "columns: {income: pseudonymized}"):
        assert refused(works, Credentials(bearer=ana), version) == "denied.grant"
    assert fetched(works, Credentials(bearer=ana), version)


# Over HTTP


def test_the_links_that_a_version_lists_work_without_a_token_and_in_ranges(
    url: str, works: Factory, ana: str, version: DatasetVersion
) -> None:
    with caller(url, ana) as client, httpx.Client(base_url=url, trust_env=False) as stranger:
        told = client.get(f"/v1/dataset-versions/{version.id}").json()
        links = {file["path"]: file["url"] for file in told["files"]}
        assert links.keys() == {"manifest.json", "manifest.sig", FILE}
        whole = stranger.get(links[FILE])
        content = (works.folder(version) / FILE).read_bytes()
        assert (whole.status_code, whole.content) == (200, content)
        assert whole.headers["Gateway-Receipt"].startswith("r_")
        part = stranger.get(links[FILE], headers={"Range": "bytes=4-11"})
        assert (part.status_code, part.content) == (206, content[4:12])
        bare = stranger.get(links[FILE].partition("?")[0])
        assert bare.status_code == 401


def test_a_forged_expired_or_foreign_link_is_403(url: str, ana: str, version: DatasetVersion) -> None:
    with caller(url, ana) as client, httpx.Client(base_url=url, trust_env=False) as stranger:
        told = client.get(f"/v1/dataset-versions/{version.id}").json()
        made = next(file["url"] for file in told["files"] if file["path"] == FILE)
        fields = {name: values[0] for name, values in parse_qs(urlsplit(made).query).items()}
        path = urlsplit(made).path
        for changes in ({"signature": "f" * 64}, {"expires": "1"}, {"credential": "0000000000"}):
            answer = stranger.get(path, params=fields | changes)
            assert (answer.status_code, answer.json()["code"]) == (403, "denied.link")
        foreign = stranger.get(path.replace(FILE, "manifest.json"), params=fields)
        assert foreign.status_code == 403


def test_a_wrong_token_is_not_mended_by_a_right_link(url: str, ana: str, version: DatasetVersion) -> None:
    with caller(url, ana) as client, caller(url, "gw_wrong") as wrong:
        told = client.get(f"/v1/dataset-versions/{version.id}").json()
        assert wrong.get(told["files"][0]["url"]).status_code == 401
