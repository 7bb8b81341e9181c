"""Which columns hold one identifier, whom rows are about, and what chance must not decide."""

from __future__ import annotations

import pyarrow as pa

from gateway.catalog.sampling import TableFacts
from gateway.catalog.scanning import propose
from gateway.catalog.scanning.relations import find_relations
from gateway.terms.proposal_catalog import TableProposal
from tests.unit.catalog.scans import beside, customers, direct, facts, ids, texts, verdict

PLAIN = verdict("x", "public", "category")


def proposed(*tables: TableFacts, **canons: str) -> dict[str, TableProposal]:
    made, _ = propose(tables, beside(tables, **canons))
    return {each.dataset: each for each in made}


def domains(proposal: TableProposal) -> dict[str, str]:
    return {column.name: column.domain for column in proposal.columns if column.domain}


def orders(values: pa.Array, *, column: str = "customer_id", **more: object) -> TableFacts:
    return facts(
        "orders",
        {"order_id": ids(900_000, len(values), 11), column: values},
        [direct("order_id", "contract"), more.pop("verdict", direct(column, "customer"))],
        key="order_id",
        **more,
    )


def test_a_declared_key_joins_whatever_the_columns_are_called() -> None:
    found = proposed(
        customers(), orders(ids(70_000, 50, 37), column="belongs", references={"belongs": "customers.customer_id"})
    )
    assert domains(found["core.orders"])["belongs"] == "customer"
    assert found["core.orders"].subject.column == "belongs"


def test_a_name_makes_a_virtual_key() -> None:
    found = proposed(customers(key="id"), orders(ids(70_000, 50, 37)))
    assert domains(found["core.customers"])["id"] == domains(found["core.orders"])["customer_id"] == "customer"


def test_a_role_before_the_name_is_still_that_key() -> None:
    found = proposed(customers(key="id"), orders(ids(70_000, 50, 37), column="billed_customer_id"))
    assert domains(found["core.orders"])["billed_customer_id"] == "customer"


def test_a_column_of_which_nothing_is_known_joins_nothing() -> None:
    unknown = [direct("x", "empty", confidence=0.3), direct("mail", "email", confidence=0.6)]
    found = proposed(facts("t", {"x": texts("x{}", 9), "mail": texts("m{}", 9)}, unknown))
    assert domains(found["core.t"]) == {"mail": "email"}
    assert domains(proposed(facts("t", {"x": texts("x{}", 9)}, [direct("x", "card")]))["core.t"]) == {
        "x": "card-number"
    }


def test_a_virtual_key_is_said_with_its_counts() -> None:
    found = proposed(customers(key="id"), orders(ids(70_000, 50, 37)))
    (column,) = [c for c in found["core.orders"].columns if c.name == "customer_id"]
    assert [(e.rule, e.matched, e.tried) for e in column.evidence if e.rule == "virtual_key"] == [
        ("virtual_key", 50, 50)
    ]


def test_values_that_are_not_there_contradict_a_name() -> None:
    found = proposed(customers(), orders(ids(5_000_000, 50, 37)))
    assert domains(found["core.orders"])["customer_id"] != "customer"


def test_two_small_samples_of_large_tables_contradict_nothing() -> None:
    people = facts(
        "customers",
        {"customer_id": ids(70_000, 100, 37), "full_name": texts("P {}", 100), "email": texts("{}@x.example", 100)},
        [direct("customer_id", "customer"), direct("full_name", "person"), direct("email", "email")],
        key="customer_id",
        rows=5_000_000,
    )
    assert domains(proposed(people, orders(ids(9_000_000, 50, 37)))["core.orders"])["customer_id"] == "customer"


def test_a_virtual_key_settles_what_the_classifier_was_unsure_of() -> None:
    unsure = direct("customer_id", "identifier", confidence=0.4)
    found = proposed(customers(), orders(ids(70_000, 50, 37), verdict=unsure))
    (column,) = [c for c in found["core.orders"].columns if c.name == "customer_id"]
    assert not column.needs_review
    assert column.domain == "customer"


def test_sequences_that_are_equal_by_chance_do_not_join() -> None:
    one = facts("branches", {"branch_no": ids(1, 300)}, [direct("branch_no", "identifier")], key="branch_no")
    other = facts("devices", {"device_no": ids(1, 300)}, [direct("device_no", "identifier")], key="device_no")
    names = {name: domains(found) for name, found in proposed(one, other).items()}
    assert names["core.branches"]["branch_no"] != names["core.devices"]["device_no"]


def test_long_numbers_that_are_equal_join_without_a_name() -> None:
    one = facts("a", {"vk": ids(840_000_001, 300, 7_919)}, [direct("vk", "identifier")])
    other = facts("b", {"zz": ids(840_000_001, 300, 7_919)}, [direct("zz", "identifier")])
    found = proposed(one, other)
    assert domains(found["core.a"])["vk"] == domains(found["core.b"])["zz"]


