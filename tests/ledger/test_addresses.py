"""Addresses of databases, as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.addresses import sqlite_file, sqlite_url, without, without_secrets


@pytest.mark.parametrize("path", ["/data/ledger.sqlite", "data/x", "/my data/50%?#/ü"])
def test_the_address_of_a_file_means_that_file(path: str) -> None:
    assert sqlite_file(sqlite_url(path)) == Path(path)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///name", "sqlite://", "ledger.sqlite", "sqliteish:///x", "", "sqlite+other:///x", "sqlite:///",
        "sqlite:///:memory:", "sqlite:///file::memory:?cache=shared",
    ],
)  # fmt: skip
def test_other_addresses_mean_no_file(url: str) -> None:
    assert sqlite_file(url) is None


@pytest.mark.parametrize("text", ["sqlite:////data/a:b@c/ledger.sqlite", "./ialirt-data", "https://host:8080/a"])
def test_what_holds_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://team:ge:h/ei@m@host/db", "postgresql://team:***@host/db"),
        ("--url https://me:geheim@host/x", "--url https://me:***@host/x"),
        ("postgresql:///db?password=geheim&x=1", "postgresql:///db?password=***&x=1"),
        ("postgresql:///db?sslpassword=a&oauth_client_secret=b", "postgresql:///db?sslpassword=***&oauth_client_secret=***"),
    ],
)  # fmt: skip
def test_passwords_are_hidden_and_the_rest_stays(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_known_secrets_are_taken_out_of_what_a_driver_says() -> None:
    assert without(["hunter2"], 'connection to "hunter2@host" with hunter2 failed') == (
        'connection to "***@host" with *** failed'
    )
