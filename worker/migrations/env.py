"""Alembic's entry: migrates over the connection, and with the metadata, that the caller hands in."""

from alembic import context

attributes = context.config.attributes

context.configure(
    connection=attributes["connection"],
    target_metadata=attributes.get("metadata"),
    include_object=attributes.get("include_object"),
    compare_type=attributes.get("compare_type", True),
    version_table_schema=attributes.get("version_table_schema"),
    render_as_batch=True,
    transactional_ddl=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
