"""Password hashing, checked with published hashes and with the library that stock Zato uses."""

import re
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passlib.hash import argon2, pbkdf2_sha512
from passlib.utils.binary import ab64_decode

from tests.support.settings import read_settings
from zato_sso_reset.domain.hashing import (
    Argon2idHasher,
    PasswordHasher,
    Pbkdf2Sha512Hasher,
    configured_hasher,
    hasher_of,
    needs_rehash,
    verify,
)
from zato_sso_reset.errors import ConfigError

PBKDF2_HASH = (
    "$pbkdf2-sha512$1212$RHY0Fr3IDMSVO/RSZyb5ow$eNLfBK.eVozomMr.1gYa1"
    "7k9B7KIK25NOEshvhrSX.esqY3s.FvWZViXz4KoLlQI.BzY/YTNJOiKc5gBYFYGww"
)
"""The hash of `password` that passlib publishes."""

PBKDF2_GREEK = (
    "$pbkdf2-sha512$1212$KkbvoKGsAIcF8IslDR6skQ$8be/PRmd88Ps8fmPowCJt"
    "tH9G3vgxpG.Krjt3KT.NP6cKJ0V4Prarqf.HBwz0dCkJ6xgWnSj2ynXSV7MlvMa8Q"
)
"""Likewise, of a password that is not ASCII."""

ARGON2_HASH = "$argon2id$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$GpZ3sK/oH9p7VIiV56G/64Zo/8GaUw434IimaPqxwCo"
"""The output of the reference program for `password` and `somesalt`."""

QUICK_PBKDF2 = Pbkdf2Sha512Hasher(rounds=3, salt_size=16)
QUICK_ARGON2 = Argon2idHasher(time_cost=1, memory_cost=8, parallelism=1)

both = pytest.mark.parametrize("hasher", [QUICK_PBKDF2, QUICK_ARGON2], ids=str)
passwords = st.text(max_size=100)

HASHES: dict[type, str] = {type(hasher): hasher.hash("password") for hasher in (QUICK_PBKDF2, QUICK_ARGON2)}
"""Created once: a salt that changes would change the examples that Hypothesis draws."""


