"""Masks of one value are one nested chain (T7), and no date beside shifted ones tells the shift (T8)."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.catalog import read_catalog
from gateway.errors import Invalid
from gateway.policy import Bundle, load_bundle
from gateway.policy.exposure import exposed
from gateway.policy.laws import undone
from gateway.policy.laws.nesting import determines
from gateway.terms.mask_spec import MASK_SPECS, MaskUse, fault_of
from gateway.terms.policy import ColumnDecision, Level
from tests.unit.policy.builders import files, grants, parse_predicate

WEEK, MONTH, YEAR, DAY, QUARTER = ({"unit": unit} for unit in ("week", "month", "year", "day", "quarter"))
TABLE = {"Ulm": ["South", "DE"], "Kiel": ["North", "DE"]}
SHIFT = "mask: {name: date_shift, window_days: 90}"


def load(datasets: str, **changed: str) -> Bundle:
    """A catalog of its own: `datasets` are its lines from the third on."""
    policy = files({"catalog/s.yaml": f"source: s\ndatasets:\n{datasets}", **_OWN_GRANTS, **changed})
    return load_bundle(policy, datasets=read_catalog(policy), parse_predicate=parse_predicate)


def refusals(datasets: str, **changed: str) -> list[str]:
    with pytest.raises(Invalid) as caught:
        load(datasets, **changed)
    return list(caught.value.reasons) or [caught.value.message]  # the catalog's reader stops at the first


def dataset(name: str, *columns: str, table: str = "people") -> str:
    """One line a column, the subject in the fourth line of the dataset."""
    lines = [
        f"  s.{name}:",
        f"    table: {table}",
        "    subject: {column: person_id, domain: person}",
        "    columns:",
        "      person_id: {type: int64, class: direct_identifier, domain: person}",
        *(f"      {column}" for column in columns),
    ]
    return "\n".join(lines) + "\n"


_OWN_GRANTS = grants(
    "id: rows, role: scientist, environment: dev, datasets: [s.people], purposes: [study], level: pseudonymized"
)


def amount(mask: str, kind: str = "int64") -> str:
    return f"amount: {{type: {kind}, class: sensitive, mask: {{{mask}}}}}"


@pytest.mark.parametrize(
    ("fine", "coarse", "parameters"),
    [
        ("bucket", "bucket", ({"step": 5}, {"step": 10})),
        ("bucket", "bucket", ({"step": 5}, {"edges": [0, 10, 25]})),
        ("bucket", "bucket", ({"edges": [0, 5, 10]}, {"edges": [0, 10]})),
        ("truncate_date", "truncate_date", (DAY, WEEK)),
        ("truncate_date", "truncate_date", (DAY, YEAR)),
        ("truncate_date", "truncate_date", (MONTH, QUARTER)),
        ("keep_first", "keep_first", ({"n": 4}, {"n": 4, "width": 8})),
        ("generalize", "generalize", ({"table": TABLE}, {"table": TABLE, "level": 2})),
        ("generalize", "generalize", ({"table": TABLE, "unknown": "other"}, {"table": TABLE})),
        ("top_code", "top_code", ({"low": 0, "high": 90}, {"low": 10, "high": 90})),
        ("keep", "bucket", ({}, {"step": 7})),
        ("bucket", "redact", ({"step": 7}, {})),
        ("pseudonym", "constant", ({}, {"value": "x"})),
        ("pseudonym", "hash_bucket", ({}, {"buckets": 10})),
        ("hash_bucket", "hash_bucket", ({"buckets": 1000}, {"buckets": 10})),
        ("pseudonym", "pseudonym", ({}, {"form": "uuid"})),
        ("round", "round", ({"multiple": 10}, {"multiple": 10})),
    ],
)
def test_a_coarser_mask_tells_nothing_beside_a_finer_one(
    fine: str, coarse: str, parameters: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    uses = [MaskUse(name=name, parameters=stated) for name, stated in zip((fine, coarse), parameters, strict=True)]
    assert [fault_of(use) for use in uses] == [None, None]
    assert determines(*uses, one_key=True)


@pytest.mark.parametrize(
    ("one", "other", "parameters"),
    [
        ("bucket", "bucket", ({"step": 5000}, {"step": 7000})),
        ("bucket", "bucket", ({"step": 10}, {"edges": [0, 25]})),
        ("bucket", "bucket", ({"edges": [0, 5]}, {"edges": [0, 7]})),
        ("truncate_date", "truncate_date", (WEEK, MONTH)),
        ("truncate_date", "truncate_date", (WEEK, YEAR)),
        ("keep_last", "keep_last", ({"n": 4, "width": 8}, {"n": 2})),
        ("keep_last", "keep_last", ({"n": 4}, {"n": 2})),
        ("keep_first", "keep_first", ({"n": 4}, {"n": 2, "width": 8})),
        ("hash_bucket", "hash_bucket", ({"buckets": 999}, {"buckets": 1000})),
        ("keep_first", "keep_last", ({"n": 4}, {"n": 4})),
        ("round", "round", ({"multiple": 10}, {"multiple": 100})),
        ("round", "bucket", ({"multiple": 10}, {"step": 10})),
        ("generalize", "generalize", ({"table": TABLE}, {"table": {"Ulm": ["West"]}})),
        ("generalize", "generalize", ({"table": TABLE}, {"table": TABLE, "level": 2, "unknown": "other"})),
        ("top_code", "top_code", ({"high": 90}, {"low": 10})),
        ("pseudonym", "keep_last", ({}, {"n": 4})),
        ("date_shift", "truncate_date", ({"window_days": 30}, YEAR)),
        ("date_shift", "date_shift", ({"window_days": 30}, {"window_days": 31})),
    ],
)
def test_masks_that_cut_a_value_in_two_ways_do_not_nest(
    one: str, other: str, parameters: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    uses = [MaskUse(name=name, parameters=stated) for name, stated in zip((one, other), parameters, strict=True)]
    assert [fault_of(use) for use in uses] == [None, None]
    assert not determines(*uses, one_key=True)
    assert not determines(*reversed(uses), one_key=True)


def test_every_mask_nests_in_itself_and_with_the_two_ends() -> None:
    for name in MASK_SPECS:
        use = MaskUse(name=name)
        assert determines(use, use, one_key=True)
        assert determines(use, use, one_key=False) == (name not in {"hash_bucket", "date_shift"})
        assert determines(MaskUse(name="keep"), use)
        assert determines(use, MaskUse(name="redact"))


def test_t7_steps_that_narrow_each_other_down_are_refused_where_two_datasets_read_one_table() -> None:
    text = dataset("people", amount("name: bucket, step: 5000")) + dataset("more", amount("name: bucket, step: 7000"))
    (told,) = refusals(text)
    assert told == (
        "catalog/s.yaml:14: s.more.amount (bucket: step 7000) and s.people.amount (bucket: step 5000)"
        " show column amount of table people of s so that both tell more than either:"
        " allowed are steps that are multiples of the smaller, and edges that are among the other's edges"
    )


def test_t7_steps_that_nest_load_and_so_do_other_tables() -> None:
    load(dataset("people", amount("name: bucket, step: 5000")) + dataset("more", amount("name: bucket, step: 15000")))
    other = dataset("more", amount("name: bucket, step: 7000"), table="others")
    load(dataset("people", amount("name: bucket, step: 5000")) + other)


def test_t7_values_of_one_domain_nest_wherever_they_stand() -> None:
    email = "{type: string, class: direct_identifier, domain: email, mask: {name: %s, n: 4}}"
    text = dataset("people", "mail: " + email % "keep_first") + dataset(
        "more", "address: " + email % "keep_last", table="t"
    )
    (told,) = refusals(text)
    assert told.startswith(
        "catalog/s.yaml:14: s.more.address (keep_last: n 4) and s.people.mail (keep_first: n 4) show"
    )
    assert "values of domain email" in told
    assert "give both the same mask" in told


def test_t7_buckets_drawn_by_two_keys_are_refused_however_many_they_are() -> None:
    """Without a domain each column has a key of its own: twice 1000 buckets single everybody out."""
    drawn = "k: {type: int64, class: sensitive, mask: {name: hash_bucket, buckets: 1000}%s}"
    (told,) = refusals(dataset("people", drawn % "") + dataset("more", drawn % ""))
    assert "hash_bucket draws by the domain's key: give both the same domain" in told
    load(dataset("people", drawn % ", domain: person") + dataset("more", drawn % ", domain: person"))


@pytest.mark.parametrize("spelled", ["main.people", "People", "x.MAIN.people"])
def test_t7_one_table_has_one_spelling(spelled: str) -> None:
    text = dataset("people", amount("name: bucket, step: 5")) + dataset("more", table=spelled)
    (told,) = refusals(text)
    assert told == (
        f"catalog/s.yaml:9: s.more reads table {spelled} and s.people people (catalog/s.yaml:3), which may be one"
        " table: spell it one way"
    )
    load(text.replace(f"table: {spelled}", "table: main.peoples").replace("table: people\n", "table: b.people\n"))
    load(dataset("people", table="a.people") + dataset("more", table="b.people"))


@pytest.mark.parametrize("mask", ["top_code, high: 100", "bucket, step: 5", "keep"])
def test_t7_a_mask_that_shows_some_values_is_warned_of_beside_full_ones(mask: str) -> None:
    line = "role: scientist, environment: dev, datasets: [s.people]"
    both = grants(
        f"id: rows, {line}, purposes: [study], level: pseudonymized",
        f"id: fulls, {line}, purposes: [audit-study], level: full, columns: {{person_id: pseudonymized}}",
    )
    told = [text for _, text in exposed(load(dataset("people", amount(f"name: {mask}")), **both))]
    assert any("s.people.amount is full in" in text for text in told) == (mask != "keep")


DATE = "{type: date32, class: quasi_identifier, %s}"


def test_t8_dates_may_be_shifted_where_all_dates_of_the_subjects_are() -> None:
    load(
        dataset(
            "people",
            f"moved: {DATE % SHIFT}",
            f"left_on: {DATE % SHIFT}",
            "born: {type: date32, class: quasi_identifier}",
        )
        + dataset(
            "loans",
            f"paid: {DATE % SHIFT}",
            f"since: {DATE % 'mask: {name: truncate_date, unit: year}'}",
            table="loans",
        )
    )


@pytest.mark.parametrize(
    "shown",
    [
        "stamp: {type: date32, class: public}",
        'stamp: {type: "timestamp[us]", class: sensitive}',
        f"stamp: {DATE % 'mask: {name: truncate_date, unit: month}'}",
        f"stamp: {DATE % 'mask: {name: pseudonym}'}",
    ],
)
def test_t8_a_date_beside_shifted_ones_is_refused(shown: str) -> None:
    beside = refusals(dataset("people", f"moved: {DATE % SHIFT}", shown))
    elsewhere = refusals(dataset("people", f"moved: {DATE % SHIFT}") + dataset("more", shown, table="more"))
    assert len(beside) == len(elsewhere) == 1
    assert beside[0].startswith(
        "catalog/s.yaml:8: date_shift of moved hides nothing: s.people.stamp shows a date of the same"
    )
    assert "s.more.stamp shows a date" in elsewhere[0]
    assert all("use truncate_date instead, or redact" in told for told in (*beside, *elsewhere))


def test_t8_subjects_are_found_in_datasets_that_are_about_others() -> None:
    other = dataset(
        "more", "stamp: {type: date32, class: public}", "visit: {type: int64, class: direct_identifier}", table="v"
    )
    (told,) = refusals(
        dataset("people", f"moved: {DATE % SHIFT}")
        + other.replace("    subject: {column: person_id, domain: person}\n", "    owner: research\n")
    )
    assert "s.more.stamp" in told


def test_t8_two_windows_are_refused_as_they_keep_no_interval() -> None:
    text = dataset("people", f"moved: {DATE % SHIFT}", f"left_on: {DATE % SHIFT.replace('90', '91')}")
    assert any("different window_days, which loses intervals: allowed is 90" in told for told in refusals(text))


def test_t8_a_grant_that_shows_a_date_in_full_beside_shifted_ones_is_refused() -> None:
    text = dataset("people", f"moved: {DATE % SHIFT}", f"left_on: {DATE % SHIFT}")
    line = "role: scientist, environment: dev, datasets: [s.people], purposes: [study]"
    (told,) = refusals(text, **grants(f"id: rows, {line}, level: pseudonymized, columns: {{left_on: full}}"))
    assert told.startswith("grants.yaml:1: rows shows s.people.left_on in full beside s.people.moved")
    load(text, **grants(f"id: rows, {line}, level: full"))


def test_t8_a_date_that_only_a_grant_shows_counts_too() -> None:
    """Its class is denied at the pseudonymized level, so that it has no mask there."""
    text = dataset("people", f"moved: {DATE % SHIFT}", "left_on: {type: date32, class: free_text}")
    line = "role: scientist, environment: dev, datasets: [s.people], purposes: [study], level: pseudonymized"
    (told,) = refusals(text, **grants(f"id: rows, {line}, columns: {{left_on: full}}"))
    assert told.startswith("grants.yaml:1: rows shows s.people.left_on in full beside s.people.moved")
    load(text, **grants(f"id: rows, {line}"))


def test_t8_a_date_of_the_same_table_counts_whatever_the_dataset_says_of_its_subjects() -> None:
    other = "  s.more:\n    table: people\n    columns:\n      stamp: {type: date32, class: public}\n"
    (told,) = refusals(dataset("people", f"moved: {DATE % SHIFT}") + other)
    assert "s.more.stamp shows a date of the same subjects unshifted" in told
    load(dataset("people", f"moved: {DATE % SHIFT}") + other.replace("table: people", "table: others"))


def test_t8_one_column_is_shifted_by_one_domains_key() -> None:
    one, other = (dataset(name, f"moved: {DATE % SHIFT}") for name in ("people", "more"))
    domains = {"domains.yaml": files().files["domains.yaml"] + "\np2: {canon: exact, mask: {name: pseudonym}}\n"}
    told = refusals(one + other.replace("domain: person", "domain: p2"), **domains)
    assert any("date_shift draws by the domain's key" in text for text in told)
    load(one + other, **domains)


def test_t8_two_grants_of_one_person_are_warned_of_where_one_undoes_the_shifts_of_the_other() -> None:
    """Full dates in one grant and shifted ones in another, for one project."""
    line = "role: scientist, environment: dev, purposes: [study]"
    text = dataset("people", f"moved: {DATE % SHIFT}") + dataset("more", f"left_on: {DATE % SHIFT}", table="more")
    both = grants(
        f"id: rows, {line}, datasets: [s.people], level: pseudonymized",
        f"id: fulls, {line}, datasets: [s.more], level: full",
    )
    bundle = load(text, **both)
    ((rule, told),) = undone(bundle)
    assert rule.line == 1
    assert told.startswith("date_shift of s.people.moved hides nothing: s.more.left_on (fulls) is full, and ")
    assert "scientist" in told
    elsewhere = both["grants.yaml"].replace("dev", "prod", 1)
    assert not list(undone(load(text, **{"grants.yaml": elsewhere})))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            dataset("people", f"moved: {DATE % SHIFT}").replace(
                "    subject: {column: person_id, domain: person}\n", ""
            ),
            "catalog/s.yaml:7: mask date_shift of moved goes by data subjects: s.people needs a subject",
        ),
        (
            dataset("people", "person: {type: int64, class: sensitive, mask: {name: date_shift, window_days: 90}}"),
            "catalog/s.yaml:8: mask date_shift does not take int64",
        ),
        (
            dataset("people", f"moved: {DATE % 'mask: {name: date_shift, window_days: 3}'}"),
            "catalog/s.yaml:8: window_days of mask date_shift: needed is a whole number from 7 to 3650",
        ),
        (
            dataset("people", amount("name: bucket, step: 1")),
            "catalog/s.yaml:8: mask bucket does not fit int64: step 1 leaves int64 as it is: allowed are greater ones",
        ),
        (
            dataset("people", amount("name: round, multiple: 0.01", '"decimal128(12,1)"')),
            (
                "catalog/s.yaml:8: mask round does not fit decimal128(12, 1): multiple 0.01 has more decimals than"
                " decimal128(12, 1): allowed are multiples of 0.1"
            ),
        ),
        (
            dataset("people", amount("name: constant, value: x")),
            "catalog/s.yaml:8: mask constant does not fit int64: value is none of int64",
        ),
        (
            dataset("people", "note: {type: string, class: sensitive, mask: {name: keep_last, n: 4, width: 7}}"),
            "catalog/s.yaml:8: mask keep_last: a width is 0, for each text's own, or at least twice n, from 8 to 64",
        ),
        (
            dataset(
                "people", "c: {type: string, class: sensitive, mask: {name: generalize, table: {a: [x, u], b: [x, v]}}}"
            ),
            "catalog/s.yaml:8: mask generalize: level 2 of the table splits a group of level 1",
        ),
        (
            dataset("people", "c: {type: string, class: sensitive, mask: {name: generalize, table: {a: x}, level: 2}}"),
            "catalog/s.yaml:8: mask generalize: the table has 1 levels",
        ),
        (
            dataset("people", "n: {type: int64, class: direct_identifier, mask: {name: top_code, high: 5}}"),
            "catalog/s.yaml:8: top_code would show a direct_identifier at the pseudonymized level",
        ),
        (
            dataset("people", "d: {type: date32, class: sensitive, mask: {name: truncate_date, unit: day}}"),
            "catalog/s.yaml:8: mask truncate_date does not fit date32[day]: unit day leaves date32[day] as it is",
        ),
        (
            dataset("people", amount("name: bucket, edges: [0, 1, 2, 3, 4, 5, 90]")),
            "catalog/s.yaml:8: mask bucket does not fit int64: 5 of the edges leave numbers of int64 as they are",
        ),
        (
            dataset("people", amount("name: bucket, step: 0.0000001", "float64")),
            "catalog/s.yaml:8: mask bucket does not fit double: step with a width of 0.0000001 is too fine for double",
        ),
        (
            dataset("people", amount("name: bucket, edges: [0, 0.0000001]", "float64")),
            "catalog/s.yaml:8: mask bucket does not fit double: edges with a width of 0.0000001 is too fine for double",
        ),
        (
            dataset("people", amount("name: round, multiple: 0.0000001", "float64")),
            "catalog/s.yaml:8: mask round does not fit double: multiple with a width of 0.0000001 is too fine",
        ),
        (
            dataset("people", "c: {type: string, class: sensitive, mask: {name: generalize, table: {a: a, b: b}}}"),
            "catalog/s.yaml:8: mask generalize: level 1 of the table leaves every text as it is",
        ),
        (
            dataset("people", f"d: {DATE % 'mask: {name: date_shift, window_days: 9, placeholders: [soon]}'}"),
            "catalog/s.yaml:8: placeholders of mask date_shift: needed is a list of 1 to 100 days like 2020-01-31",
        ),
        (dataset("people", amount("name: top_code")), "catalog/s.yaml:8: mask top_code: needed is low, high or both"),
        (
            dataset("people", amount("name: top_code, low: 5, high: 4")),
            "catalog/s.yaml:8: mask top_code: low must be below high",
        ),
        (
            dataset("people", amount("name: bucket, step: 5, edges: [1]")),
            "catalog/s.yaml:8: mask bucket: needed is either step or edges",
        ),
    ],
)
def test_what_a_mask_cannot_do_is_refused_with_what_is_allowed(text: str, says: str) -> None:
    assert any(told.startswith(says) for told in refusals(text))


def test_t8_shifting_is_no_domains_default() -> None:
    changed = {"domains.yaml": "person: {canon: exact, mask: {name: date_shift, window_days: 30}}\n"}
    policy = files(changed)
    with pytest.raises(
        Invalid, match=r"domains.yaml:1: date_shift is no default \(T8\): give single columns this mask"
    ):
        load_bundle(policy, datasets=read_catalog(policy), parse_predicate=parse_predicate)


def test_a_decision_names_the_subject_that_its_mask_goes_by() -> None:
    bundle = load(dataset("people", f"moved: {DATE % SHIFT}"))
    decision = bundle.releases["s.people", "moved", Level.PSEUDONYMIZED]
    assert isinstance(decision, ColumnDecision)
    (beside,) = decision.auxiliary
    assert (beside.role, beside.column, beside.domain, beside.canon) == (
        "subject",
        "person_id",
        "person",
        "integer_text",
    )
    assert decision.domain is None
