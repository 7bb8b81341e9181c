"""The attacks of sections A, B and C as data: what is asked, and what must come of it.

Asked through HTTP and the command line by test_served.py, and in two worlds by test_in_two_worlds.py.
test_a_*.py to test_e_*.py ask more of each, and what needs a broken or a second gateway. docs/threat-model.md has the table.
"""

# ruff: noqa: E501 - one question a line
from __future__ import annotations

import dataclasses
from typing import Final, Literal

EMAIL: Final = "zqx-email-000000@bank.example"
NAME: Final = "ZQX-NAME-000000"
IBAN: Final = "ZQXIBAN000000"
PARTY: Final = "ZQXPARTY000001"
CUSTOMER: Final = "770000000"
NULL: Final = "\x00"


@dataclasses.dataclass(frozen=True)
class Attack:
    """One question of Ana, who sees pseudonyms of DE and FR."""

    id: str
    sql: str
    end: Literal["rows", "no rows", "failed", "refused"]
    """`failed`: it was let in, and ended in an error."""
    code: str = ""
    """Of the error, or how it begins."""
    cli: bool = False
    """Its id's representative on the command line."""

    @property
    def name(self) -> str:
        """For a test's id: no control characters and not a whole megabyte."""
        return f"{self.id} {self.sql[:70].encode('ascii', 'backslashreplace').decode().replace(NULL, '0')}"


def _each(name: str, end: Literal["rows", "no rows", "failed", "refused"], *sqls: str, code: str = "") -> list[Attack]:
    return [Attack(name, sql, end, code) for sql in sqls]


