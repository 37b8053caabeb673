"""Both hashes, against published answers and against the library that stock Zato verifies with."""

import re
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passlib.hash import argon2, pbkdf2_sha512
from passlib.utils.binary import ab64_decode

from zato_sso_reset.domain.hashing import (
    Argon2idHasher,
    PasswordHasher,
    Pbkdf2Sha512Hasher,
    is_below,
    made_with,
    password_hasher,
    verify,
)
from zato_sso_reset.errors import ConfigError
from zato_sso_reset.server.config import SSOSettings
from zato_sso_reset.server.ini import ValueResolver

PBKDF2_ANSWERS = [
    (
        "password",
        (
            "$pbkdf2-sha512$1212$RHY0Fr3IDMSVO/RSZyb5ow$eNLfBK.eVozomMr.1gYa1"
            "7k9B7KIK25NOEshvhrSX.esqY3s.FvWZViXz4KoLlQI.BzY/YTNJOiKc5gBYFYGww"
        ),
    ),
    (
        "Ιωαννης",
        (
            "$pbkdf2-sha512$1212$KkbvoKGsAIcF8IslDR6skQ$8be/PRmd88Ps8fmPowCJt"
            "tH9G3vgxpG.Krjt3KT.NP6cKJ0V4Prarqf.HBwz0dCkJ6xgWnSj2ynXSV7MlvMa8Q"
        ),
    ),
]
"""Published with passlib."""

ARGON2_ANSWER = "$argon2id$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$GpZ3sK/oH9p7VIiV56G/64Zo/8GaUw434IimaPqxwCo"
"""What the reference program prints for `password` and `somesalt`."""

QUICK_PBKDF2 = Pbkdf2Sha512Hasher(rounds=3, salt_size=16)
QUICK_ARGON2 = Argon2idHasher(time_cost=1, memory_cost=8, parallelism=1)

both = pytest.mark.parametrize("hasher", [QUICK_PBKDF2, QUICK_ARGON2], ids=str)
passwords = st.text(max_size=100)

HASHES: dict[type, str] = {type(hasher): hasher.hash("password") for hasher in (QUICK_PBKDF2, QUICK_ARGON2)}
"""Made once: a salt that changes would change what Hypothesis draws."""


class TestBothSchemes:
    """What a hash has to be, whatever the scheme."""

    @both
    @settings(deadline=None, max_examples=30)
    @given(password=passwords, other=passwords)
    def test_verify_the_password_and_no_other(
        self, hasher: PasswordHasher, password: str, other: str
    ) -> None:
        """A hash verifies the password that it was made from and no other, and is ASCII text."""
        hashed = hasher.hash(password)

        assert hashed.isascii()
        assert hasher.identify(hashed)
        assert hasher.verify(password, hashed)
        assert hasher.verify(other, hashed) is (other == password)

    @both
    def test_salt_each_hash_anew(self, hasher: PasswordHasher) -> None:
        """Two hashes of one password have nothing in common that tells."""
        assert hasher.hash("password") != hasher.hash("password")

    @pytest.mark.parametrize(
        ("hasher", "foreign"),
        [(QUICK_PBKDF2, ARGON2_ANSWER), (QUICK_ARGON2, PBKDF2_ANSWERS[0][1])],
        ids=["pbkdf2_sha512", "argon2id"],
    )
    def test_know_their_own_hashes_alone(self, hasher: PasswordHasher, foreign: str) -> None:
        """The other scheme's hash is neither identified nor verified."""
        assert not hasher.identify(foreign)
        assert not hasher.verify("password", foreign)

    @both
    @settings(deadline=None, max_examples=100)
    @given(
        prefix=st.sampled_from(["", "$pbkdf2-sha512$", "$pbkdf2-sha512$1$", "$argon2id$", "$argon2id$v=19$"]),
        rest=st.text(st.characters()),
    )
    def test_take_any_other_text_for_no_hash(self, hasher: PasswordHasher, prefix: str, rest: str) -> None:
        """What is not a hash verifies nothing, and is no reason to fail."""
        assert hasher.verify("password", prefix + rest) is False

    @both
    @settings(deadline=None, max_examples=50)
    @given(data=st.data())
    def test_refuse_a_hash_with_a_character_changed(
        self, hasher: PasswordHasher, data: st.DataObject
    ) -> None:
        """The checksum of a damaged hash does not verify."""
        hashed = HASHES[type(hasher)]
        # The last character may carry bits that are padding.
        index = data.draw(st.integers(hashed.rindex("$") + 1, len(hashed) - 2))
        changed = data.draw(st.sampled_from("ABCDEFGHabcdefgh0123./+ $").filter(lambda c: c != hashed[index]))

        assert not hasher.verify("password", hashed[:index] + changed + hashed[index + 1 :])


