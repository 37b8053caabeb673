"""Time limits for database connections."""

import os
import socket
from contextlib import suppress
from threading import Timer

# Seconds that a connection to a database server may last, or one to a SQLite file compute.
TRANSACTION_TIMEOUT = 15


class Watchdog:
    """Shuts down a socket after `TRANSACTION_TIMEOUT`; a driver's own timeout restarts with every byte."""

    def __init__(self, fd: int) -> None:
        """Start to watch the socket with the file descriptor `fd`."""
        self._fd = os.dup(fd)
        self._timer = Timer(TRANSACTION_TIMEOUT, self._shut_down)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """Stop watching."""
        self._timer.cancel()
        self._timer.join()
        os.close(self._fd)

    def _shut_down(self) -> None:
        with suppress(OSError), socket.socket(fileno=os.dup(self._fd)) as connection:
            connection.shutdown(socket.SHUT_RDWR)
