"""Connections to database servers, established within a time limit."""

import socket
from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy.engine import Dialect
from sqlalchemy.pool import ConnectionPoolEntry

from zato_sso_reset.database import watchdog
from zato_sso_reset.database.watchdog import Watchdog
from zato_sso_reset.signals import call_in_time

CONNECT_TIMEOUT = 5  # seconds until an address accepts a connection


def connect_postgresql(
    dialect: Dialect, _record: ConnectionPoolEntry, args: list[Any], options: dict[str, Any]
) -> Any:
    """Connect to the first server that answers; psycopg limits each address, and no lookup."""
    try:
        return call_in_time(partial(dialect.connect, *args, **options), watchdog.TRANSACTION_TIMEOUT)
    except TimeoutError:
        raise dialect.loaded_dbapi.OperationalError("timeout expired") from None


def connect_mysql(
    dialect: Dialect, record: ConnectionPoolEntry, args: list[Any], options: dict[str, Any]
) -> Any:
    """Open the socket for PyMySQL, which has no public name for it."""
    driver: Any = dialect.loaded_dbapi
    mysql = driver.connect(*args, **options)
    try:
        connection = call_in_time(partial(_open_socket, options), watchdog.TRANSACTION_TIMEOUT)
    except OSError as error:
        raise driver.OperationalError(2003, error.strerror) from None
    watching = record.info["watchdog"] = Watchdog(connection.fileno())
    try:
        mysql.connect(connection)
    except BaseException:
        watching.stop()
        raise
    return mysql


def _open_socket(options: Mapping[str, Any]) -> socket.socket:
    path = options.get("unix_socket")
    if not path:
        address = options.get("host") or "localhost", options.get("port") or 3306
        connection = socket.create_connection(address, CONNECT_TIMEOUT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(CONNECT_TIMEOUT)
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection
