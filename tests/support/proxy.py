"""A TCP proxy in front of a database server, which manipulates a message once it is armed."""

import contextlib
import re
import socket
import threading

NONSENSE = b"\x01\x00\x00\x01\xff"
"""For a MySQL client, an error without a code; for a PostgreSQL client, not a message."""


class Proxy:
    """Forwards a local port to another; `arm` sets the fault for the next message from a client.

    `cut` drops the message and the connection; `lose-answer` drops the answer and the connection;
    `garble-answer` replaces the answer with nonsense. `hold` keeps the message until `release`, with the
    server's connection open. A MySQL server's offer of TLS is withheld from the client.
    """

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._armed: list[tuple[str, bytes]] = []
        self._answers: dict[socket.socket, str] = {}
        self._held: list[tuple[socket.socket, bytes]] = []
        self._sockets = [self._listener]
        self._threads: list[threading.Thread] = []

    def arm(self, harm: str, at: bytes = b"") -> None:
        """Set a fault for the next message that contains `at`, after those that were armed before."""
        self._armed.append((harm, at))

    def release(self) -> None:
        """Send the held messages."""
        for server, data in self._held:
            server.sendall(data)

    def __enter__(self) -> "Proxy":  # noqa: PYI034 typing has no Self in Python 3.10
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._sockets += [client, server]
                self._start(self._from_client, client, server)
                self._start(self._from_server, server, client)

    def _from_client(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                harm = self._armed.pop(0)[0] if self._armed and self._armed[0][1] in data else ""
                if harm == "cut":
                    break
                if harm == "hold":
                    self._held.append((server, data))
                    return
                self._answers[server] = harm
                server.sendall(data)
        self._close(client, server)

    def _from_server(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            client.sendall(_without_tls(server.recv(65536)))
            while data := server.recv(65536):
                harm = self._answers.pop(server, "")
                if harm == "lose-answer":
                    break
                client.sendall(NONSENSE if harm == "garble-answer" else data)
        self._close(client, server)

    @staticmethod
    def _close(*ends: socket.socket) -> None:
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _without_tls(greeting: bytes) -> bytes:
    """Clear the flag CLIENT_SSL in the greeting of a MySQL server, which PyMySQL would follow."""
    fields = re.match(rb".{4}\x0a[^\0]+\0.{13}.", greeting, re.DOTALL)
    if not fields:
        return greeting
    return greeting[: fields.end()] + bytes([greeting[fields.end()] & ~0x08]) + greeting[fields.end() + 1 :]
