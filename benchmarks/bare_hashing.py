"""Hashes on several threads, and nothing else: `python bare_hashing.py HASHER COUNT JOBS`."""

import sys
from concurrent.futures import ThreadPoolExecutor
from os import urandom

ROUNDS = 120_000
"""Those of a stock server."""

hasher, count, jobs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

if hasher == "hashlib":
    from hashlib import pbkdf2_hmac

    def make_hash(_: int) -> object:
        """Hash 32 characters with the OpenSSL of Python."""
        return pbkdf2_hmac("sha512", b"x" * 32, urandom(64), ROUNDS)
elif hasher == "cryptography":
    from cryptography.hazmat.primitives.hashes import SHA512
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    def make_hash(_: int) -> object:
        """Hash 32 characters with the OpenSSL of `cryptography`."""
        return PBKDF2HMAC(SHA512(), 64, urandom(64), ROUNDS).derive(b"x" * 32)
else:
    from argon2 import PasswordHasher

    argon2 = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=4)

    def make_hash(_: int) -> object:
        """Hash 32 characters with Argon2id."""
        return argon2.hash("x" * 32)


with ThreadPoolExecutor(jobs) as executor:
    for _ in executor.map(make_hash, range(count)):
        pass
