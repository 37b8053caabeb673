"""What there is of Zato's SSO tables: older versions lack some tables and columns."""

from sqlalchemy import Connection, text

_COLUMNS = {
    "sqlite": text(
        "SELECT t.name, c.name, 1 FROM sqlite_master t JOIN pragma_table_info(t.name) c "
        "WHERE t.type IN ('table', 'view') AND t.name LIKE 'zato_sso_%'"
    ),
    "postgresql": text(
        "SELECT t.relname, c.attname, has_column_privilege(t.oid, c.attnum, 'SELECT') "
        "FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid "
        "WHERE t.relkind IN ('r', 'p', 'v', 'm', 'f') AND t.relname LIKE 'zato_sso_%' "
        "AND pg_table_is_visible(t.oid) AND c.attnum > 0 AND NOT c.attisdropped"
    ),
    "mysql": text(
        "SELECT table_name, column_name, FIND_IN_SET('select', privileges) "
        "FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND table_name LIKE 'zato_sso_%'"
    ),
}


def columns_of(connection: Connection, *, readable: bool = True) -> set[tuple[str, str]]:
    """Return the columns of all SSO tables, each as the names of table and column.

    It asks the catalogue: a statement that fails would end a transaction on PostgreSQL. With `readable`,
    columns that may not be read are left out; MySQL never tells of tables that this user has no right to.
    """
    rows = connection.execute(_COLUMNS[connection.dialect.name])
    return {(table, column) for table, column, may_be_read in rows if may_be_read or not readable}