class TestHash:
    """`PasswordHasher.hash`."""

    @both
    @settings(deadline=None, max_examples=30)
    @given(password=passwords, other=passwords)
    def test_hash_verifies_only_its_password(self, hasher: PasswordHasher, password: str, other: str) -> None:
        """A hash is ASCII text with a new salt, whatever the password."""
        hashed = hasher.hash(password)

        assert hashed != hasher.hash(password)
        assert hashed.isascii()
        assert verify(password, hashed)
        assert verify(other, hashed) is (other == password)

    @pytest.mark.parametrize(("password", "hashed"), [("password", PBKDF2_HASH), ("Ιωαννης", PBKDF2_GREEK)])
    def test_published_salt_reproduces_the_published_hash(self, password: str, hashed: str) -> None:
        """The hasher asks for as much salt as `salt_size` says."""
        salt = bytes(ab64_decode(hashed.split("$")[3]))

        assert Pbkdf2Sha512Hasher(1212, 16, {16: salt}.__getitem__).hash(password) == hashed

    @settings(deadline=None, max_examples=50)
    @given(passwords, st.integers(1, 20), st.integers(8, 100) | st.just(1024))
    def test_passlib_accepts_pbkdf2_hashes(self, password: str, rounds: int, salt_size: int) -> None:
        """Any number of rounds and any valid size of the salt are accepted."""
        hashed = Pbkdf2Sha512Hasher(rounds, salt_size).hash(password)

        assert pbkdf2_sha512.verify(password, hashed)
        assert pbkdf2_sha512.from_string(hashed).to_string() == hashed
        assert len(pbkdf2_sha512.from_string(hashed).salt) == salt_size

    @settings(deadline=None, max_examples=30)
    @given(passwords, st.integers(1, 2), st.integers(1, 2))
    def test_libpass_accepts_argon2_hashes(self, password: str, time_cost: int, parallelism: int) -> None:
        """It reads the same parameters from the hash."""
        hashed = Argon2idHasher(time_cost, 64, parallelism).hash(password)
        parsed = argon2.from_string(hashed)

        assert argon2.verify(password, hashed)
        assert (parsed.type, parsed.rounds) == ("id", time_cost)
        assert (parsed.memory_cost, parsed.parallelism) == (64, parallelism)

    @pytest.mark.parametrize(
        ("hasher", "name", "pattern", "library"),
        [
            (
                Pbkdf2Sha512Hasher(rounds=120_000),
                "PBKDF2-SHA512, 120000 rounds, 64 bytes of salt",
                r"\$pbkdf2-sha512\$120000\$[./A-Za-z0-9]{86}\$[./A-Za-z0-9]{86}",
                pbkdf2_sha512,
            ),
            (
                Argon2idHasher(),
                "Argon2id, t=3, m=65536 KiB, p=4",
                r"\$argon2id\$v=19\$m=65536,t=3,p=4\$[+/A-Za-z0-9]{22}\$[+/A-Za-z0-9]{43}",
                argon2,
            ),
        ],
    )
    def test_defaults_are_the_recommended_costs(
        self, hasher: PasswordHasher, name: str, pattern: str, library: type[argon2]
    ) -> None:
        """PBKDF2 costs what it costs a stock server; Argon2id what RFC 9106 recommends second."""
        hashed = hasher.hash("Vx-AJBvbZ~XDg6:ZF3")

        assert str(hasher) == name
        assert re.fullmatch(pattern, hashed)
        assert library.verify("Vx-AJBvbZ~XDg6:ZF3", hashed)
        assert verify("Vx-AJBvbZ~XDg6:ZF3", hashed)

    def test_lack_of_memory_is_a_configuration_error(self) -> None:
        """A cost of 4 TiB, where a process may have one, is named."""
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (2**40, before[1]))
        try:
            with pytest.raises(ConfigError) as caught:
                Argon2idHasher(memory_cost=2**32 - 1).hash("password")
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)
        assert str(caught.value) == "Not enough memory for [hash_secret] memory_cost=4294967295. Lower it."


class TestVerify:
    """`verify`."""

    @pytest.mark.parametrize(
        ("password", "hashed"),
        [
            ("password", PBKDF2_HASH),
            ("Ιωαννης", PBKDF2_GREEK),
            ("password", ARGON2_HASH),
            ("password", Pbkdf2Sha512Hasher(rounds=1).hash("password")),
        ],
        ids=["passlib's", "not ASCII", "reference program's", "one round"],
    )
    def test_published_hashes_verify(self, password: str, hashed: str) -> None:
        """Neither a longer, nor a shorter, nor an empty password verifies."""
        assert verify(password, hashed)
        for other in (password + " ", password[:-1], password.upper(), ""):
            assert not verify(other, hashed)

    @settings(deadline=None, max_examples=50)
    @given(passwords, st.integers(1, 20), st.integers(0, 100))
    def test_hashes_of_passlib_verify(self, password: str, rounds: int, salt_size: int) -> None:
        """Any number of rounds and size of the salt are accepted."""
        hashed = pbkdf2_sha512.using(rounds=rounds, salt_size=salt_size).hash(password)

        assert verify(password, hashed)

    @settings(deadline=None, max_examples=30)
    @given(passwords, st.integers(8, 32))
    def test_argon2_hashes_of_libpass_verify(self, password: str, salt_size: int) -> None:
        """Any size of the salt is accepted."""
        quick = argon2.using(type="ID", time_cost=1, memory_cost=64, parallelism=1, salt_size=salt_size)

        assert verify(password, quick.hash(password))

    @settings(deadline=None, max_examples=200)
    @given(
        prefix=st.sampled_from(["", "$pbkdf2-sha512$", "$pbkdf2-sha512$1$", "$argon2id$", "$argon2id$v=19$"]),
        rest=st.text(st.characters()),
    )
    def test_any_other_text_does_not_verify(self, prefix: str, rest: str) -> None:
        """Text that is not a hash is not an error."""
        assert verify("password", prefix + rest) is False

    @both
    @settings(deadline=None, max_examples=50)
    @given(data=st.data())
    def test_damaged_hash_does_not_verify(self, hasher: PasswordHasher, data: st.DataObject) -> None:
        """One changed character of the checksum is enough."""
        hashed = HASHES[type(hasher)]
        # The last character may carry bits that are padding.
        index = data.draw(st.integers(hashed.rindex("$") + 1, len(hashed) - 2))
        changed = data.draw(st.sampled_from("ABCDEFGHabcdefgh0123./+ $").filter(lambda c: c != hashed[index]))

        assert not verify("password", hashed[:index] + changed + hashed[index + 1 :])

    @pytest.mark.parametrize(
        "rounds", ["", "0", "-1", "01212", "1_212", "\uff11\u0662", "2147483648", "9" * 12]
    )
    def test_invalid_rounds_do_not_verify(self, rounds: str) -> None:
        """Rounds that no hasher writes are refused without being computed."""
        hashed = PBKDF2_HASH.replace("1212", rounds)

        assert hasher_of(hashed) is None
        assert not verify("password", hashed)


