"""A rogue database server, which asks every client for more than it should get."""

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

GREETING = b"\x0a8.0\0" + bytes(4) + b"saltsalt\0" + b"\xff\xf7\x21\2\0\xff\x81\x15" + bytes(10)
GREETING += b"salt" * 3 + b"\0mysql_native_password\0"
"""A MySQL server's first packet: protocol 10, with every capability except TLS."""


class Rogue:
    """A server on loopback, and all bytes that it has received."""

    def __init__(self, engine: str, file: Path, certificate: Path) -> None:
        self._serve = self._postgresql if engine == "postgresql" else self._mysql
        self._file = file
        self._certificate = certificate
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.received = b""
        self.connections = 0

    def run(self) -> None:
        """Serve one connection after the other."""
        with suppress(OSError):  # until the socket is closed
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                with connection, suppress(OSError, ValueError, struct.error):
                    connection.settimeout(5)
                    self._serve(connection)

    def close(self) -> None:
        """Stop."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _receive(self, connection: socket.socket) -> bytes:
        data = connection.recv(65536)
        if not data:
            raise ConnectionError
        self.received += data
        return data

    def _postgresql(self, connection: socket.socket) -> None:
        """Ask for a certificate, then for the password in clear text."""
        while self._receive(connection)[4:8] == struct.pack("!I", 80877104):  # encryption by GSS
            connection.sendall(b"N")
        connection.sendall(b"S")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate)
        context.load_verify_locations(self._certificate)
        context.verify_mode = ssl.CERT_OPTIONAL
        with context.wrap_socket(connection, server_side=True) as secured:
            self.received += secured.getpeercert(binary_form=True) or b""
            self._receive(secured)
            secured.sendall(b"R" + struct.pack("!II", 8, 3))
            self._receive(secured)

    def _mysql(self, connection: socket.socket) -> None:
        """Ask for the password in clear text, then answer each statement with a request for a file."""
        connection.sendall(struct.pack("<I", len(GREETING)) + GREETING)
        self._receive(connection)
        connection.sendall(b"\x07\0\0\2\0\0\0\2\0\0\0")
        while True:
            self._receive(connection)
            request = b"\xfb" + str(self._file).encode()
            connection.sendall(struct.pack("<I", len(request) | 1 << 24) + request)


@contextmanager
def rogue_server(engine: str, file: Path, certificate: Path) -> Iterator[Rogue]:
    """Start a rogue server, which wants `file`, with a certificate that `make_certificate` made."""
    rogue = Rogue(engine, file, certificate)
    thread = Thread(target=rogue.run)
    thread.start()
    try:
        yield rogue
    finally:
        rogue.close()
        thread.join()


def make_certificate(path: Path) -> bytes:
    """Write a private key and a self-signed certificate, and return the certificate's binary form."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "S3cr3t")])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    certificate = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        key, hashes.SHA256()
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    path.chmod(0o600)
    return certificate.public_bytes(serialization.Encoding.DER)
