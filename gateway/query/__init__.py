"""What a user asks, checked before anybody looks at data. Pure: no I/O, no data, no policy.

1. Closed: a text passes only if every token, node, flag, type and function of it is on an allow-list.
2. Bounded: bytes, tokens, nesting, parser steps and expanded columns are capped, so that no text takes a second.
3. The user's text ends here: later rooms see a tree, and what runs is generated from that tree.
4. `unknown dataset` is one text for names that do not exist and names that the caller left out.
"""

from gateway.query.binding import bind
from gateway.query.functions import FUNCTIONS, Function
from gateway.query.limits import QueryLimits
from gateway.query.parsing import parse, unknown_dataset
from gateway.query.predicates import parse_predicate
from gateway.query.reader import DIALECTS

__all__ = ["DIALECTS", "FUNCTIONS", "Function", "QueryLimits", "bind", "parse", "parse_predicate", "unknown_dataset"]