class TestPbkdf2Sha512:
    """`Pbkdf2Sha512Hasher`."""

    @pytest.mark.parametrize(("password", "hashed"), PBKDF2_ANSWERS)
    def test_gives_the_published_answers(self, password: str, hashed: str) -> None:
        """The published hashes verify, and come out again where their salt is the random one."""
        salt = ab64_decode(hashed.split("$")[3])
        sizes: list[int] = []

        def random_bytes(count: int) -> bytes:
            sizes.append(count)
            return bytes(salt)

        hasher = Pbkdf2Sha512Hasher(rounds=1212, salt_size=len(salt), random_bytes=random_bytes)

        assert hasher.verify(password, hashed)
        assert not hasher.verify(password + " ", hashed)
        assert hasher.hash(password) == hashed
        assert sizes == [16]

    @settings(deadline=None, max_examples=50)
    @given(passwords, st.integers(1, 20), st.integers(8, 100))
    def test_makes_what_passlib_verifies(self, password: str, rounds: int, salt_size: int) -> None:
        """Whatever the rounds and the size of the salt, passlib takes the hash for its own."""
        hashed = Pbkdf2Sha512Hasher(rounds, salt_size).hash(password)

        assert pbkdf2_sha512.verify(password, hashed)
        assert pbkdf2_sha512.from_string(hashed).to_string() == hashed
        assert len(pbkdf2_sha512.from_string(hashed).salt) == salt_size

    @settings(deadline=None, max_examples=50)
    @given(passwords, st.integers(1, 20), st.integers(0, 100))
    def test_verifies_what_passlib_makes(self, password: str, rounds: int, salt_size: int) -> None:
        """Whatever the rounds and the size of the salt, passlib's hashes verify."""
        hashed = pbkdf2_sha512.using(rounds=rounds, salt_size=salt_size).hash(password)

        assert QUICK_PBKDF2.identify(hashed)
        assert QUICK_PBKDF2.verify(password, hashed)

    def test_has_a_stock_servers_cost(self) -> None:
        """A hash of 120,000 rounds and 64 bytes of salt, which is the default, is what passlib verifies."""
        hasher = Pbkdf2Sha512Hasher(rounds=120_000)
        hashed = hasher.hash("Vx-AJBvbZ~XDg6:ZF3")

        assert str(hasher) == "PBKDF2-SHA512, 120000 rounds, 64 bytes of salt"
        assert re.fullmatch(r"\$pbkdf2-sha512\$120000\$[./A-Za-z0-9]{86}\$[./A-Za-z0-9]{86}", hashed)
        assert pbkdf2_sha512.verify("Vx-AJBvbZ~XDg6:ZF3", hashed)
        assert hasher.verify("Vx-AJBvbZ~XDg6:ZF3", hashed)

    @pytest.mark.parametrize("rounds", ["1", "120000", "999999999", "2147483647"])
    def test_identifies_all_rounds_that_it_takes(self, rounds: str) -> None:
        """A hash is well-formed up to the most rounds that a server may ask for."""
        assert QUICK_PBKDF2.identify(PBKDF2_ANSWERS[0][1].replace("1212", rounds))

    @pytest.mark.parametrize(
        "rounds", ["", "0", "-1", "01212", "1_212", "\uff11\u0662", "2147483648", "9" * 12]
    )
    def test_refuses_rounds_that_are_none(self, rounds: str) -> None:
        """Rounds that no hasher writes make no hash, and cost no time."""
        hashed = PBKDF2_ANSWERS[0][1].replace("1212", rounds)

        assert not QUICK_PBKDF2.identify(hashed)
        assert not QUICK_PBKDF2.verify("password", hashed)


