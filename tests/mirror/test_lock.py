"""The lock on a table is the table's, by whatever address one has come to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ialirt_backfill.exceptions import Interrupted
from ialirt_backfill.mirror.address import DatabaseAddress
from ialirt_backfill.mirror.lock import exclusive
from ialirt_backfill.mirror.session import DatabaseSession
from tests.mirror.samples import Mirror, execute, in_schema
from tests.support.databases import Door


def is_held(address: str, table: str) -> bool:
    """Whether one who comes by this address would have to wait for the lock."""
    waited: list[str] = []
    with DatabaseSession(DatabaseAddress(address)) as session:
        try:
            with exclusive(session, table, lambda: True, lambda: waited.append(table)):
                return False
        except Interrupted:
            assert waited == [table]
            return True


@pytest.fixture(params=["postgresql", "sqlite", "sqlite in a linked folder"])
def two_addresses(request: pytest.FixtureRequest, load: Mirror) -> tuple[str, str]:
    """One database, by two addresses."""
    if request.param == "postgresql":
        door: Door = request.getfixturevalue("door")
        return request.getfixturevalue("postgresql_url"), door.url
    database: str = request.getfixturevalue("sqlite_target")
    load(database)
    real, folder = Path(database.removeprefix("sqlite:///")), Path(request.getfixturevalue("tmp_path"))
    if "folder" in request.param:
        (folder / "link").symlink_to(real.parent)
        return database, f"sqlite:///{folder}/link/{real.name}"
    (folder / "link.sqlite").symlink_to(real)
    return database, f"sqlite:///{folder}/link.sqlite"


def test_by_another_address_it_is_the_same_lock(two_addresses: tuple[str, str]) -> None:
    for one, other in (two_addresses, two_addresses[::-1]):
        with (
            DatabaseSession(DatabaseAddress(one)) as session,
            exclusive(session, "ialirt_hit", lambda: True, lambda: pytest.fail("it is free")),
        ):
            assert is_held(other, "ialirt_hit")
        assert not is_held(other, "ialirt_hit")


def test_of_another_table_or_schema_it_is_another(postgresql_url: str) -> None:
    execute(postgresql_url, "CREATE SCHEMA mine")
    with (
        DatabaseSession(DatabaseAddress(postgresql_url)) as session,
        exclusive(session, "ialirt_hit", lambda: True, lambda: pytest.fail("it is free")),
    ):
        assert not is_held(postgresql_url, "ialirt_mag")
        assert not is_held(in_schema(postgresql_url, "mine"), "ialirt_hit")
        assert is_held(in_schema(postgresql_url, "public"), "ialirt_hit")
