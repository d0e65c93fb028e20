"""What a database and a file can do to a load: a day fails with what is wrong, and the days behind it go on."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from ialirt_backfill.mirror import through_crump
from ialirt_backfill.mirror.events import MirrorReport
from tests.mirror.samples import FIRST, LAST, NOON, Mirror, execute, table
from tests.support.stores import Rows, Store


def error(report: MirrorReport) -> str:
    """What is said of the first day, which alone has failed."""
    assert (report.exit_code, report.summary["failed"], report.summary["loaded"]) == (1, 1, 1), report.outcomes
    [told] = [outcome.error for outcome in report.outcomes if outcome.error]
    assert "\n" not in told
    return told


def put(name: str, cell: str, row: int = 5) -> object:
    """Change one cell of a file."""

    def change(rows: Rows) -> Rows:
        return [it | {name: cell} if number == row else it for number, it in enumerate(rows)]

    return change


# --- cells ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cell", "says"),
    [
        ("hit_h_omni_low_en", "1e999", 'refuses ("1e999" is out of range for type double precision): change the type'),
        ("hit_h_omni_low_en", "many", "refuses (invalid input syntax for type double precision"),
        ("hit_epoch", "9223372036854775808", "the column's type (bigint) cannot hold: change the type of the column"),
        ("hit_epoch", "0x10", "the column's type (bigint) cannot hold"),
        ("time_utc", "2026-02-30T00:00:00", "the column's type (timestamp) cannot hold"),
        ("time_utc", "", "the column's type (timestamp) cannot hold"),
        ("kernel_set_key", "a\0b", 'refuses (invalid byte sequence for encoding "UTF8": 0x00): a database in UTF8'),
        ("hit_new", "a\0b", "refuses (invalid byte sequence"),
    ],
)
def test_a_cell_fails_its_day_with_column_cell_and_time(
    store: Store, load: Mirror, postgresql_url: str, name: str, cell: str, says: str
) -> None:
    load(postgresql_url)
    before = table(postgresql_url, "ialirt_hit")
    rows = store.change("hit", FIRST, put(name, cell))  # type: ignore[arg-type]
    store.change("hit", LAST, lambda rows: rows[1:])
    said = error(load(postgresql_url))
    time = "None" if not rows[5]["time_utc"] else rows[5]["time_utc"]
    shown = repr(cell) if cell else "None"
    assert said.startswith(f"hit {FIRST} was not loaded: {name} is {shown} at {time}, which ")
    assert says in said
    after = table(postgresql_url, "ialirt_hit", FIRST)
    assert after == {at: row for at, row in before.items() if at.startswith(f"{FIRST}")}
    assert "hit_new" not in next(iter(after.values())), "not even its column is there"


def test_the_first_of_many_is_named_and_a_long_one_is_cut(store: Store, load: Mirror, postgresql_url: str) -> None:
    load(postgresql_url, "codice_hi")
    execute(postgresql_url, "ALTER TABLE ialirt_codice_hi ALTER codice_hi_h TYPE json USING codice_hi_h::json")
    rows = store.change("codice_hi", FIRST, lambda rows: [
        row | {"codice_hi_h": row["codice_hi_h"] + "]"} if number in {60, 90} else row
        for number, row in enumerate(rows)
    ])  # fmt: skip
    said = error(load(postgresql_url, "codice_hi", reload=True))
    assert f" at {rows[60]['time_utc']}, which the database refuses (invalid input syntax for type json)" in said
    assert len(said) < 400


def test_the_advice_leads_out(store: Store, load: Mirror, postgresql_url: str) -> None:
    """A boolean cannot become a number, nor the key anything else: the table would be refused."""
    load(postgresql_url, "mag_hk")
    store.change("mag_hk", FIRST, put("mag_hk_pri_isvalid", "maybe"))  # type: ignore[arg-type]
    store.change("mag_hk", LAST, lambda rows: rows[1:])
    assert error(load(postgresql_url, "mag_hk")).endswith(": change the type of the column to text, and run again")
    execute(postgresql_url, "ALTER TABLE ialirt_mag_hk ALTER mag_hk_pri_isvalid TYPE text")
    assert load(postgresql_url, "mag_hk").summary["loaded"] == 1
    store.change("mag_hk", FIRST, put("time_utc", "noon"))  # type: ignore[arg-type]
    store.change("mag_hk", LAST, lambda rows: rows[1:])
    assert error(load(postgresql_url, "mag_hk")).endswith(" cannot hold: let verify look at the file")


def test_bytes_that_are_no_text(store: Store, load: Mirror, database: str) -> None:
    """A surrogate as UTF-8 would write it, which it must not."""
    path = store.path("hit", FIRST)
    rows = store.rows("hit")
    path.write_bytes(path.read_bytes().replace(rows[7]["kernel_set_key"].encode(), b"x\xed\xa0\x80", 1))
    said = error(load(database))
    assert "imap_ialirt_hit_20260101.csv is damaged (kernel_set_key is b'x\\xed\\xa0\\x80' at " in said
    assert "which is no UTF-8): let verify look at it" in said


def test_sqlite_keeps_what_it_is_given(store: Store, load: Mirror, sqlite_target: str) -> None:
    rows = store.change("hit", FIRST, put("kernel_set_key", "a\0b€"))  # type: ignore[arg-type]
    store.change("hit", FIRST, put("hit_h_omni_low_en", "many"))  # type: ignore[arg-type]
    assert load(sqlite_target, end=FIRST).exit_code == 0
    found = table(sqlite_target, "ialirt_hit")[rows[5]["time_utc"]]
    assert (found["kernel_set_key"], found["hit_h_omni_low_en"]) == ("a\0b€", "many")
    store.change("hit", FIRST, put("hit_epoch", "9223372036854775808"))  # type: ignore[arg-type]
    assert "cannot hold" in str(load(sqlite_target, end=FIRST).outcomes[0].error)


# --- databases in other encodings -------------------------------------------------------------------------------------


@contextlib.contextmanager
def encoded(socket: Path, encoding: str) -> Iterator[str]:
    name = f"in_{encoding.lower()}"
    with psycopg.connect(f"host={socket} user=postgres dbname=postgres", autocommit=True) as admin:
        how = f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        admin.execute(f"CREATE DATABASE {name} {how}".encode())
        yield f"postgresql://postgres@/{name}?host={quote(str(socket))}"
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_a_database_in_latin1(store: Store, load: Mirror, postgresql_socket: Path) -> None:
    rows = store.change("hit", FIRST, put("kernel_set_key", "3 €"))  # type: ignore[arg-type]
    store.change("hit", LAST, put("kernel_set_key", "é"))  # type: ignore[arg-type]
    with encoded(postgresql_socket, "LATIN1") as database:
        said = error(load(database))
        assert f"kernel_set_key is '3 €' at {rows[5]['time_utc']}, which the database refuses (character with" in said
        assert "a database in UTF8 takes every character" in said
        assert sorted(row["kernel_set_key"] for row in table(database, "ialirt_hit", LAST).values())[-1] == "é"


def test_a_database_in_no_encoding(store: Store, load: Mirror, postgresql_socket: Path) -> None:
    store.change("hit", FIRST, put("kernel_set_key", "3 €"))  # type: ignore[arg-type]
    with encoded(postgresql_socket, "SQL_ASCII") as database:
        assert load(database, history=True).exit_code == 0
        assert load(database, reload=True).exit_code == 0
        stored = "SELECT encode(kernel_set_key::bytea, 'escape') FROM ialirt_hit ORDER BY time_utc OFFSET 5 LIMIT 1"
        assert execute(database, stored) == [(rb"3 \342\202\254",)]


# --- what a database refuses ------------------------------------------------------------------------------------------


def test_a_trigger_that_keeps_a_row_out(load: Mirror, store: Store, postgresql_url: str) -> None:
    load(postgresql_url)
    before = table(postgresql_url, "ialirt_hit", FIRST)
    execute(
        postgresql_url,
        "CREATE FUNCTION kept_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF new.hit_h_omni_low_en = 0.5 THEN RETURN NULL; END IF; RETURN new; END $$",
    )
    execute(
        postgresql_url, "CREATE TRIGGER kept_out BEFORE INSERT ON ialirt_hit FOR EACH ROW EXECUTE FUNCTION kept_out()"
    )
    store.change(
        "hit", FIRST, lambda rows: [rows[0] | {"time_utc": f"{FIRST}T00:00:00", "hit_h_omni_low_en": "0.5"}, *rows]
    )
    store.change("hit", LAST, lambda rows: rows[1:])
    said = error(load(postgresql_url))
    assert "ialirt_hit would have 120 rows of this day, the file has 121: a trigger" in said
    assert table(postgresql_url, "ialirt_hit", FIRST) == before


def test_a_statement_that_takes_too_long(load: Mirror, store: Store, postgresql_url: str) -> None:
    load(postgresql_url)
    execute(
        postgresql_url,
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF new.file_date = '{FIRST}' THEN PERFORM pg_sleep(20); END IF; RETURN new; END $$",
    )
    execute(postgresql_url, "CREATE TRIGGER slow BEFORE INSERT ON ialirt_hit FOR EACH ROW EXECUTE FUNCTION slow()")
    name = execute(postgresql_url, "SELECT current_database()")[0][0]
    execute(postgresql_url, f"ALTER DATABASE {name} SET statement_timeout = '2s'")
    for day in (FIRST, LAST):
        store.change("hit", day, put("hit_h_omni_low_en", "0.5"))  # type: ignore[arg-type]
    said = error(load(postgresql_url))
    assert "canceling statement due to statement timeout): ask its owner to let this role's statements take" in said


def test_what_the_server_has_no_time_for_is_no_fault_of_a_cell(load: Mirror, store: Store, postgresql_url: str) -> None:
    """A column of text with a check that takes so long that the rows do not reach the server in time."""
    store.change("hit", FIRST, put("hit_new", "x"))  # type: ignore[arg-type]
    load(postgresql_url)
    execute(postgresql_url, "CREATE DOMAIN slow AS text CHECK (value = 'x' OR pg_sleep(0.02) IS NOT NULL)")
    execute(postgresql_url, "ALTER TABLE ialirt_hit ALTER hit_new TYPE slow")
    store.change("hit", FIRST, lambda rows: [row | {"hit_new": "y"} for row in rows])
    store.change("hit", LAST, lambda rows: rows[1:])
    name = execute(postgresql_url, "SELECT current_database()")[0][0]
    execute(postgresql_url, f"ALTER DATABASE {name} SET statement_timeout = '1s'")
    said = error(load(postgresql_url))
    assert said.startswith(f"hit {FIRST} was not loaded: {postgresql_url.partition('?')[0]}")
    assert "refused (canceling statement due to statement timeout): ask its owner" in said


@pytest.mark.parametrize(
    ("statement", "cell", "says"),
    [
        (
            "ADD CONSTRAINT known CHECK (hit_h_omni_low_en >= 0)",
            "-1",
            'violates check constraint "known": Failing row contains (2026-01-01 ',
        ),
        (
            "ALTER hit_h_omni_low_en SET NOT NULL",
            "",
            'null value in column "hit_h_omni_low_en" of relation "ialirt_hit"',
        ),
        (
            "ADD UNIQUE (hit_h_omni_low_en, hit_epoch)",
            "{same}",
            "Key (hit_h_omni_low_en, hit_epoch)=(",
        ),
    ],
)
def test_a_rule_of_the_owners_is_told_with_the_row(
    load: Mirror, store: Store, postgresql_url: str, statement: str, cell: str, says: str
) -> None:
    load(postgresql_url)
    before = table(postgresql_url, "ialirt_hit", FIRST)
    execute(postgresql_url, f"ALTER TABLE ialirt_hit {statement}")
    first = store.rows("hit")[0]
    broken = first if "same" in cell else {"hit_h_omni_low_en": cell}
    rows = store.change("hit", FIRST, lambda rows: [
        row | broken | {"time_utc": row["time_utc"]} if number == 5 else row for number, row in enumerate(rows)
    ])  # fmt: skip
    store.change("hit", LAST, lambda rows: rows[1:])
    said = error(load(postgresql_url))
    assert says in said
    assert "same" in cell or rows[5]["time_utc"].replace("T", " ") in said
    assert len(said) < 500
    assert table(postgresql_url, "ialirt_hit", FIRST) == before


def test_a_rule_of_the_owners_in_sqlite(load: Mirror, store: Store, sqlite_target: str) -> None:
    load(sqlite_target)
    execute(
        sqlite_target,
        "CREATE TRIGGER known BEFORE UPDATE ON ialirt_hit WHEN new.hit_h_omni_low_en < 0"
        " BEGIN SELECT RAISE(ABORT, 'no counts below 0'); END",
    )
    store.change("hit", FIRST, put("hit_h_omni_low_en", "-1"))  # type: ignore[arg-type]
    store.change("hit", LAST, lambda rows: rows[1:])
    assert "(no counts below 0): a row breaks a rule that its owner has made; change the rule" in error(
        load(sqlite_target)
    )


def test_a_row_that_another_table_stands_on_is_told(load: Mirror, store: Store, postgresql_url: str) -> None:
    """Also where the database looks only at the end of the transaction."""
    load(postgresql_url)
    time = store.rows("hit")[5]["time_utc"]
    for name, how in (("notes", ""), ("remarks", "DEFERRABLE INITIALLY DEFERRED")):
        execute(postgresql_url, f"CREATE TABLE {name} (at timestamp REFERENCES ialirt_hit {how})")
        execute(postgresql_url, f"INSERT INTO {name} VALUES ('{time}')")
        store.change("hit", FIRST, lambda rows: [row for row in rows if row["time_utc"] != time])
        store.change("hit", LAST, lambda rows: rows[1:])
        said = error(load(postgresql_url))
        assert f'Key (time_utc)=({time.replace("T", " ")}) is still referenced from table "{name}")' in said
        assert time in table(postgresql_url, "ialirt_hit", FIRST)
        execute(postgresql_url, f"DROP TABLE {name}")


def test_a_table_in_parts_lacks_one(load: Mirror, store: Store, postgresql_url: str) -> None:
    load(postgresql_url)
    execute(postgresql_url, "ALTER TABLE ialirt_hit RENAME TO whole")
    execute(postgresql_url, "CREATE TABLE ialirt_hit (LIKE whole INCLUDING INDEXES) PARTITION BY RANGE (time_utc)")
    part = "CREATE TABLE part_{} PARTITION OF ialirt_hit FOR VALUES FROM ('{}') TO ('{}')"
    execute(postgresql_url, part.format(1, FIRST, LAST))
    said = error(load(postgresql_url))
    assert f"Partition key of the failing row contains (time_utc) = ({LAST} " in said
    execute(postgresql_url, part.format(2, LAST, NOON.date()))
    store.change("hit", FIRST, lambda rows: [row | {"hit_new": "1"} for row in rows[3:]])
    report = load(postgresql_url)
    assert [(it.written, it.deleted) for it in report.outcomes] == [(117, 3), (120, 0)]


def test_a_role_without_the_right_to_temporary_tables(load: Mirror, postgresql_url: str) -> None:
    load(postgresql_url)
    name = execute(postgresql_url, "SELECT current_database()")[0][0]
    execute(postgresql_url, "DO $$ BEGIN CREATE ROLE plain LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
    execute(postgresql_url, "GRANT SELECT, INSERT, UPDATE, DELETE ON ialirt_hit TO plain")
    mirror_as_plain = postgresql_url.replace("postgres@", "plain@")
    assert load(mirror_as_plain, end=FIRST, reload=True).exit_code == 0
    execute(postgresql_url, f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")
    said = str(load(mirror_as_plain, end=FIRST, reload=True).outcomes[0].error)
    assert "permission denied to create temporary tables" in said
    assert "TEMPORARY on the database" in said


def test_a_new_column_waits_for_readers_but_not_for_ever(
    load: Mirror, store: Store, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(through_crump, "_LOCK_SECONDS", 1)
    load(postgresql_url)
    store.change("hit", FIRST, put("hit_new", "1"))  # type: ignore[arg-type]
    store.change("hit", LAST, lambda rows: rows[1:])
    with psycopg.connect(postgresql_url) as long_reader:
        long_reader.execute("SELECT 1 FROM ialirt_hit")
        said = error(load(postgresql_url))
        assert "lock timeout): another program holds what it needs; run again when that is done" in said
    assert load(postgresql_url).summary["loaded"] == 1
    assert len(table(postgresql_url, "ialirt_hit", FIRST)) == 120


@pytest.mark.parametrize("how", ["a cell does not fit", "the file is damaged"])
def test_a_load_that_fails_is_noted_in_the_history(load: Mirror, store: Store, database: str, how: str) -> None:
    if how == "the file is damaged":
        store.path("hit").write_text("a,b\n1,2\n")
    else:
        store.change("hit", FIRST, put("hit_epoch", "9223372036854775808"))  # type: ignore[arg-type]
    said = error(load(database, history=True))
    noted = execute(database, "SELECT filename, rows_upserted, success, error FROM _crump_history ORDER BY filename")
    assert [(name, rows, bool(success)) for name, rows, success, _ in noted] == [
        ("imap_ialirt_hit_20260101.csv", 0, False),
        ("imap_ialirt_hit_20260102.csv", 120, True),
    ]
    assert said.endswith(noted[0][3])


def test_a_note_that_cannot_be_made_fails_no_load(
    load: Mirror, postgresql_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    execute(postgresql_url, "CREATE TABLE _crump_history (mine integer)")
    assert load(postgresql_url, history=True).summary["loaded"] == 2
    assert "imap_ialirt_hit_20260101.csv: not noted in _crump_history: " in caplog.text


# --- a disk that is full ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A small file system of its own in this folder."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("this user may not mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def enlarge(rows: Rows) -> Rows:
    """Some 12 MB that nothing makes smaller."""
    return [row | {"hit_text": os.urandom(50_000).hex()} for row in rows]


def assert_ends(store: Store, load: Mirror, database: str) -> None:
    load(database)
    before = table(database, "ialirt_hit")
    for day in (FIRST, LAST):
        store.change("hit", day, enlarge)
    report = load(database)
    assert (report.exit_code, report.summary["failed"], report.summary["loaded"]) == (1, 1, 0)
    assert report.ended is not None
    assert "make room, then run again" in report.ended
    assert table(database, "ialirt_hit") == before
    for day in (FIRST, LAST):
        store.change("hit", day, lambda rows: [row | {"hit_text": ""} for row in rows])
    assert load(database).summary["loaded"] == 2


def test_a_full_disk_under_postgresql(store: Store, load: Mirror, postgresql_url: str, postgresql_socket: Path) -> None:
    folder = postgresql_socket.parent / "small"
    owner = postgresql_socket.stat().st_uid
    with mounted(folder, f"size=8m,uid={owner},mode=700"):
        name = execute(postgresql_url, "SELECT current_database()")[0][0]
        execute(postgresql_url, f"CREATE TABLESPACE small LOCATION '{folder}'")
        execute(postgresql_url, f"ALTER DATABASE {name} SET default_tablespace = small")
        execute(postgresql_url, f"ALTER DATABASE {name} SET temp_tablespaces = pg_default")
        try:
            assert_ends(store, load, postgresql_url)
        finally:
            execute(postgresql_url, "DROP TABLE ialirt_hit")
            execute(postgresql_url, "DROP TABLESPACE small")


def test_a_full_disk_under_sqlite(store: Store, load: Mirror, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    with mounted(folder, "size=4m"):
        assert_ends(store, load, f"sqlite:///{folder}/mirror.sqlite")
