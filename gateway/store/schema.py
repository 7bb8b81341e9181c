"""Bring the control database to the schema that this version needs, and say whether it has it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from gateway.errors import Unavailable
from gateway.store.database import reading, writing

_UPGRADE_LOCK: Final = 0x6761746577617931
"""PostgreSQL advisory lock: replicas that start together migrate one after the other."""


def upgrade(engine: sa.Engine) -> None:
    """Run the missing migrations, in one transaction; does nothing on a current schema.

    Raises:
        Unavailable: the database or the scripts are not there.
    """
    config = _config()
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def schema_is_current(engine: sa.Engine) -> bool:
    """Whether no migration is missing. False also for a schema newer than this version."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    with reading(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> Path:
    """`gateway/_migrations` in a wheel, `migrations` beside the package in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_migrations", package.parent / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise Unavailable("the migration scripts are not installed", code="control", fix="install the package again")