def test_an_identifier_is_one_whether_a_number_or_a_text_of_digits() -> None:
    found = proposed(
        customers(), orders(pa.array([str(n) for n in range(70_000, 71_000, 37)])), customer="integer_text"
    )
    assert domains(found["core.orders"])["customer_id"] == "customer"


def test_a_text_that_is_no_number_does_not_join_numbers() -> None:
    found = proposed(customers(), orders(texts("K-{}", 50)))
    assert domains(found["core.orders"])["customer_id"] != "customer"


def test_kinds_that_name_themselves_join_across_tables() -> None:
    accounts = facts("accounts", {"mail": texts("q{}@y.example", 50)}, [direct("mail", "email")])
    found = proposed(customers(), accounts)
    assert domains(found["core.accounts"])["mail"] == domains(found["core.customers"])["email"] == "email"


def test_what_outsiders_write_has_a_domain_of_its_own() -> None:
    accounts = facts("accounts", {"iban": texts("DE{:020}", 50)}, [direct("iban", "iban")])
    payments = facts("payments", {"counterparty_iban": texts("DE{:020}", 50)}, [direct("counterparty_iban", "iban")])
    found = proposed(accounts, payments)
    (column,) = found["core.payments"].columns
    assert (column.domain, column.is_outsiders) == ("counterparty-iban", True)
    assert domains(found["core.accounts"]) == {"iban": "iban"}


def test_two_identifiers_that_are_called_alike_get_two_domains() -> None:
    sales = customers(name="public.customers")
    hr = customers(name="hr.customers", first=9_000_000)
    found = proposed(sales, hr)
    assert len({domains(each)["customer_id"] for each in found.values()}) == 2


def test_people_have_no_domain_of_their_names() -> None:
    assert "full_name" not in domains(proposed(customers())["core.customers"])


def test_the_subject_of_people_is_their_key_and_of_others_who_is_named() -> None:
    found = proposed(customers(), orders(ids(70_000, 50, 37)))
    assert [found[f"core.{name}"].subject.column for name in ("customers", "orders")] == ["customer_id", "customer_id"]
    assert {each.subject.domain for each in found.values()} == {"customer"}


def test_customers_come_before_staff() -> None:
    staff = facts(
        "employees",
        {"emp_id": ids(100_000, 50, 13), "last_name": texts("E {}", 50), "email": texts("e{}@bank.example", 50)},
        [direct("emp_id", "staff"), direct("last_name", "last_name"), direct("email", "email")],
        key="emp_id",
        rows=50,
    )
    calls = facts(
        "calls",
        {"emp_id": ids(100_000, 50, 13), "customer_id": ids(70_000, 50, 37)},
        [direct("emp_id", "staff"), direct("customer_id", "customer")],
    )
    assert proposed(staff, customers(), calls)["core.calls"].subject.domain == "customer"


def test_the_key_of_a_row_about_somebody_is_an_identifier() -> None:
    counted = verdict("note_id", "public", "row_id", confidence=0.55)
    notes = facts(
        "call_notes",
        {"note_id": ids(1, 50), "customer_id": ids(70_000, 50, 37)},
        [counted, direct("customer_id", "customer")],
        key="note_id",
    )
    (key, _) = proposed(customers(), notes)["core.call_notes"].columns
    assert (key.classification, key.domain, key.needs_review) == ("direct_identifier", "call-note", False)
    nobodys = facts("rates", {"rate_id": ids(1, 50)}, [verdict("rate_id", "public", "row_id")], key="rate_id")
    assert domains(proposed(customers(), nobodys)["core.rates"]) == {}


def test_a_table_that_names_nobody_says_how_its_subject_is_reached() -> None:
    people, bought = customers(), orders(ids(70_000, 50, 37))
    lines = facts(
        "lines",
        {"order_id": ids(900_000, 50, 11), "amount": pa.array([1.5] * 50)},
        [direct("order_id", "contract"), verdict("amount", "sensitive", "amount")],
    )
    found = proposed(people, bought, lines)["core.lines"]
    assert found.subject is None
    assert found.path == "order_id"


def test_hashes_depend_on_the_scans_own_key() -> None:
    from gateway.catalog.sampling import read_sample
    from gateway.terms.streams import RawStream
    from tests.unit.catalog.scans import table

    columns = {"email": texts("p{}@x.example", 20)}
    made = table("t", columns)
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    one, same, other = (
        read_sample(made, RawStream(batch.schema, iter([batch])), dialect="postgres", secret=secret).facts.columns[
            "email"
        ]
        for secret in (b"a" * 32, b"a" * 32, b"b" * 32)
    )
    assert set(one.hashes) == set(same.hashes)
    assert set(one.hashes).isdisjoint(other.hashes)


def test_many_columns_of_equal_values_are_grouped_in_bounded_work() -> None:
    crowd = [facts(f"t{n}", {"ref": ids(840_000_001, 200, 7_919)}, [direct("ref", "identifier")]) for n in range(60)]
    groups = find_relations(crowd).groups
    assert sum(len(group) for group in groups) == 60
