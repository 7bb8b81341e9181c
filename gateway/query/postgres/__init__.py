"""What PostgreSQL means where a tree alone does not say it, and where the engine would take it otherwise.

Here stands what is known before types are; gateway/planning/engine has what depends on them.
"""

from gateway.query.postgres.naming import output_name
from gateway.query.postgres.ordering import check_distinct_orders
from gateway.query.postgres.patterns import escape_patterns
from gateway.query.postgres.rows import compare_by_column
from gateway.query.postgres.spelling import check_interval, check_intervals, check_names

__all__ = [
    "check_distinct_orders",
    "check_interval",
    "check_intervals",
    "check_names",
    "compare_by_column",
    "escape_patterns",
    "output_name",
]
