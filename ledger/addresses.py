"""Addresses of databases, as text: which SQLite file one means, and what of it anybody may read.

Light: nothing is imported for it. An address that is parsed into its parts (SQLAlchemy's, psycopg's) knows its secrets
itself; here is what they have in common, and what is done where an address is still a piece of text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

SQLITE = "sqlite:///"
"""How the address of a SQLite file begins. All that follows is the path as it stands: a folder may have ``?``, ``%``
and spaces in its name, and ``sqlite:////tmp/x`` is ``/tmp/x``."""

SECRET_KEYS = ("password", "sslpassword", "oauth_client_secret")
"""The parameters of a PostgreSQL address that nobody may read."""

HIDDEN = "***"

_AFTER_THE_NAME = re.compile(r"(?<=://)([^:/@]*):.*@")
_AFTER_THE_KEY = re.compile(rf"({'|'.join(SECRET_KEYS)})=[^&]*")


def sqlite_url(path: Path | str) -> str:
    """The address of a SQLite file."""
    return f"{SQLITE}{path}"


def sqlite_file(url: str) -> Path | None:
    """The file that an address means; None where it is that of another database, or of one in memory."""
    path = sqlite_path(url)
    if path is None or path in {"", ":memory:"} or path.startswith("file:"):
        return None
    return Path(path)


def sqlite_path(url: str) -> str | None:
    """What the address of a SQLite database has for a path; None in that of another database."""
    scheme, separator, path = url.partition(":///")
    return path if separator and scheme in {"sqlite", "sqlite+pysqlite"} else None


def without_secrets(text: str) -> str:
    """Text with the passwords of the addresses in it hidden: ``https://name:***@host``, ``…?password=***``."""
    return _AFTER_THE_KEY.sub(rf"\1={HIDDEN}", _AFTER_THE_NAME.sub(rf"\1:{HIDDEN}@", text))


def without(secrets: Iterable[str], text: str) -> str:
    """Text in which none of these can be read any more: for what a driver says, which may quote its address."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return text
