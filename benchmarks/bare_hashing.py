"""Hashes on several threads, and nothing else: `python bare_hashing.py SCHEME COUNT JOBS`."""

import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import pbkdf2_hmac
from os import urandom

scheme, count, jobs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

if scheme == "argon2id":
    from argon2 import PasswordHasher

    hasher = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=4)

    def make_hash(_: int) -> object:
        """Hash 32 characters."""
        return hasher.hash("x" * 32)
else:

    def make_hash(_: int) -> object:
        """Hash 32 characters."""
        return pbkdf2_hmac("sha512", b"x" * 32, urandom(64), 120_000)


with ThreadPoolExecutor(jobs) as executor:
    for _ in executor.map(make_hash, range(count)):
        pass
