"""Text for people: escaping, plurals, and suggestions for mistyped names."""

from collections.abc import Mapping


def printable(text: str, limit: int = 200) -> str:
    """Return `text` safe for a terminal: unprintable characters escaped, at most `limit` characters."""
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return escaped if len(escaped) <= limit else escaped[:limit] + "..."


def quoted(text: object, limit: int = 200) -> str:
    """Return `text` printable, between backquotes."""
    return f"`{printable(str(text), limit)}`"


def plural(count: int, one: str, several: str) -> str:
    """Return a number and its noun, in the singular for 1."""
    return f"{count} {one if count == 1 else several}"


def did_you_mean(wanted: str, known: Mapping[str, str], cutoff: float = 0.6) -> str:
    """Return a sentence that suggests the values of the nearest keys, at most three, or an empty text.

    `cutoff` is the least similarity, from 0 to 1. A key that is the same is suggested alone.
    """
    from difflib import get_close_matches

    keys = [wanted] if wanted in known else get_close_matches(wanted, known, cutoff=cutoff)
    near = " or ".join(quoted(known[key]) for key in keys)
    return f"Did you mean {near}?" if near else ""
