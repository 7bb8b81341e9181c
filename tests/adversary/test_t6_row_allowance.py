"""T6: `query -o file.parquet` is no extract. Rows taken interactively are counted by principal, dataset and day, and
the log can say whose they were without naming anybody."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from gateway import delivery, masks
from gateway.app import Gateway
from gateway.assembly import Control
from gateway.delivery import FORMATS, Format
from gateway.errors import Exhausted, GatewayError
from gateway.sources import open_sources
from gateway.terms.audit import EntryFilter
from gateway.terms.plan import GroupedScan
from tests import bank
from tests.house import House, open_house, request
from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures

ROWS = 20
CUSTOMERS = "SELECT customer_id, income FROM core.customers"
"""12 rows: Ana sees DE and FR of 48."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    more = {} if request.param == "sqlite" else {"database_url": request.getfixturevalue("postgres_url")}
    source = bank.write(bank.first_world(), tmp_path / "core.db")
    with open_house(tmp_path, bank=source, rows_per_day=ROWS, **more) as opened:
        yield opened


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """A house on SQLite, with other settings or another world."""
    opened = []

    def build(world: bank.Tables | None = None, **more: object) -> House:
        source = bank.write(world or bank.first_world(), tmp_path / "core.db")
        opened.append(open_house(tmp_path, bank=source, **more))
        return opened[0].__enter__()

    yield build
    opened[0].__exit__(None, None, None)


def ask(house: House, token: str, sql: str = CUSTOMERS, *, form: Format = "json") -> int:
    """Rows of the answer."""
    house.ask(token, sql, purpose=bank.ANA[1], form=form)
    return taken(house, "core.customers")


def taken(house: House, dataset: str, *, by: str = "ana") -> int:
    allowance = house.enforcement._rooms.allowance
    return allowance.taken(principal=by, dataset=dataset, day=house.now().date())


def refused(house: House, token: str, sql: str = CUSTOMERS, *, form: Format = "json") -> tuple[GatewayError, bytes]:
    """The error, and all that left before it."""
    sent = []
    answer = house.enforcement.answer(request(token, sql, purpose=bank.ANA[1]), format=form)
    with answer.body as body, pytest.raises(Exhausted) as error:
        for chunk in body:
            sent.append(chunk)  # noqa: PERF402 - what came before the error is wanted
    return error.value, b"".join(sent)


def test_t6_rows_of_all_queries_and_tokens_of_a_principal_add_up(house: House) -> None:
    ana = [house.token("ana", bank.ANA[0]) for _ in range(2)]
    assert ask(house, ana[0], f"{CUSTOMERS} LIMIT 8") == 8
    assert ask(house, ana[1]) == 20
    error, _ = refused(house, ana[0], f"{CUSTOMERS} LIMIT 1")
    assert error.code == "exhausted.row_allowance"
    assert "extract" in error.fix
    assert str(ROWS) in error.message
    (access,) = house.gateway.control.log_store.search(EntryFilter(receipt=error.receipt, kind="access"))
    assert access.result == "exhausted"
    assert access.outcome is not None
    assert (access.outcome["code"], access.outcome["rows"]) == ("exhausted.row_allowance", 0)
    assert taken(house, "core.customers") == 20


@pytest.mark.parametrize("form", FORMATS)
def test_t6_nothing_of_what_is_refused_leaves(local: Callable[..., House], form: Format) -> None:
    house = local(rows_per_day=5)
    error, sent = refused(house, house.token("ana", bank.ANA[0]), form=form)
    assert error.code == "exhausted.row_allowance"
    whole, _ = house.ask(house.token("ana", bank.ANA[0]), f"{CUSTOMERS} LIMIT 0", purpose=bank.ANA[1], form=form)
    assert len(sent) < len(whole)
    assert taken(house, "core.customers") == 0


def test_t6_every_dataset_of_a_join_is_charged(house: House) -> None:
    ana = house.token("ana", bank.ANA[0])
    sql = "SELECT a.kind FROM core.customers c JOIN core.accounts a ON a.customer_id = c.customer_id LIMIT 7"
    ask(house, ana, sql)
    assert [taken(house, name) for name in ("core.customers", "core.accounts", "core.loans")] == [7, 7, 0]


def test_t6_another_principal_is_not_affected(house: House) -> None:
    ana, bob = house.token("ana", bank.ANA[0]), house.token("bob", bank.ANA[0])
    ask(house, ana, f"{CUSTOMERS} LIMIT 10")
    house.ask(bob, CUSTOMERS, purpose=bank.ANA[1])
    assert (taken(house, "core.customers"), taken(house, "core.customers", by="bob")) == (10, 12)


def test_t6_groups_are_free(house: House) -> None:
    rita = house.token("rita", "reporting-analyst")
    groups = "SELECT segment, count(*) FROM core.customers GROUP BY segment"
    house.ask(rita, groups, purpose="regulatory-reporting")
    assert taken(house, "core.customers", by="rita") == 0


