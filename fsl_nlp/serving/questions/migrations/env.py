"""What alembic runs to bring a database to the newest version; `upgrade` gives it a connection."""

from __future__ import annotations


def run() -> None:
    """Run the steps that are missing, in the transaction of the connection."""
    from alembic import context

    context.configure(
        connection=context.config.attributes["connection"],
        version_table=context.config.attributes["version_table"],
        transactional_ddl=True,
    )
    context.run_migrations()


if __name__ == "env_py":  # the name by which alembic loads this file
    run()
