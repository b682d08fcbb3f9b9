"""Bringing the tables of a database to the newest version."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from fsl_nlp.errors import LogError

VERSION_TABLE = "fsl_nlp_version"
_STEPS = Path(__file__).parent
_LOCK = 0x66736C5F6E6C70  # "fsl_nlp": the number of the lock in a PostgreSQL database


def upgrade(connection: Connection, steps: Path = _STEPS) -> None:
    """Run the steps that are missing, all or none. Other processes that do the same wait.

    The connection is in a transaction; in SQLite, one that writes.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = Config()
    config.set_main_option("script_location", str(steps).replace("%", "%%"))
    newest = ScriptDirectory.from_config(config)
    version = MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE}
    ).get_current_revision()
    if version == newest.get_current_head():
        return
    if version not in (None, *(step.revision for step in newest.walk_revisions())):
        raise LogError(
            f"A newer fsl_nlp wrote this log (version {version} of its tables; this one reads up "
            f"to {newest.get_current_head()}). Upgrade: pip install -U fsl-nlp"
        )
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    command.upgrade(config, "head")
