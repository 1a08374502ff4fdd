"""Where the worker's tables are: in a schema or a file of their own, or beside another application's."""

from dataclasses import dataclass

import sqlalchemy as sa

from worker.errors import DatabaseRefused

VERSIONS = "alembic_version"  # which other applications have, too
COMPATIBILITY = "schema_compatibility"  # which only we have, since our first revision
OWN_TABLES = frozenset({"invite", "delivery", "attempt", "invite_status"})
OWN_PLACE = "give the worker a database of its own, or on PostgreSQL a schema (docs/sql-contract.md)"

# What is there of these names, in the order in which the search_path finds it.
_THERE = {
    "sqlite": "SELECT 'main' AS place, 'main' AS first, name FROM sqlite_master WHERE name IN :names",
    "postgresql": (
        "SELECT n.nspname AS place, current_schema() AS first, c.relname AS name"
        " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = ANY (current_schemas(false)) AND c.relname IN :names"
        " ORDER BY array_position(current_schemas(false), n.nspname)"
    ),
}
_FIRST = {"sqlite": "SELECT 'main'", "postgresql": "SELECT current_schema()"}
_QUOTED = sa.text(
    "SELECT quote_ident(current_user) AS role, quote_ident(:first) AS first, quote_ident(:place) AS place"
)


@dataclass(frozen=True, slots=True)
class Home:
    """Where tables would be made, and which of our names are taken there."""

    place: str
    names: frozenset[str]

    @property
    def is_ours(self) -> bool:
        """Return whether a release of ours has migrated it, whatever became of it since."""
        return {VERSIONS, COMPATIBILITY} <= self.names

    @property
    def missing(self) -> list[str]:
        """The tables of this release that are not there."""
        return sorted(OWN_TABLES - self.names)


def find(connection: sa.Connection) -> Home:
    """Return the place where the worker's tables are, or are to be made.

    Raises:
        DatabaseRefused: there is no such place, or new tables would be made elsewhere than where ours are.
    """
    dialect = connection.dialect.name
    first: str | None = connection.execute(sa.text(_FIRST[dialect])).scalar()
    if first is None:
        raise _no_place(connection)
    found: dict[str, set[str]] = {first: set()}
    query = sa.text(_THERE[dialect]).bindparams(sa.bindparam("names", expanding=True))
    for row in connection.execute(query, {"names": [VERSIONS, COMPATIBILITY, *OWN_TABLES]}):
        found.setdefault(row.place, set()).add(row.name)
    homes = [Home(place, frozenset(names)) for place, names in found.items()]
    for elsewhere in homes[1:]:
        if elsewhere.is_ours and not homes[0].is_ours:
            raise _elsewhere(connection, first, elsewhere.place)
    return homes[0]


def revision(connection: sa.Connection, home: Home) -> str | None:
    """Return the revision that the place is at, None if nothing was ever migrated there.

    Raises:
        DatabaseRefused: another application keeps its revision there.
    """
    if VERSIONS not in home.names:
        return None
    found = connection.execute(sa.text(f"SELECT * FROM {VERSIONS}"))  # noqa: S608 -- a constant
    row = found.mappings().first()
    if list(found.keys()) == ["version_num"]:
        if row is None:
            return None
        if home.is_ours:
            return str(row["version_num"])
    raise DatabaseRefused(f"the table {VERSIONS} is another application's", hint=OWN_PLACE)


def _no_place(connection: sa.Connection) -> DatabaseRefused:
    role = connection.execute(_QUOTED, {"first": "", "place": ""}).one().role
    return DatabaseRefused(
        f"the role {role} may use no schema that its search_path names",
        hint=f"GRANT USAGE, CREATE ON SCHEMA public TO {role}; or ALTER ROLE {role} SET search_path = SCHEMA",
    )


def _elsewhere(connection: sa.Connection, first: str, place: str) -> DatabaseRefused:
    row = connection.execute(_QUOTED, {"first": first, "place": place}).one()
    return DatabaseRefused(
        f"the worker's tables are in the schema {row.place}, but {row.role} would make new ones in"
        f" {row.first}",
        hint=f"ALTER ROLE {row.role} SET search_path = {row.place}",
    )


# Anyone who reads it types a statement, so that names are quoted as SQL has them.
_FACTS = sa.text(
    "SELECT quote_ident(current_user) AS role, quote_ident(current_schema()) AS place,"
    " has_schema_privilege(current_schema(), 'CREATE') AS may_create,"
    " (SELECT quote_ident(pg_get_userbyid(c.relowner)) FROM pg_class AS c"
    "  JOIN pg_namespace AS n ON n.oid = c.relnamespace"
    "  WHERE n.nspname = current_schema() AND c.relname = :table"
    "  AND NOT pg_has_role(c.relowner, 'USAGE')) AS owner"
)


def what_to_grant(connection: sa.Connection) -> str:
    """Return what to type where PostgreSQL refuses the role something; '' where nothing is amiss."""
    facts = connection.execute(_FACTS, {"table": COMPATIBILITY}).one()
    if facts.owner is not None:
        return (
            f"connect as {facts.owner}, whose tables they are; or let that role GRANT SELECT, INSERT, UPDATE,"
            f" DELETE ON ALL TABLES IN SCHEMA {facts.place} TO {facts.role} (enough for all but `db upgrade`)"
        )
    if not facts.may_create:
        return (
            f"GRANT USAGE, CREATE ON SCHEMA {facts.place} TO {facts.role}; or give the role a schema of its"
            " own (docs/sql-contract.md)"
        )
    return ""


# What PostgreSQL does not let the role write, and what it may hide rows of from the role.
_LIMITS = sa.text(
    "SELECT c.relname AS name, row_security_active(c.oid) AS hides,"
    " NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')"
    " AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')) AS is_closed"
    " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
    " WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relname IN :names ORDER BY c.relname"
).bindparams(sa.bindparam("names", expanding=True))


@dataclass(frozen=True, slots=True)
class Limits:
    """The tables that the role may not write, and those whose rows it may not see all of."""

    closed: list[str]
    hiding: list[str]


def limits(connection: sa.Connection) -> Limits:
    """Return what PostgreSQL keeps the role from."""
    rows = connection.execute(_LIMITS, {"names": sorted(OWN_TABLES)}).all()
    return Limits([row.name for row in rows if row.is_closed], [row.name for row in rows if row.hides])