class TestConfiguredHasher:
    """`configured_hasher`."""

    @pytest.fixture
    def choose(self, tmp_path: Path) -> Callable[[str, str], PasswordHasher]:
        """Return the hasher for lines in `[hash_secret]` of `sso.conf` and `sso.toml`."""
        return lambda conf, toml: configured_hasher(
            read_settings(tmp_path, f"[hash_secret]\n{conf}\n", f"[hash_secret]\n{toml}\n")
        )

    STOCK = "rounds=120000\nsalt_size=64 # In bytes = 512 bits"

    @pytest.mark.parametrize(
        ("conf", "toml", "hasher"),
        [
            (STOCK, "", Pbkdf2Sha512Hasher(120_000, 64)),
            ("rounds=1\nsalt_size=8", "", Pbkdf2Sha512Hasher(1, 8)),
            ("", "", Argon2idHasher()),
            ("salt_size=64", "", Argon2idHasher()),
            (STOCK, 'scheme = "argon2id"', Argon2idHasher()),
            (STOCK, "rounds = 220000", Pbkdf2Sha512Hasher(220_000, 64)),
            (STOCK, 'scheme = "pbkdf2_sha512"\nsalt_size = 32', Pbkdf2Sha512Hasher(120_000, 32)),
            ("", 'scheme = "pbkdf2_sha512"\nrounds = 1\nsalt_size = 16', Pbkdf2Sha512Hasher(1, 16)),
            ("", "time_cost = 2\nmemory_cost = 19456\nparallelism = 1", Argon2idHasher(2, 19456, 1)),
            ("", "memory_cost = 32", Argon2idHasher(3, 32, 4)),
            ("", "time_cost = 1\nmemory_cost = 8\nparallelism = 1", QUICK_ARGON2),
            ("", "time_cost = 2\nmemory_cost = 2097152", Argon2idHasher(2, 2**21)),
            ("", "time_cost = 100\nmemory_cost = 512\nparallelism = 64", Argon2idHasher(100, 512, 64)),
            ("rounds=10000000\nsalt_size=1024", "", Pbkdf2Sha512Hasher(10_000_000, 1024)),
        ],
    )
    def test_scheme_and_costs_are_the_servers(
        self, choose: Callable[[str, str], PasswordHasher], conf: str, toml: str, hasher: PasswordHasher
    ) -> None:
        """The scheme is that of `scheme`, else PBKDF2 where rounds are pinned, else Argon2id."""
        assert choose(conf, toml) == hasher

    @pytest.mark.parametrize(
        ("conf", "toml", "message"),
        [
            ("rounds=120000", "", r"sso.conf` has no \[hash_secret\] salt_size. Add it"),
            ("", 'scheme = "pbkdf2_sha512"', r"sso.conf` has no \[hash_secret\] rounds. Add it"),
            ("rounds=0\nsalt_size=64", "", "rounds is not a whole number from 1 to 10000000"),
            ("rounds=10000001\nsalt_size=64", "", "rounds is not a whole number from 1 to 10000000"),
            ("rounds=many\nsalt_size=64", "", "rounds is not a whole number from 1 to 10000000"),
            ("rounds=1\nsalt_size=7", "", "salt_size is not a whole number from 8 to 1024"),
            ("rounds=1\nsalt_size=1025", "", "salt_size is not a whole number from 8 to 1024"),
            ("", "time_cost = 0", "time_cost is not a whole number from 1 to 64"),
            ("", "parallelism = 0", "parallelism is not a whole number from 1 to 64"),
            ("", "parallelism = 65", "parallelism is not a whole number from 1 to 64"),
            ("", "memory_cost = 31", "memory_cost is not a whole number from 32 to 2097152"),
            ("", "parallelism = 1\nmemory_cost = 7", "memory_cost is not a whole number from 8"),
            ("", "parallelism = true", "parallelism is not a whole number"),
            (
                STOCK,
                'scheme = "md5"',
                r'\[hash_secret\] scheme is an unknown scheme. Use "pbkdf2_sha512" or "argon2id".$',
            ),
            (STOCK, "scheme = 1", r"sso.toml`: \[hash_secret\] scheme is not text"),
        ],
    )
    def test_invalid_setting_is_a_configuration_error(
        self, choose: Callable[[str, str], PasswordHasher], conf: str, toml: str, message: str
    ) -> None:
        """The error names file, section and key of a parameter that is missing or out of range."""
        with pytest.raises(ConfigError, match=message):
            choose(conf, toml)


