"""Introspection of the SSO tables, which differ between Zato versions."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, text

from zato_sso_reset.database.tables import attributes, linked_accounts, links, sessions, users
from zato_sso_reset.errors import DatabaseUnavailableError

_TABLES = [table.name for table in (users, sessions, attributes, links, linked_accounts)]

_COLUMNS = {
    "sqlite": text(
        "SELECT t.name, c.name, 1 FROM sqlite_master t JOIN pragma_table_info(t.name) c "
        "WHERE t.type IN ('table', 'view') AND t.name IN :tables"
    ),
    "postgresql": text(
        "SELECT t.relname, c.attname, has_column_privilege(t.oid, c.attnum, 'SELECT') "
        "FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid "
        "WHERE t.relkind IN ('r', 'p', 'v', 'm', 'f') AND t.relname IN :tables "
        "AND pg_table_is_visible(t.oid) AND c.attnum > 0 AND NOT c.attisdropped"
    ),
    "mysql": text(
        "SELECT table_name, column_name, FIND_IN_SET('select', privileges) "
        "FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND table_name IN :tables"
    ),
}

_WITHOUT_TRANSACTIONS = text(
    "SELECT t.table_name FROM information_schema.tables t "
    "JOIN information_schema.engines e ON e.engine = t.engine "
    "WHERE t.table_schema = DATABASE() AND t.table_name IN :tables AND e.transactions = 'NO'"
).bindparams(bindparam("tables", expanding=True))


def columns_of(connection: Connection, *, readable: bool = True) -> set[tuple[str, str]]:
    """Return the existing columns of the SSO tables, each as the names of table and column.

    It queries the catalogue, once for each `Database`, because a failed statement would abort a transaction
    on PostgreSQL. With `readable`, columns that this user may not read are left out; MySQL always leaves them
    out.
    """
    catalogue = connection.get_execution_options()["catalogue"]
    if "columns" not in catalogue:
        query = _COLUMNS[connection.dialect.name].bindparams(bindparam("tables", _TABLES, expanding=True))
        catalogue["columns"] = connection.execute(query).all()
    rows = catalogue["columns"]
    return {(table, column) for table, column, may_be_read in rows if may_be_read or not readable}


def has_totp(connection: Connection) -> bool:
    """Return whether there is a column for TOTP; Zato 3.0 has none."""
    return (users.name, users.c.is_totp_enabled.name) in columns_of(connection)


def check_transactions(connection: Connection, tables: Sequence[str]) -> None:
    """Raise DatabaseUnavailableError if a MySQL table, such as a MyISAM one, can't be rolled back."""
    if connection.dialect.name != "mysql":
        return
    for table in connection.scalars(_WITHOUT_TRANSACTIONS, {"tables": tables}):
        message = f"The table {table} is not transactional, so a failed change could not be rolled back."
        raise DatabaseUnavailableError(message, f"Convert it: ALTER TABLE {table} ENGINE=InnoDB.")