class TestArgon2id:
    """`Argon2idHasher`."""

    def test_gives_the_reference_programs_answer(self) -> None:
        """The hash of the reference program verifies, of whatever parameters the hasher itself is."""
        assert QUICK_ARGON2.verify("password", ARGON2_ANSWER)
        assert not QUICK_ARGON2.verify("passwore", ARGON2_ANSWER)

    @settings(deadline=None, max_examples=30)
    @given(passwords, st.integers(1, 2), st.integers(1, 2))
    def test_makes_what_libpass_verifies(self, password: str, time_cost: int, parallelism: int) -> None:
        """Whatever the parameters, libpass finds them in the hash and verifies it."""
        hashed = Argon2idHasher(time_cost, 64, parallelism).hash(password)
        parsed = argon2.from_string(hashed)

        assert argon2.verify(password, hashed)
        assert (parsed.type, parsed.rounds) == ("id", time_cost)
        assert (parsed.memory_cost, parsed.parallelism) == (64, parallelism)

    @settings(deadline=None, max_examples=30)
    @given(passwords, st.integers(8, 32))
    def test_verifies_what_libpass_makes(self, password: str, salt_size: int) -> None:
        """A hash of libpass verifies."""
        quick = argon2.using(type="ID", time_cost=1, memory_cost=64, parallelism=1, salt_size=salt_size)

        assert QUICK_ARGON2.verify(password, quick.hash(password))

    def test_has_the_cost_that_rfc_9106_recommends(self) -> None:
        """By default a hash has 3 passes over 64 MiB in 4 lanes, 16 bytes of salt and 32 of tag."""
        hashed = Argon2idHasher().hash("Vx-AJBvbZ~XDg6:ZF3")

        assert str(Argon2idHasher()) == "Argon2id, t=3, m=65536 KiB, p=4"
        assert re.fullmatch(
            r"\$argon2id\$v=19\$m=65536,t=3,p=4\$[+/A-Za-z0-9]{22}\$[+/A-Za-z0-9]{43}", hashed
        )
        assert argon2.verify("Vx-AJBvbZ~XDg6:ZF3", hashed)

    def test_says_that_there_is_not_enough_memory(self) -> None:
        """A cost of 4 TiB, where a process may have one, is a mistake of the configuration."""
        before = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (2**40, before[1]))
        try:
            with pytest.raises(ConfigError, match="Not enough memory for memory_cost=4294967295"):
                Argon2idHasher(memory_cost=2**32 - 1).hash("password")
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)


class TestVerify:
    """`verify`, which knows both schemes."""

    @pytest.mark.parametrize(
        "hashed",
        [
            Pbkdf2Sha512Hasher(rounds=1).hash("password"),
            Pbkdf2Sha512Hasher(rounds=3, salt_size=8).hash("password"),
            pbkdf2_sha512.using(rounds=2).hash("password"),
            QUICK_ARGON2.hash("password"),
            argon2.using(type="ID", time_cost=1, memory_cost=64, parallelism=1).hash("password"),
        ],
        ids=["one round", "short salt", "libpass's", "Argon2id", "libpass's Argon2id"],
    )
    def test_takes_the_password_alone(self, hashed: str) -> None:
        """A hash of either scheme verifies with its own password, whatever its parameters."""
        assert verify("password", hashed)
        assert not verify("Password", hashed)
        assert not verify("", hashed)

    @pytest.mark.parametrize(
        "hashed", ["", "password", "$pbkdf2-sha512$1$AAAA$AAAA", "$argon2id$", "$2b$12$" + "a" * 53]
    )
    def test_takes_no_other_hash(self, hashed: str) -> None:
        """What is neither is no password's."""
        assert not verify("password", hashed)

    @settings(deadline=None, max_examples=50)
    @given(st.text(), passwords)
    def test_takes_anything(self, hashed: str, password: str) -> None:
        """No text is an error."""
        assert not verify(password, hashed)


@pytest.fixture
def hasher_of(tmp_path: Path) -> Callable[..., PasswordHasher]:
    """Choose the hasher of a server with these lines in `[hash_secret]` of `sso.conf` and `sso.toml`."""

    def choose(conf: str, toml: str = "") -> PasswordHasher:
        (tmp_path / "sso.conf").write_text(f"[hash_secret]\n{conf}\n")
        (tmp_path / "sso.toml").write_text(f"[hash_secret]\n{toml}\n")
        resolver = ValueResolver(env={}, warn=pytest.fail, secret=lambda _group, key: key)
        return password_hasher(SSOSettings(tmp_path, resolver))

    return choose


STOCK = "rounds=120000\nsalt_size=64 # In bytes = 512 bits"


