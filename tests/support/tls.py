"""Certificates, and a server that stops after the TLS handshake."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.databases import unreachable


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Create a self-signed certificate for another host; return its file, and that of its key."""
    if not shutil.which("openssl"):
        unreachable("openssl on PATH", FileNotFoundError())
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=elsewhere"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", "-x509", *made, *files], check=True, capture_output=True)
    key.chmod(0o644)  # for a server that runs as another user
    return certificate, key


@contextmanager
def tls_server(certificate: Path, key: Path) -> Iterator[int]:
    """Accept TLS as PostgreSQL does, and close the connection after the handshake; yield the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.recv(8)  # SSLRequest
                    connection.sendall(b"S")
                    context.wrap_socket(connection, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()
