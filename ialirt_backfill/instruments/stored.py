"""How much of a query the server counts: not the bytes of JSON but those that its store, DynamoDB, reads."""

from __future__ import annotations

from functools import lru_cache

LIMIT = 1_048_576
"""Stored bytes above which a query is refused: what the server's store reads at once."""


def stored_size(value: object) -> int:
    """The bytes a value takes up in the server's store, by the rules of DynamoDB.

    The outermost object is the record itself, whose names and values count without the overhead of a map.
    """
    if not isinstance(value, dict):
        return _size(value)
    return sum(_length(name) + _size(member) for name, member in value.items())


def _size(value: object) -> int:
    if value is None or value is True or value is False:
        return 1
    if isinstance(value, (float, int)):
        return _number_size(value)
    if isinstance(value, list):
        return 3 + len(value) + sum(map(_size, value))
    if isinstance(value, str):
        return _length(value)
    if isinstance(value, dict):
        return 3 + sum(1 + _length(name) + _size(member) for name, member in value.items())
    raise TypeError(f"nothing like {value!r} is stored")


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))  # JSON may hold half a letter


@lru_cache(maxsize=65_536)
def _number_size(value: float) -> int:
    """A byte per two significant digits, one more, and one for a minus sign."""
    mantissa = str(value).partition("e")[0]
    digits = mantissa.lstrip("-").replace(".", "").strip("0")
    return (len(digits) + 1) // 2 + 1 + mantissa.startswith("-")