class TestPasswordHasher:
    """`password_hasher`, which chooses the scheme."""

    @pytest.mark.parametrize(
        ("conf", "toml", "hasher"),
        [
            (STOCK, "", Pbkdf2Sha512Hasher(120_000, 64)),
            ("rounds=100000\nsalt_size=8", "", Pbkdf2Sha512Hasher(100_000, 8)),
            ("", "", Argon2idHasher()),
            ("salt_size=64", "", Argon2idHasher()),
            (STOCK, 'scheme = "argon2id"', Argon2idHasher()),
            (STOCK, "rounds = 220000", Pbkdf2Sha512Hasher(220_000, 64)),
            (STOCK, 'scheme = "pbkdf2_sha512"\nsalt_size = 32', Pbkdf2Sha512Hasher(120_000, 32)),
            ("", 'scheme = "pbkdf2_sha512"\nrounds = 1\nsalt_size = 16', Pbkdf2Sha512Hasher(1, 16)),
            ("", "time_cost = 2\nmemory_cost = 19456\nparallelism = 1", Argon2idHasher(2, 19456, 1)),
            ("", "memory_cost = 32", Argon2idHasher(3, 32, 4)),
            ("rounds=2147483647\nsalt_size=1024", "", Pbkdf2Sha512Hasher(2**31 - 1, 1024)),
        ],
    )
    def test_follows_the_server(
        self, hasher_of: Callable[..., PasswordHasher], conf: str, toml: str, hasher: PasswordHasher
    ) -> None:
        """The scheme is what `scheme` says, else PBKDF2 where rounds are pinned, else Argon2id."""
        assert hasher_of(conf, toml) == hasher

    @pytest.mark.parametrize(
        ("conf", "toml", "message"),
        [
            ("rounds=120000", "", r"sso.conf` has no \[hash_secret\] salt_size. Add it"),
            ("", 'scheme = "pbkdf2_sha512"', r"sso.conf` has no \[hash_secret\] rounds. Add it"),
            ("rounds=0\nsalt_size=64", "", "rounds is not a whole number from 1 to"),
            ("rounds=4294967296\nsalt_size=64", "", "rounds is not a whole number from 1 to"),
            ("rounds=2147483648\nsalt_size=64", "", "rounds is not a whole number from 1 to"),
            ("rounds=many\nsalt_size=64", "", "rounds is not a whole number from 1 to"),
            ("rounds=1\nsalt_size=7", "", "salt_size is not a whole number from 8 to 1024"),
            ("rounds=1\nsalt_size=1025", "", "salt_size is not a whole number from 8 to 1024"),
            ("", "time_cost = 0", "time_cost is not a whole number from 1"),
            ("", "parallelism = 16777216", "parallelism is not a whole number from 1 to 16777215"),
            ("", "memory_cost = 31", "memory_cost is not a whole number from 32"),
            ("", "parallelism = 1\nmemory_cost = 7", "memory_cost is not a whole number from 8"),
            ("", "parallelism = true", "parallelism is not a whole number"),
            (STOCK, 'scheme = "md5"', 'sso.toml`: .hash_secret. scheme is an unknown scheme. Write "pbkdf2'),
            (STOCK, "scheme = 1", "sso.toml`: .hash_secret. scheme is not a text"),
        ],
    )
    def test_refuses_what_no_scheme_takes(
        self, hasher_of: Callable[..., PasswordHasher], conf: str, toml: str, message: str
    ) -> None:
        """A parameter that is missing or out of range, or an unknown scheme, is told by its place."""
        with pytest.raises(ConfigError, match=message):
            hasher_of(conf, toml)

    def test_salts_of_the_longest_kind_can_be_verified(self) -> None:
        """The longest salt that is allowed is one that passlib reads."""
        assert pbkdf2_sha512.verify("password", Pbkdf2Sha512Hasher(1, 1024).hash("password"))


class TestCosts:
    """What is read from a hash, and how it compares with a setting."""

    @pytest.mark.parametrize(
        ("hashed", "hasher"),
        [
            (PBKDF2_ANSWERS[0][1], Pbkdf2Sha512Hasher(rounds=1212)),
            (ARGON2_ANSWER, Argon2idHasher(time_cost=2, memory_cost=65536, parallelism=4)),
            (ARGON2_ANSWER.replace("$argon2id", "$argon2i"), None),
            (ARGON2_ANSWER.replace("v=19", "v=16"), None),
            (ARGON2_ANSWER.replace("t=2", "t=0"), None),
            (ARGON2_ANSWER + "$", None),
            (PBKDF2_ANSWERS[0][1].replace("$1212$", "$4294967295$"), None),
            ("$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", None),
            ("", None),
        ],
    )
    def test_are_those_of_the_hash(self, hashed: str, hasher: PasswordHasher | None) -> None:
        """A hash says what it was made with; one of another kind says nothing."""
        assert made_with(hashed) == hasher

    @both
    def test_hasher_is_not_below_itself(self, hasher: PasswordHasher) -> None:
        """What a server stores now is as its setting says."""
        made = made_with(HASHES[type(hasher)])

        assert made
        assert made.costs == hasher.costs
        assert not is_below(made, hasher)

    def test_scheme_and_every_cost_count(self) -> None:
        """Another scheme is below a setting, and one lower cost is enough, whatever the others are."""
        assert is_below(QUICK_PBKDF2, QUICK_ARGON2)
        assert is_below(QUICK_ARGON2, QUICK_PBKDF2)
        assert is_below(QUICK_PBKDF2, Pbkdf2Sha512Hasher(rounds=4))
        assert not is_below(Pbkdf2Sha512Hasher(rounds=4, salt_size=8), QUICK_PBKDF2)
        assert not is_below(Argon2idHasher(), QUICK_ARGON2)
        for costs in ((2, 8, 1), (1, 16, 1), (1, 16, 2)):
            assert is_below(QUICK_ARGON2, Argon2idHasher(*costs))
