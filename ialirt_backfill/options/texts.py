"""Settings as people and their tools write them: with a ``~``, in quotes, with a line's end of Windows, after a byte
order mark. They are understood as they are meant, or refused, before anything is stored in a wrong place.
"""

from __future__ import annotations

import codecs
import contextlib
import os
from pathlib import Path

from ialirt_backfill.exceptions import UsageError
from ledger.addresses import sqlite_url

_SQLITE_SUFFIXES = {".sqlite", ".sqlite3", ".db"}
_QUOTES = ("'", '"')
_OF_A_TEXT_PROGRAM = ("\u201c", "\u201d", "\u201e", "\u2018", "\u2019")
"""Quotation marks as a text program or a web page sets them: a shell takes them for letters."""

_FIRST_PRINTABLE, _DELETE = 0x20, "\x7f"


def read_text(path: Path) -> str:
    """The text of a file that a person has written, in UTF-8 or, as some editors and shells have it, in UTF-16.

    Raises OSError, and UnicodeDecodeError.
    """
    data = path.read_bytes()
    is_wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if is_wide else "utf-8-sig")


def unquoted(text: str) -> str:
    """What an environment variable means: docker and others take the quotes of their files, and a carriage return at
    the end of a line, for a part of the value. Raises UsageError where a quotation mark has no other.
    """
    text = text.strip()
    if not text.startswith(_QUOTES):
        return text
    if text == text[0] or text[-1] != text[0]:
        raise UsageError(f"begins with {text[0]} and does not end with it: leave it out")
    return text[1:-1].strip()


def full_path(name: str, text: str) -> str:
    """A path as it is meant; ``name`` is the option's, for complaints. Raises UsageError."""
    if control := next((letter for letter in text if ord(letter) < _FIRST_PRINTABLE or letter == _DELETE), None):
        raise UsageError(f"{name} {text!r}: take the {control!r} out")
    if text.startswith(_OF_A_TEXT_PROGRAM):
        mark = text[0]
        instead = f'write ", or ./{mark} for a folder that has it in its name'
        raise UsageError(f"{name} {text}: {mark} is a quotation mark that no shell reads; {instead}")
    first = text.split("/", 1)[0]
    if first.startswith("~"):
        return _home(name, first) + text[len(first) :]
    if not Path(text).is_absolute():
        try:
            Path.cwd()
            Path().stat()
        except OSError as error:
            why = "is gone" if isinstance(error, FileNotFoundError) else f"is of no use ({error.strerror})"
            raise UsageError(
                f"{name} {text}: the working folder {why}; change to another one, or write the path in full"
            ) from None
    return text


def full_address(name: str, text: str) -> str:
    """The address of a database, whose path is made full where it is that of a file; the bare path of a SQLite file is
    taken for its address. Raises UsageError.
    """
    scheme, separator, path = text.partition(":///")
    if ":/" not in text and not text.startswith("sqlite:") and Path(text).suffix in _SQLITE_SUFFIXES:
        return sqlite_url(full_path(name, text))
    if not separator or not scheme.startswith("sqlite"):
        return text
    return scheme + separator + full_path(name, path)


def _home(name: str, begin: str) -> str:
    """The folder that ``~`` or ``~user`` means. Raises UsageError where there is none."""
    if begin != "~" or Path(os.environ.get("HOME", "/")).is_absolute():
        with contextlib.suppress(RuntimeError):
            return str(Path(begin).expanduser())
    why = f"there is no user {begin[1:]!r}" if begin != "~" else "the environment has no HOME"
    raise UsageError(f"{name} {begin}: {why}; write the path in full, or ./{begin} for a folder of that name")
