"""The server's password policy."""

from dataclasses import dataclass

from zato_sso_reset.domain.settings import Settings

STOCK_MIN_COMPLEXITY = 4  # the value that a stock server uses if `sso.conf` has no `min_complexity`
MAX_SCORED = 72  # characters: zxcvbn refuses to score a longer password

SEALED = ("gAAA", "zato.secf.")
"""The beginnings of encrypted values: Zato's API tries to decrypt a password with one of them."""


@dataclass(frozen=True)
class PasswordPolicy:
    """The rules of `[password]`: lengths in characters, the minimum zxcvbn score (0 is off, to 4)."""

    min_length: int
    max_length: int
    min_complexity: int = 0
    reject_list: tuple[str, ...] = ()

    @classmethod
    def from_settings(cls, settings: Settings) -> "PasswordPolicy":
        """Read the policy of a server; raise ConfigError if a rule is missing or out of range."""
        complexity = settings.find("password", "min_complexity")
        reject_list = settings.find("password", "reject_list")
        words = reject_list.text().lower().splitlines() if reject_list else []
        return cls(
            min_length=settings.get("password", "min_length").integer(0),
            max_length=settings.get("password", "max_length").integer(1),
            min_complexity=complexity.integer(0, 4) if complexity else STOCK_MIN_COMPLEXITY,
            reject_list=tuple(word.strip() for word in words if word.strip()),
        )

    def __str__(self) -> str:
        rules = [f"{self.min_length} to {self.max_length} characters"]
        if self.reject_list:
            rules.append("without any line of reject_list")
        if self.min_complexity:
            rules.append(f"a zxcvbn score of at least {self.min_complexity}")
        return ", ".join(rules)

    def refusal(self, password: str) -> str | None:
        """Return the rule that refuses `password`, or None if it complies with all rules."""
        if password.startswith(SEALED):
            return "it begins with `gAAA` or `zato.secf.`, so that Zato would take it for an encrypted one"
        if len(password) < self.min_length:
            return f"it is shorter than min_length={self.min_length}"
        if len(password) > self.max_length:
            return f"it is longer than max_length={self.max_length}"
        if any(rejected in password.lower() for rejected in self.reject_list):
            return "it contains a line of reject_list"
        if self.min_complexity:
            from zxcvbn import zxcvbn

            if zxcvbn(password[:MAX_SCORED])["score"] < self.min_complexity:
                return f"its zxcvbn score is below min_complexity={self.min_complexity}"
        return None