@pytest.mark.parametrize(
    ("old", "new"),
    [("$1212$", "$10000001$"), ("t=2", "t=101"), ("t=2", "t=65"), ("m=65536", "m=4194304"), ("p=4", "p=65")],
)
def test_hash_that_costs_too_much_is_not_verified(old: str, new: str) -> None:
    """A foreign directory: the database may hold a hash that takes hours."""
    hashed = next(each for each in (PBKDF2_HASH, ARGON2_HASH) if old in each).replace(old, new)

    assert hasher_of(hashed)
    assert not verify("password", hashed)


class TestHasherOf:
    """`hasher_of` and `needs_rehash`."""

    @pytest.mark.parametrize(
        ("hashed", "hasher"),
        [
            (PBKDF2_HASH, Pbkdf2Sha512Hasher(rounds=1212)),
            *(
                (PBKDF2_HASH.replace("1212", str(rounds)), Pbkdf2Sha512Hasher(rounds))
                for rounds in (1, 999_999_999, 2**31 - 1)
            ),
            (ARGON2_HASH, Argon2idHasher(time_cost=2, memory_cost=65536, parallelism=4)),
            (ARGON2_HASH.replace("$argon2id", "$argon2i"), None),
            (ARGON2_HASH.replace("v=19", "v=16"), None),
            (ARGON2_HASH.replace("t=2", "t=0"), None),
            (ARGON2_HASH + "$", None),
            ("$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", None),
            ("", None),
        ],
    )
    def test_scheme_and_costs_are_those_of_the_hash(self, hashed: str, hasher: PasswordHasher | None) -> None:
        """A hash of another scheme has none."""
        assert hasher_of(hashed) == hasher

    @both
    def test_new_hash_needs_no_rehash(self, hasher: PasswordHasher) -> None:
        """A hash has the costs of its hasher."""
        found = hasher_of(HASHES[type(hasher)])

        assert found
        assert found.costs == hasher.costs
        assert not needs_rehash(found, hasher)

    def test_other_scheme_or_lower_cost_needs_rehash(self) -> None:
        """One lower cost is enough, whatever the others are; the size of the salt does not count."""
        assert needs_rehash(QUICK_PBKDF2, QUICK_ARGON2)
        assert needs_rehash(QUICK_ARGON2, QUICK_PBKDF2)
        assert needs_rehash(QUICK_PBKDF2, Pbkdf2Sha512Hasher(rounds=4))
        assert not needs_rehash(Pbkdf2Sha512Hasher(rounds=4, salt_size=8), QUICK_PBKDF2)
        assert not needs_rehash(Argon2idHasher(), QUICK_ARGON2)
        for costs in ((2, 8, 1), (1, 16, 1), (1, 16, 2)):
            assert needs_rehash(QUICK_ARGON2, Argon2idHasher(*costs))
