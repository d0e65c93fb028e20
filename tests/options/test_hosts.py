"""Which hosts are this machine."""

from __future__ import annotations

import pytest

from ialirt_backfill.ask.endpoint import Endpoint
from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options.hosts import is_loopback
from ialirt_backfill.serve.access import is_local


def test_is_loopback() -> None:
    here = ("localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]", "LOCALHOST")
    assert all(is_loopback(host) and is_local(host) for host in here)
    elsewhere = ("", "example.com", "localhost.example.com", "0.0.0.0", "::", "notlocalhost")
    assert not any(is_loopback(host) or is_local(host) for host in elsewhere)


def test_a_name_below_localhost_is_one_to_browsers_and_a_key_is_not_sent_there() -> None:
    assert is_local("hapi.localhost")
    with pytest.raises(UsageError, match="use https"):
        Endpoint("http://hapi.localhost", "a-key")
