"""Messages that led astray: each names the cause now."""

import os
import resource
from pathlib import Path

import pytest

from tests.faults.conftest import RESET, Invoke, Refuse, assert_old, check_refusal, one_line
from tests.support import processes
from tests.support.bulk import RESET as BULK_RESET
from tests.support.bulk import bulk_arguments
from tests.support.processes import AS_NOBODY
from tests.support.servers import Server
from tests.support.tls import make_certificate, tls_server

Certificate = tuple[Path, Path]


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    """A self-signed certificate for another host, and its key."""
    return make_certificate(tmp_path)


class TestPostgreSQLCertificate:
    """`sslmode=verify-full`; the root certificate and the server's certificate are at fault."""

    @pytest.mark.parametrize(
        ("root", "problem", "hint"),
        [
            ("", "its root certificate is missing", "Correct sslrootcert"),
            ("missing", "its root certificate is missing", "Correct sslrootcert"),
            ("system", "has a certificate that can't be trusted", "sslrootcert (PostgreSQL)"),
            ("own", "has a certificate that can't be trusted", "Correct the host"),
        ],
    )
    def test_certificate_is_the_cause(
        self,
        sqlite_server: Server,
        refuse: Refuse,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        certificate: Certificate,
        *,
        root: str,
        problem: str,
        hint: str,
    ) -> None:
        """A missing root certificate is not a missing database; `own` is that of another host."""
        monkeypatch.setenv("HOME", str(tmp_path))  # which has no .postgresql/root.crt
        files = {"missing": str(tmp_path / "missing"), "own": str(certificate[0])}
        option = f"&sslrootcert={files.get(root, root)}" if root else ""
        with tls_server(*certificate) as port:
            url = f"postgresql://u@127.0.0.1:{port}/x?sslmode=verify-full{option}"
            sqlite_server.override(f'[sql]\nurl = "{url}"\n')
            message = refuse(sqlite_server, 69)

        assert f"PostgreSQL database `x` at `127.0.0.1:{port}`" in message
        assert problem in message
        assert hint in message
