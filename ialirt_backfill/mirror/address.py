"""Where the mirror's database is: its address, understood, and shown without the password. Opens nothing."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ialirt_backfill.exceptions import UsageError
from ledger.addresses import SECRET_KEYS, sqlite_file, sqlite_url, without

_FORMS = "write it as postgresql://user:password@host/database or sqlite:///path/to/mirror.sqlite"


class DatabaseAddress:
    """A PostgreSQL database or a SQLite file. UsageError where the text is the address of neither.

    ``path`` is the SQLite file, None for PostgreSQL, whose connection ``settings`` are by libpq's names.
    """

    def __init__(self, url: str) -> None:
        self.path: Path | None = None
        self.settings: dict[str, str] = {}
        if url.startswith("sqlite"):
            self.path = sqlite_file(url)
            if self.path is None:
                raise UsageError(f"--database names no SQLite file: {_FORMS}")
            self.shown = sqlite_url(self.path)
        else:
            self.settings = _settings(url)
            self.shown = _shown(self.settings)

    @property
    def is_sqlite(self) -> bool:
        return self.path is not None

    @property
    def has_secret(self) -> bool:
        """Whether the address holds a password."""
        return bool(self._secrets)

    def without_secrets(self, words: str) -> str:
        """Words in which the passwords are hidden."""
        return without(self._secrets, words)

    @property
    def _secrets(self) -> list[str]:
        return [value for key in SECRET_KEYS if (value := self.settings.get(key))]


def _settings(url: str) -> dict[str, str]:
    match = re.fullmatch(r"postgres(?:ql)?(?:\+\w+)?://(.*)", url, re.DOTALL)
    if match is None:
        raise UsageError(f"--database is neither PostgreSQL nor SQLite: {_FORMS}")
    with contextlib.suppress(psycopg.Error):
        found = conninfo_to_dict(f"postgresql://{match[1]}")
        return {key: str(value) for key, value in found.items()}
    # Neither the address nor what the parser said of it is shown: both may hold a part of the password.
    raise UsageError(f"--database cannot be understood: {_FORMS}") from None


def _shown(settings: dict[str, str]) -> str:
    host, port = settings.get("host", ""), settings.get("port", "")
    user = f"{settings['user']}@" if "user" in settings else ""
    if host.startswith("/"):
        return f"postgresql://{user}/{settings.get('dbname', '')}?host={host}"
    return f"postgresql://{user}{host}{':' if port else ''}{port}/{settings.get('dbname', '')}"
