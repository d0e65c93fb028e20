"""Who asks: a program on this machine for somebody who sits at it, or anybody.

What I-ALiRT shows to keys with a scope only is not passed on. A server that listens on this machine alone is not out of
reach of others yet: a proxy may stand before it, and a page of another site may ask through a browser here. Both give
themselves away by their headers, unless the proxy was told to hide what it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from ialirt_backfill.options.hosts import is_loopback

_OF_PROXIES = ("forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip")
_OF_MORE_PROXIES = ("x-forwarded", "x_forwarded")
"""So do the names begin that others write."""


def is_local(host: str) -> bool:
    """Whether only this machine can reach this host. Browsers take every name that ends on ``.localhost`` for it; who
    sends a key there cannot, for a name server may say otherwise."""
    return is_loopback(host) or host.lower().endswith(".localhost")


def is_from_this_machine(headers: Mapping[str, str]) -> bool:
    """Whether nothing in the headers of a request says that it comes from elsewhere."""
    if any(name in _OF_PROXIES or name.startswith(_OF_MORE_PROXIES) for name in headers):
        return False
    addresses = [f"//{headers.get('host', 'localhost')}", headers.get("origin", "//localhost")]
    try:
        return all(is_local(urlsplit(address).hostname or "") for address in addresses)
    except ValueError:
        return False
