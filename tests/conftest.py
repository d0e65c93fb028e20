"""What all tests share."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.support.databases import (  # noqa: F401 - fixtures
    door,
    ledger_url,
    postgresql_socket,
    postgresql_url,
    role_with_password,
    sqlite_url,
)

settings.register_profile("untimed", deadline=None)  # a busy machine is no defect
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """No test of this process reaches beyond this machine, not even by accident."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6}:
            assert _is_loopback(address[0]), f"a test tried to connect to {address}"
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in {"localhost", ""}
