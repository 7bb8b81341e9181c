"""What is remembered of a question, and what never is."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from gateway.planning import make_plan
from gateway.query import bind, parse
from gateway.query.limits import DEFAULT
from gateway.remembered import MAX_QUESTIONS, MAX_TEXT, Question, Questions
from gateway.terms.identity import Credentials
from gateway.terms.plan import Plan
from gateway.terms.policy import Decision
from gateway.terms.query import BoundQuery
from gateway.terms.request import Request
from tests.unit.planning.bank import CATALOG, decision

SQL = "SELECT email, income FROM core.customers"


def asked(sql: str = SQL, **more: Any) -> Request:
    values: dict[str, Any] = {"credentials": Credentials(bearer="gw_x"), "sql": sql, "purpose": "p"}
    return Request(**{**values, **more})


def test_the_same_question_is_one() -> None:
    questions = Questions()
    assert questions.of("ana", asked()) is questions.of("ana", asked())


@pytest.mark.parametrize(
    ("principal", "request_"),
    [
        ("ben", asked()),
        ("ana", asked(purpose="q")),
        ("ana", asked(grant="g")),
        ("ana", asked(dialect="mysql")),
        ("ana", asked(limit=3)),
        ("ana", asked(SQL + " ")),
        ("ana", asked(parameters=[1])),
        ("ana", asked(f"{SQL}\n[1]")),
    ],
)
def test_another_question_is_another(principal: str, request_: Request) -> None:
    questions = Questions()
    assert questions.of("ana", asked()) is not questions.of(principal, request_)


def test_parameters_that_are_equal_in_python_are_told_apart() -> None:
    """1, 1.0 and TRUE are three values in SQL; and a text that ends like one's parameters has none."""
    questions = Questions()
    found = [questions.of("ana", asked(parameters=[value])) for value in (1, 1.0, True, "1")]
    found.append(questions.of("ana", asked(f"{SQL}\n[1]")))
    assert len(set(map(id, found))) == len(found)


def test_long_texts_and_old_ones_are_forgotten() -> None:
    questions = Questions()
    long = asked(SQL + " " * MAX_TEXT)
    assert questions.of("ana", long) is not questions.of("ana", long)
    first = questions.of("ana", asked())
    for place in range(MAX_QUESTIONS):
        questions.of("ana", asked(limit=place))
    assert questions.of("ana", asked()) is not first
    assert len(questions._last) == MAX_QUESTIONS


def bound_of(question: Question, datasets: Any = CATALOG) -> BoundQuery:
    parsed = question.parsed(lambda: parse(SQL, dialect="postgres", limits=DEFAULT))
    return question.bound(parsed, datasets, lambda: bind(parsed, datasets=datasets))


def plan_of(question: Question, verdict: Decision, *, near: frozenset[str] = frozenset()) -> Plan:
    bound = bound_of(question)
    return question.plan(
        bound, verdict, near, lambda: make_plan(bound, verdict, datasets=CATALOG, max_scans=16, near_data=near)
    )


def test_a_plan_is_used_again_for_an_equal_decision_only() -> None:
    question = Question()
    first = plan_of(question, decision())
    assert plan_of(question, decision()) is first
    masked = plan_of(question, decision(masked=frozenset({"email"})))
    assert [each.mask.name for each in masked.steps[0].decisions] == ["pseudonym", "keep"]  # type: ignore[union-attr]
    assert plan_of(question, decision()) == first
    assert plan_of(question, dataclasses.replace(decision(), digest="other")) is not first


def test_sources_that_may_group_are_part_of_a_plan() -> None:
    question = Question()
    assert plan_of(question, decision()) is not plan_of(question, decision(), near=frozenset({"core"}))


def test_another_bundles_datasets_are_bound_anew() -> None:
    question = Question()
    assert bound_of(question) is bound_of(question)
    assert bound_of(question) is not bound_of(question, dict(CATALOG))


def test_what_failed_is_not_remembered() -> None:
    question = Question()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            question.parsed(lambda: 1 / 0)  # type: ignore[arg-type, return-value]  # any error will do
    assert bound_of(question).output_names == ("email", "income")
