"""The command line: host commands act through `Host`; all others are HTTP clients of a running gateway.

Exit codes: 0 ok; 1 denied, exhausted or a failed check; 2 usage or invalid; 3 unavailable.
Data goes to stdout, everything else to stderr.
"""

from gateway.cli.group import run
from gateway.cli.host import Host, InitReport

__all__ = ["Host", "InitReport", "run"]
