"""Database servers that the embedded bank can be copied into."""

from gateway.demo.bank.servers.mariadb import MariadbTarget
from gateway.demo.bank.servers.postgres import PostgresTarget
from gateway.demo.bank.servers.target import SCHEMA, Target

__all__ = ["SCHEMA", "MariadbTarget", "PostgresTarget", "Target"]
