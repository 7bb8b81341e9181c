"""The `gateway` command and its groups."""

from __future__ import annotations

import sys

import click

from gateway import __version__
from gateway.cli import (
    asking,
    auditing,
    catalog,
    extracting,
    hosting,
    keys,
    modelling,
    policies,
    reidentifying,
    requesting,
)
from gateway.cli.host import Host


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="gateway")
def cli() -> None:
    """Train on production data within the law.

    \b
    First steps on the gateway's host:
      gateway demo                                   the whole journey on an embedded bank
      gateway init                                   home, keys, control database, first policy
      gateway token create ana --role credit-risk-scientist --environment dev
      gateway serve

    \b
    Then anywhere, with GATEWAY_URL and GATEWAY_TOKEN set:
      gateway datasets
      gateway query "SELECT region, count(*) FROM core.customers GROUP BY region" -p credit-default-model
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped


def run(host: Host) -> None:
    """Run one command line; exits the process."""
    sys.exit(cli.main(obj=host))


for module in (hosting, keys, catalog, asking, requesting, extracting, modelling, reidentifying, policies, auditing):
    for command in module.COMMANDS:
        cli.add_command(command)
for command in requesting.POLICY_COMMANDS:
    policies.policy.add_command(command)
