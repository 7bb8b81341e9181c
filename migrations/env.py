"""Alembic's entry: runs the scripts on the connection that gateway.store.schema hands over."""

from alembic import context

from gateway.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # on SQLite too: gateway.store begins the transaction itself
)
with context.begin_transaction():
    context.run_migrations()
