"""Settings, as the domain layer reads them."""

import re
from dataclasses import dataclass, field
from typing import Protocol

from zato_sso_reset.errors import ConfigError


@dataclass(frozen=True)
class Setting:
    """A value and its source, for messages. The value may be secret: neither `repr` nor an error shows it."""

    value: object = field(repr=False)
    source: str
    is_resolved: bool = field(default=False, repr=False, compare=False)
    """Whether the value comes from `$NAME` or `zato+secret://`: no message may show it then."""

    def integer(self, minimum: int, maximum: int = 2**32 - 1) -> int:
        """Return a whole number; raise ConfigError if it is not one from `minimum` to `maximum`."""
        number = self.value
        # No number in any range has more than ten digits: a longer text is never converted.
        if isinstance(number, str) and re.fullmatch("[0-9]{1,10}", number):
            number = int(number)
        if type(number) is int and minimum <= number <= maximum:
            return number
        raise ConfigError(f"{self.source} is not a whole number from {minimum} to {maximum}.", "Correct it.")

    def boolean(self) -> bool:
        """Return a boolean; raise ConfigError if it is neither `True` nor `False`."""
        if str(self.value) not in {"True", "False"}:
            raise ConfigError(f"{self.source} is neither True nor False.", "Correct it.")
        return str(self.value) == "True"

    def text(self, *, required: bool = False) -> str:
        """Return a text; raise ConfigError if it is a list (an unquoted comma), or empty but `required`."""
        if not isinstance(self.value, str):
            raise ConfigError(f"{self.source} is not text.", "Quote the value.")
        if required and not self.value:
            raise ConfigError(f"{self.source} is empty.", "Set a value.")
        return self.value


class Settings(Protocol):
    """The settings of a server."""

    def find(self, section: str, key: str) -> Setting | None:
        """Return a setting, or None if no source has it."""

    def get(self, section: str, key: str) -> Setting:
        """Return a setting; raise ConfigError if no source has it."""