ATTACKS: Final = (
    # A. Use of a masked column
    Attack("A1", f"SELECT full_name FROM core.customers WHERE email = '{EMAIL}'", "no rows", cli=True),
    *_each(
        "A1",
        "no rows",
        f"SELECT region FROM core.customers WHERE customer_id = {CUSTOMER}",
        f"SELECT region FROM core.customers WHERE iban >= '{IBAN}' AND iban <= '{IBAN}'",
        f"SELECT region FROM core.customers WHERE full_name = '{NAME}'",
        "SELECT region FROM core.customers WHERE birth_date BETWEEN DATE '1941-01-02' AND DATE '1941-12-31'",
    ),
    Attack("A2", f"SELECT income FROM core.customers WHERE email = '{EMAIL}' AND region = 'DE'", "no rows", cli=True),
    *_each(
        "A2",
        "no rows",
        f"SELECT income FROM core.customers WHERE region = 'DE' AND (iban = '{IBAN}' OR iban = 'x')",
        f"SELECT amount FROM core.transactions WHERE counterparty_iban = '{PARTY}' AND channel = 'card'",
    ),
    Attack("A3", "SELECT email AS x, upper(email), substr(email, 1, 99), concat(email, '-') FROM core.customers", "rows", cli=True),
    *_each("A3", "rows", "SELECT CAST(customer_id AS text) || '', reverse(reverse(iban)) FROM core.customers"),
    Attack("A4", "SELECT c.* FROM core.customers AS c", "rows", cli=True),
    *_each("A4", "refused", "SELECT c FROM core.customers AS c", "SELECT to_json(c) FROM core.customers AS c"),
    *_each("A4", "refused", "SELECT row_to_json(c) FROM core.customers AS c", "SELECT unnest(c) FROM core.customers AS c"),
    Attack("A5", f"SELECT email FROM core.customers EXCEPT SELECT '{EMAIL}'", "rows", cli=True),
    *_each(
        "A5",
        "rows",
        "WITH x AS (SELECT email AS e FROM core.customers) SELECT e FROM x",
        "SELECT (SELECT max(email) FROM core.customers) AS e",
        "SELECT (SELECT c.email FROM core.customers c WHERE c.customer_id = l.customer_id) AS e FROM core.loans l",
        "SELECT v.e FROM (VALUES ((SELECT min(email) FROM core.customers))) AS v(e)",
    ),
    *_each("A5", "no rows", f"SELECT email FROM core.customers INTERSECT SELECT '{EMAIL}'"),
    Attack(
        "A7",
        "SELECT substr(lower(u.e), 7, 1), string_agg(u.id, ',') FROM (SELECT customer_id AS id, email AS e FROM"
        " core.customers UNION ALL SELECT '-97', 'a') AS u GROUP BY 1",
        "rows",
        cli=True,
    ),
    Attack("A9", f"SELECT c.customer_id FROM core.customers AS c JOIN (VALUES ('{EMAIL}'), ('x')) AS v(s) ON c.email = v.s", "no rows", cli=True),
    *_each("A9", "no rows", f"SELECT email FROM core.customers WHERE email IN ('{EMAIL}', 'x') GROUP BY email"),
    Attack("A10", "SELECT t.counterparty_iban, c.customer_id FROM core.transactions t JOIN core.customers c ON t.counterparty_iban = c.iban", "no rows", cli=True),
    Attack("A11", "SELECT account_id FROM core.accounts WHERE customer_id = account_id", "no rows", cli=True),
    # B. Errors, plans, statistics
    Attack("B1", "SELECT CAST(email AS int) FROM core.customers", "failed", "invalid.execution", cli=True),
    *_each(
        "B1",
        "failed",
        "SELECT CAST(iban AS date) FROM core.accounts",
        "SELECT CAST(segment AS int) FROM core.customers",
        "SELECT 1 / (income - income) FROM core.customers WHERE income IS NOT NULL",
        "SELECT CAST(upper(customer_id) AS timestamp) FROM core.loans",
        code="invalid.execution",
    ),
    *_each("B1", "refused", "SELECT error(email) FROM core.customers", "SELECT CAST(full_name AS json) FROM core.customers"),
    Attack("B3", "SELECT region FROM core.customers WHERE 1 / (CASE WHEN region = 'IT' THEN 0 ELSE 1 END) IS NOT NULL", "rows", cli=True),
    *_each("B3", "rows", "SELECT count(CAST(CASE WHEN region IN ('DE', 'FR') THEN '1' ELSE region END AS int)) FROM core.customers"),
    Attack("B4", f"EXPLAIN ANALYZE SELECT email FROM core.customers WHERE email = '{EMAIL}'", "refused", "unsupported.statement", cli=True),
    *_each("B4", "refused", "EXPLAIN SELECT email FROM core.customers", "PRAGMA enable_profiling", "DESCRIBE core.customers"),
    Attack("B5", "SELECT stats(email) FROM core.customers", "refused", "unsupported.", cli=True),
    *_each(
        "B5",
        "refused",
        "SHOW STATS FOR core.customers",
        "SELECT * FROM parquet_metadata('x.parquet')",
        "SELECT * FROM pg_stats",
        "SELECT * FROM information_schema.columns",
        "SELECT * FROM duckdb_columns()",
        "SELECT * FROM duckdb_views()",
        "SELECT * FROM core.sqlite_master",
    ),
    Attack("B7", "SELECT " + "(" * 10_000 + "1" + ")" * 10_000, "refused", "invalid.size", cli=True),
    *_each("B7", "refused", "SELECT repeat(email, 1000000000) FROM core.customers"),
    *_each("B7", "refused", f"SELECT region FROM core.customers WHERE region = '{'x' * 400_000}'", code="invalid.size"),
    *_each("B7", "refused", f"SELECT {', '.join(['region'] * 5_000)} FROM core.customers", code="invalid.size"),
    *_each("B7", "refused", f"SELECT region FROM core.customers WHERE {' AND '.join(['true'] * 9_000)}", code="invalid.size"),
    *_each("B7", "refused", "SELECT " + "NOT " * 9_000 + "true", "SELECT " + "CASE WHEN true THEN " * 2_000 + "1" + " END" * 2_000),
    *_each("B7", "refused", " UNION ALL ".join(["SELECT region FROM core.customers"] * 60), code="invalid.size"),
    Attack("B8", f"SELECT '{EMAIL}' AS e, region FROM core.customers WHERE iban = '{IBAN}'", "no rows", cli=True),
    *_each(
        "B8",
        "refused",
        f"SELECT region AS r FROM core.customers WHERE email = '{EMAIL}' AND",
        f"SELECT nothing FROM core.customers WHERE iban = '{IBAN}'",
        f"SELECT region FROM core.customers WHERE email = '{EMAIL}' -- {NAME}\n AND",
    ),
    # C. Escape from the sandbox or the policy
    Attack("C1", "SELECT * FROM read_csv('/etc/passwd')", "refused", "unsupported.", cli=True),
    *_each(
        "C1",
        "refused",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/**')",
        "SELECT * FROM 'x.parquet'",
        'SELECT * FROM "/etc/passwd"',
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "COPY core.customers TO '/tmp/x'",
        "COPY (SELECT 1) TO '/tmp/x'",
        "EXPORT DATABASE '/tmp/x'",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "SELECT * FROM 'https://example.org/x.csv'",
    ),
    Attack("C2", "SELECT * FROM raw_tbl", "refused", "invalid.dataset", cli=True),
    *_each("C2", "refused", *(f"SELECT * FROM {name}" for name in ("streams", "batch", "self", "__scan_1", "core"))),
    Attack("C3", "SET memory_limit = '50GB'", "refused", "unsupported.", cli=True),
    *_each("C3", "refused", "SET python_enable_replacements = true", "CALL enable_logging()", "RESET ALL", "PRAGMA database_list", "USE memory"),
    Attack("C5", "SELECT 1; SELECT email FROM core.customers", "refused", "unsupported.", cli=True),
    *_each(
        "C5",
        "refused",
        "SELECT region /*!50000 , full_name */ FROM core.customers; SELECT 1",
        "FROM core.customers",
        "TABLE core.customers",
        "SELECT $$x$$ FROM core.customers",
        'SELECT "EMAIL" FROM core.customers',
        "SELECT ｅｍａｉｌ FROM core.customers",
        "SELECT em\u200bail FROM core.customers",
        "SELECT e\u0301mail FROM core.customers",
        "SELECT email\u202e FROM core.customers",
        'SELECT region AS "x\u2028y" FROM core.customers',
        "SELECT region FROM core\uff0ecustomers",
        f"SELECT email{NULL} FROM core.customers",
        f"SELECT region FROM core.customers WHERE region = 'DE{NULL}'",
        f"SELECT region FROM core.customers{NULL}; DROP TABLE x",
        "SELECT\u00a0email\u3000FROM core.nothing",
        "SELECT email FROM core.customers WHERE $1",
        "SELECT E'\\u0065mail' FROM core.customers WHERE U&'\\0061' = 'a'",
    ),
    *_each(
        "C5",
        "rows",
        'SELECT "email" FROM "core"."customers"',
        "SELECT EMAIL FROM CORE.CUSTOMERS",
        "SELECT email FROM core.customers -- ; DROP TABLE x",
        "SELECT region FROM core.customers WHERE region <> 'İ\u0130ß\u1e9e'",
    ),
    Attack("C7", "CREATE MACRO f() AS TABLE SELECT * FROM core.accounts", "refused", "unsupported.", cli=True),
    *_each("C7", "refused", "CREATE FUNCTION f() RETURNS int AS 'SELECT 1' LANGUAGE sql", "LOAD httpfs", "DO 'x'", "PREPARE p AS SELECT 1"),
    Attack("C8", "SELECT * FROM core.customers_2024", "refused", "invalid.dataset", cli=True),
    *_each("C8", "refused", "SELECT * FROM core.customers_view", "SELECT * FROM core.call_notes", "SELECT * FROM main.customers", code="invalid.dataset"),
    Attack("C9", "SELECT * FROM core.customers FOR SYSTEM_TIME AS OF '2024-01-01'", "refused", cli=True),
    *_each("C9", "refused", "SELECT * FROM core.customers AT (VERSION => 1)", "SELECT ssn_before_2020 FROM core.customers", 'SELECT * FROM core."customers@1"'),
    Attack("C11", f"SELECT pseudonymize('{EMAIL}') FROM core.customers", "refused", "unsupported.function", cli=True),
    *_each("C11", "refused", *(f"SELECT {name}('{EMAIL}') FROM core.customers" for name in ("pseudonym", "mask", "hmac", "sha256", "md5", "hash"))),
    Attack("C12", 'SELECT * FROM core."customers; DROP TABLE x"', "refused", "invalid.", cli=True),
    *_each("C12", "refused", 'SELECT "x"" , email --" FROM core.customers', 'SELECT * FROM "core"".""customers"'),
    *_each("C12", "no rows", "SELECT region FROM core.customers WHERE region = 'EU'' OR ''1''=''1'", "SELECT region FROM core.customers WHERE region = '\\'' OR 1=1 --'"),
    Attack("C14", "INSERT INTO core.customers (customer_id) VALUES (1) RETURNING *", "refused", "unsupported.", cli=True),
    *_each(
        "C14",
        "refused",
        "UPDATE core.call_notes SET note = agent",
        "DELETE FROM core.customers",
        "MERGE INTO core.customers USING core.accounts ON true WHEN MATCHED THEN DELETE",
        "CREATE TABLE x AS SELECT * FROM core.customers",
        "SELECT * INTO x FROM core.customers",
        "WITH d AS (DELETE FROM core.customers RETURNING *) SELECT * FROM d",
        "SELECT region FROM core.customers FOR UPDATE",
        code="unsupported.",
    ),
)  # fmt: skip
