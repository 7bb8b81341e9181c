"""MariaDB and MySQL servers, read only."""

from gateway.sources.mariadb.address import Address, address_of
from gateway.sources.mariadb.source import MariadbSource

__all__ = ["Address", "MariadbSource", "address_of"]