def test_t6_one_row_that_holds_a_table_is_not_one_row(local: Callable[..., House]) -> None:
    house = local(rows_per_day=ROWS)
    ana = house.token("ana", bank.ANA[0])
    packed = "SELECT string_agg(x, '') FROM (SELECT '" + "x" * 4000 + "' || segment AS x FROM core.customers) AS q"
    error, _ = refused(house, ana, packed)
    assert error.code == "exhausted.row_allowance"
    ask(house, ana, packed.replace("x" * 4000, "x" * 500))
    assert 5 <= taken(house, "core.customers") <= 7


def test_t6_an_extract_is_not_charged(house: House, tmp_path: Path) -> None:
    ana = house.token("ana", bank.ANA[0])
    (tmp_path / "files").mkdir()
    asked = request(ana, "SELECT customer_id, amount FROM core.transactions", purpose=bank.ANA[1])
    answer = house.enforcement.answer(
        asked, format="dataset", into=delivery.Folder(path=tmp_path / "files", subject="customer_id")
    )
    with answer.body as body:
        lines = [json.loads(line) for line in b"".join(body).splitlines()]
        body.finish()
    assert lines[-1]["trailer"]["rows"] > ROWS
    assert taken(house, "core.transactions") == 0


def test_t6_two_answers_at_once_cannot_overdraw(house: House) -> None:
    tokens = [house.token("ana", bank.ANA[0]) for _ in range(3)]
    got: list[int] = []
    begin = threading.Barrier(3)

    def one(token: str) -> None:
        begin.wait()
        try:
            body, _ = house.ask(token, CUSTOMERS, purpose=bank.ANA[1])
            got.append(len(json.loads(body)["rows"]))
        except Exhausted as error:
            assert error.code == "exhausted.row_allowance"

    threads = [threading.Thread(target=one, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [12]
    assert taken(house, "core.customers") == 12


def test_t6_a_restart_forgets_nothing(house: House) -> None:
    ana = house.token("ana", bank.ANA[0])
    ask(house, ana)
    house.gateway.close()
    again = Gateway(Control(house.settings), sources=open_sources(house.settings.sources))
    again.start()
    restarted = House(gateway=again, host=house.host, settings=house.settings)
    error, _ = refused(restarted, ana)
    assert error.code == "exhausted.row_allowance"
    again.close()


# --- whose rows they were ---------------------------------------------------------------------------------------------


def sketches(house: House, receipt: str) -> dict[str, str]:
    (access,) = house.gateway.control.log_store.search(EntryFilter(receipt=receipt, kind="access"))
    assert access.outcome is not None
    found = access.outcome["subjects"]
    assert isinstance(found, dict)
    return found


def subjects(sketch: str, house: House, world: bank.Tables, *, project: str = "credit-risk") -> set[int]:
    """Those of the bank's customers whom the sketch may contain."""
    ids = [row["customer_id"] for row in world["customers"]]
    hashes = masks.sketch_hash(
        pa.array(ids, pa.int64()), keys=house.enforcement._rooms.keys, project=project, domain="customer"
    )
    return {one for one, hash_ in zip(ids, hashes.tolist(), strict=True) if masks.may_contain(sketch, hash_)}


def visible(world: bank.Tables) -> set[int]:
    return {row["customer_id"] for row in world["customers"] if row["region"] in bank.VISIBLE}


def test_t6_the_outcome_says_whose_rows_were_released(local: Callable[..., House]) -> None:
    world = bank.first_world()
    house = local(world)
    _, answer = house.ask(house.token("ana", bank.ANA[0]), CUSTOMERS, purpose=bank.ANA[1])
    (sketch,) = sketches(house, answer.receipt.id).values()
    assert subjects(sketch, house, world) == visible(world)
    assert subjects(sketch, house, world, project="fraud") == set(), "another project's key says nothing"
    assert not [value for value in answer.headers.values() if sketch in value]


def test_t6_whom_the_users_own_filter_left_out_counts_as_released_into_the_sandbox(local: Callable[..., House]) -> None:
    world = bank.first_world()
    house = local(world)
    sql = f"{CUSTOMERS} WHERE income + 0 > 1000000"
    _, answer = house.ask(house.token("ana", bank.ANA[0]), sql, purpose=bank.ANA[1])
    (sketch,) = sketches(house, answer.receipt.id).values()
    assert subjects(sketch, house, world) == visible(world)


def test_t6_whom_the_source_left_out_was_not_released(local: Callable[..., House]) -> None:
    world = bank.first_world()
    house = local(world)
    sql = f"{CUSTOMERS} WHERE income > 1000000"
    _, answer = house.ask(house.token("ana", bank.ANA[0]), sql, purpose=bank.ANA[1])
    (sketch,) = sketches(house, answer.receipt.id).values()
    assert subjects(sketch, house, world) == set()


def test_t6_behind_a_group_that_the_source_makes_may_be_anybody(local: Callable[..., House]) -> None:
    """And its rows are charged: groups of shown columns are no protected ones."""
    house = local()
    sql = "SELECT segment, count(*), sum(income) FROM core.customers GROUP BY segment"
    body, answer = house.ask(house.token("ana", bank.ANA[0]), sql, purpose=bank.ANA[1])
    assert [type(step) for step in answer.plan.steps] == [GroupedScan]
    assert sketches(house, answer.receipt.id) == {"core.customers": "any"}
    assert taken(house, "core.customers") == len(json.loads(body)["rows"]) > 0


def test_t6_an_unread_subject_is_anybody(local: Callable[..., House]) -> None:
    """Reading one more column of production for the log's sake would be a worse trade."""
    house = local()
    rooms = house.enforcement._rooms
    read: list[tuple[str, ...]] = []
    session = rooms.sources["core"].session

    def watched(**more: object) -> object:
        opened = session(**more)  # type: ignore[arg-type]  # as given
        scan = opened.scan
        opened.scan = lambda asked: (
            read.append(tuple(c.name for c in (*asked.columns, *asked.aux_columns))),
            scan(asked),
        )[1]  # type: ignore[method-assign]
        return opened

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rooms.sources["core"], "session", watched)
        _, answer = house.ask(
            house.token("ana", bank.ANA[0]), "SELECT segment FROM core.customers", purpose=bank.ANA[1]
        )
    assert sorted(read[0]) == ["region", "segment"], "region is the row filter's"
    assert sketches(house, answer.receipt.id) == {"core.customers": "any"}


def test_t6_two_scans_of_a_dataset_have_one_sketch(local: Callable[..., House]) -> None:
    world = bank.first_world()
    house = local(world)
    ana = house.token("ana", bank.ANA[0])
    both = (
        "SELECT a.customer_id FROM core.customers a JOIN core.customers b ON a.customer_id = b.customer_id"
        " JOIN core.loans l ON l.customer_id = a.customer_id"
    )
    _, answer = house.ask(ana, both, purpose=bank.ANA[1])
    found = sketches(house, answer.receipt.id)
    assert set(found) == {"core.customers", "core.loans"}
    assert subjects(found["core.customers"], house, world) == visible(world)
    borrowers = {row["customer_id"] for row in world["loans"]} & visible(world)
    assert subjects(found["core.loans"], house, world) == borrowers
    _, answer = house.ask(
        ana, "SELECT a.customer_id FROM core.customers a, (SELECT region FROM core.customers) b", purpose=bank.ANA[1]
    )
    (sketch,) = sketches(house, answer.receipt.id).values()
    assert subjects(sketch, house, world) == visible(world), "both are read by one scan"


def test_t6_an_answer_that_is_given_up_says_it_as_well(local: Callable[..., House]) -> None:
    world = bank.first_world()
    house = local(world, rows_per_day=1)
    error, _ = refused(house, house.token("ana", bank.ANA[0]))
    (sketch,) = sketches(house, error.receipt).values()
    assert subjects(sketch, house, world) == visible(world)


def test_t6_groups_and_extracts_have_no_sketch(local: Callable[..., House], tmp_path: Path) -> None:
    house = local()
    groups = "SELECT segment, count(*) FROM core.customers GROUP BY segment"
    _, answer = house.ask(house.token("rita", "reporting-analyst"), groups, purpose="regulatory-reporting")
    assert sketches(house, answer.receipt.id) == {}
    (tmp_path / "files").mkdir()
    answer = house.enforcement.answer(
        request(house.token("ana", bank.ANA[0]), CUSTOMERS, purpose=bank.ANA[1]),
        format="dataset",
        into=delivery.Folder(path=tmp_path / "files", subject="customer_id"),
    )
    with answer.body as body:
        assert b"".join(body)
        body.finish()
    assert sketches(house, answer.receipt.id) == {}


def test_t6_the_log_verifies_with_sketches_of_full_size(local: Callable[..., House]) -> None:
    house = local()
    _, answer = house.ask(house.token("ana", bank.ANA[0]), CUSTOMERS, purpose=bank.ANA[1])
    (sketch,) = sketches(house, answer.receipt.id).values()
    assert len(sketch) == 1368
    verified = house.host.verify(house.settings, verifier_key=None, progress=None)
    assert verified.findings == ()


def test_t6_strangers_are_few_until_nearly_everybody_is_in() -> None:
    sketch, draw = masks.Sketch(), np.random.default_rng(1)
    own, strangers = (draw.integers(0, 2**64, 850, np.uint64) for _ in range(2))
    sketch.add(own)
    text = sketch.text()
    assert all(masks.may_contain(text, one) for one in own.tolist())
    assert sum(masks.may_contain(text, one) for one in strangers.tolist()) < 850 * 0.03
    sketch.add(draw.integers(0, 2**64, 5000, np.uint64))
    assert sketch.text() == "any"
    assert masks.may_contain("any", 1)
    for bad in ("", "AAAA", "any ", "*" * 1368):
        with pytest.raises(GatewayError):
            masks.may_contain(bad, 1)
