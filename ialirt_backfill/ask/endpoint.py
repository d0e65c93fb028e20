"""Where I-ALiRT is, and the key to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options.hosts import is_loopback


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where I-ALiRT is, and the key to it. The key never shows in a repr."""

    url: str
    key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            host = parts.hostname if parts.port != 0 else None
        except ValueError:
            host = None
        clean = self.url.isprintable() and not set(" ?#") & set(self.url)
        if host is None or parts.scheme not in {"http", "https"} or not clean:
            raise UsageError(f"{self.url!r} is not a web address: give --url as https://host or http://host:port")
        if parts.username is not None:
            raise UsageError(f"--url for {host}: leave the name and the password out of the address")
        if self.key is None:
            return
        if not self.key.isascii() or not self.key.isprintable() or " " in self.key:
            raise UsageError("the API key holds a line break, a space or another character that no key has")
        if parts.scheme == "http" and not is_loopback(host):
            raise UsageError(f"an API key is not sent over plain http to {host}: use https")

    @property
    def base(self) -> str:
        """The base of every request's address; with a key, the part of the API that asks for one."""
        base = self.url.rstrip("/")
        return f"{base}/api-key" if self.key and not base.endswith("/api-key") else base
