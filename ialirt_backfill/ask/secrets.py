"""The API key taken out of what a server says, should it say it back: as it is, or escaped as JSON and addresses do."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from ledger.addresses import HIDDEN


def without_key(key: str | None, text: str) -> str:
    """A text with ``***`` in place of the key, whether it stands there as it is, percent-encoded, or escaped."""
    if not key:
        return text
    if key in text:
        text = text.replace(key, HIDDEN)
    if "\\" in text or "%" in text:  # that takes a hundred times as long
        text = _escaped(key).sub(HIDDEN, text)
    return text


def shown_without(key: str | None, value: Any) -> Any:
    """A decoded value of JSON without the key in any of its texts and names."""
    if not key:
        return value
    match value:
        case str():
            return value.replace(key, HIDDEN)
        case list():
            return [shown_without(key, element) for element in value]
        case dict():
            return {name.replace(key, HIDDEN): shown_without(key, member) for name, member in value.items()}
    return value


@lru_cache(maxsize=4)
def _escaped(key: str) -> re.Pattern[str]:
    """The key, each letter of it as it is or escaped."""
    return re.compile("".join(_ways(letter) for letter in key), re.IGNORECASE)


def _ways(letter: str) -> str:
    code = ord(letter)
    return rf"(?:\\?{re.escape(letter)}|%{code:02x}|\\u{code:04x})"
