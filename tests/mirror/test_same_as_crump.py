"""crump's own load into one schema, ours into another: the same tables, and no row and no cell different."""

from __future__ import annotations

import csv
import io
import itertools
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from crump import CrumpConfig, CrumpJob, sync_file_to_db
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ialirt_backfill.exceptions import MirrorError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.mirror.address import DatabaseAddress
from ialirt_backfill.mirror.configuration import job
from ialirt_backfill.mirror.events import MirrorAction, MirrorDecision, MirrorReport
from ialirt_backfill.mirror.jobs import TeamJobs
from ialirt_backfill.mirror.loading import mirror
from ialirt_backfill.mirror.one_day import load_day
from ialirt_backfill.mirror.session import DatabaseSession
from ialirt_backfill.options import MirrorOptions
from tests.mirror.samples import FIRST, LAST, execute, in_schema
from tests.support.stores import Rows, Store

pytestmark = pytest.mark.filterwarnings("ignore:The default datetime adapter is deprecated:DeprecationWarning")
"""From Python 3.12 on, crump itself is told so; as an error it would keep crump from writing its history."""

Pair = tuple[str, str]
"""The database, or the schema, that crump loads into, and ours."""


@pytest.fixture
def pair(database: str) -> Iterator[Pair]:
    if database.startswith("sqlite"):
        yield database.replace("mirror.sqlite", "crumps.sqlite"), database
        return
    for name in ("crumps", "ours"):
        execute(database, f"CREATE SCHEMA {name}")
    yield in_schema(database, "crumps"), in_schema(database, "ours")


def made(database: str, *, ordered: bool = True) -> list[tuple[Any, ...]]:
    """Tables, columns, types, keys and indexes, without the name of the schema."""
    if database.startswith("sqlite"):
        found = execute(database, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2")
        return found if ordered else [(*words, sorted((sql or "").split(", "))) for *words, sql in found]
    columns = execute(
        database,
        "SELECT table_name, ordinal_position, column_name, data_type, character_maximum_length, is_nullable,"
        " column_default FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2",
    )
    indexes = execute(
        database,
        "SELECT replace(indexdef, schemaname || '.', '') FROM pg_indexes WHERE schemaname = current_schema()"
        " ORDER BY 1",
    )
    return (columns if ordered else sorted((*a[:1], *a[2:]) for a in columns)) + indexes


def content(database: str, table: str, without: tuple[str, ...] = ()) -> list[str]:
    """Every cell of every row, by its column's name, as the database writes it."""
    if database.startswith("sqlite"):
        names = sorted(name for _, name, *_ in execute(database, f'PRAGMA table_info("{table}")'))
        cells = ", ".join(f'quote("{name}"), typeof("{name}")' for name in names if name not in without)
        return sorted(str(row) for row in execute(database, f'SELECT {cells} FROM "{table}"'))
    less = "".join(f" - '{name}'" for name in without)
    return [row for (row,) in execute(database, f'SELECT (to_jsonb(t){less})::text FROM "{table}" t ORDER BY 1')]


def assert_same(pair: Pair, table: str, *, ordered: bool = True) -> None:
    """``ordered``: crump makes the columns in an order of its own where a job names none."""
    theirs, ours = pair
    assert made(ours, ordered=ordered) == made(theirs, ordered=ordered)
    assert content(ours, table) == content(theirs, table)
    times = ("timestamp", "duration_seconds")
    assert content(ours, "_crump_history", times) == content(theirs, "_crump_history", times)


def loaded(store: Store, database: str, instrument: str, **others: Any) -> MirrorReport:
    return mirror(
        MirrorOptions(
            datastore=str(store.folder), database=database, instrument=instrument, start=FIRST, end=LAST, history=True,
            **others,
        )
    )  # fmt: skip


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_every_instruments_days(store: Store, pair: Pair, instrument: str) -> None:
    theirs, ours = pair
    entry = INSTRUMENTS[instrument]

    def crump(*days: Any) -> None:
        for day in days:
            values = {"date": f"{day:%Y%m%d}"}
            sync_file_to_db(store.path(instrument, day), job(entry), theirs, values, enable_history=True)

    crump(FIRST, LAST)
    assert loaded(store, ours, instrument).summary["loaded"] == 2
    assert_same(pair, f"ialirt_{instrument}")

    def change(rows: Rows) -> Rows:
        kept = [row | {"kernel_set_key": "x"} for row in rows[3:20]] if "kernel_set_key" in rows[0] else rows[3:20]
        return [*kept, *rows[30:]]

    store.change(instrument, LAST, change)
    crump(LAST)
    assert loaded(store, ours, instrument).summary["loaded"] == 1
    assert_same(pair, f"ialirt_{instrument}")


# --- configurations of others -----------------------------------------------------------------------------------------

BY_DAY = """
        filename_to_column:
          regex: "_(?P<date>[0-9]{8})[.]csv$"
          columns: {date: {db_column: day, type: date, use_to_delete_old_rows: true}}
"""

CONFIGURATIONS = {
    "renamed": """
    jobs:
      electrons:
        target_table: Electrons
        id_mapping: {time_utc: {db_column: at, type: timestamp}}
        columns:
          swe_normalized_counts_1: {db_column: C 1, type: bigint, nullable: true}
          kernel_set_key: {db_column: "the key", type: text}
          not_there: {db_column: absent, type: double}
        filename_match: "*_swe_*"
        filename_to_column:
          template: "imap_ialirt_[what]_[date].csv"
          columns:
            what: {db_column: product, type: varchar(20)}
            date: {db_column: day, type: date, use_to_delete_old_rows: true}
        indexes:
          - {name: by_day, columns: [{column: day, order: DESC}, {column: at}]}
      others: {target_table: others, id_mapping: {time_utc: t}, filename_match: "*_hit_*"}
    """,
    "all columns": """
    jobs:
      all: {target_table: all_of_it, id_mapping: {time_utc: time_utc, kernel_set_key: kernel}}
    """,
    "computed": f"""
    jobs:
      computed:
        target_table: computed
        failure_mode: strict
        id_mapping: {{time_utc: {{db_column: at, type: datetime, nullable: false}}}}
        columns:
          swe_counterstreaming_electrons:
            {{db_column: flag, type: text, nullable: true, lookup: {{"0": "no", "1": true}}}}
          swe_normalized_counts_1: {{db_column: small, type: integer, nullable: true}}
          ~: {{db_column: twice, type: float, expression: "2 * float(c)", input_columns: [c]}}
          ~: {{db_column: third, type: text, expression: "float(c) / 3", input_columns: [c]}}
          ~: {{db_column: long, type: bigint, function: builtins.len, input_columns: [c]}}
        {BY_DAY}
    """.replace("[c]", "[swe_normalized_counts_3]").replace("float(c)", "float(swe_normalized_counts_3)"),
    "strict": f"""
    jobs:
      strict:
        target_table: strict
        failure_mode: strict
        id_mapping: {{time_utc: {{db_column: at, type: datetime, nullable: false}}}}
        columns:
          swe_normalized_counts_1: {{db_column: word, type: varchar(8), nullable: true}}
          swe_normalized_counts_2: {{db_column: number, type: integer}}
        {BY_DAY}
    """,
    "permissive": f"""
    jobs:
      permissive:
        target_table: permissive
        id_mapping: {{time_utc: {{db_column: at, type: datetime}}}}
        columns:
          swe_normalized_counts_1: {{db_column: small, type: integer, nullable: true}}
          swe_normalized_counts_2: {{db_column: word, type: varchar(3), nullable: false}}
          swe_counterstreaming_electrons: {{db_column: flag, type: boolean, nullable: false}}
          absent_number: {{db_column: number, type: integer, nullable: false}}
          absent_time: {{db_column: moment, type: datetime, nullable: false}}
          absent_day: {{db_column: some_day, type: date, nullable: false}}
          absent_word: {{db_column: some_word, nullable: false}}
        {BY_DAY}
    """,
    "letters": """
    jobs:
      letters:
        target_table: letters
        id_mapping: {time_utc: {db_column: n, type: text}}
        columns: {swe_normalized_counts_1: s, swe_normalized_counts_2: t, swe_normalized_counts_3: day}
        filename_to_column:
          regex: "_(?P<date>[0-9]{8})[.]csv$"
          columns: {date: {db_column: last, type: date, use_to_delete_old_rows: true}}
    """,
    "a letter for the day": f"""
    jobs:
      letter:
        target_table: t
        id_mapping: {{time_utc: day_, kernel_set_key: s}}
        {BY_DAY.replace("db_column: day", "db_column: n")}
    """,
    "a sample": f"""
    jobs:
      sample:
        target_table: sample
        sample_percentage: 10
        id_mapping: {{time_utc: {{db_column: at, type: datetime}}}}
        {BY_DAY}
    """,
}


UNORDERED = {"all columns", "a letter for the day", "a sample"}
"""Where a job names no columns crump has them in an order of its own."""


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """Keep a configuration in a file."""

    def write(text: str) -> Path:
        path = tmp_path / "crump.yaml"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


def job_for(configuration: Path, file: Path) -> tuple[CrumpJob, dict[str, str] | None]:
    """As `crump sync` finds it."""
    found = CrumpConfig.from_yaml(configuration).get_job_or_auto_detect(filename=file.as_posix())
    assert found is not None
    names = found[0].filename_to_column
    return found[0], names.extract_values_from_filename(file) if names else None


@pytest.mark.filterwarnings("ignore:The default date adapter is deprecated:DeprecationWarning")  # told to crump, too
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_teams_configuration(
    store: Store, pair: Pair, written: Callable[[str], Path], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    theirs, ours = pair
    file = written(CONFIGURATIONS[name])

    def crump() -> str:
        for day in (FIRST, LAST):
            found, values = job_for(file, store.path("swe", day))
            sync_file_to_db(store.path("swe", day), found, theirs, values, enable_history=True)
        return str(found.target_table)

    table = crump()
    report = loaded(store, ours, "swe", crump_config=str(file))
    assert [outcome.error for outcome in report.outcomes] == [None, None]
    assert_same(pair, table, ordered=name not in UNORDERED)
    assert len(content(ours, table)) >= 20
    if name == "strict":
        assert len(content(ours, table)) < 240
        assert f"imap_ialirt_swe_{FIRST:%Y%m%d}.csv: crump's rules left out 28 of its rows" in caplog.text
    again = loaded(store, ours, "swe", crump_config=str(file))
    assert {decision.action for decision in again.plan} == {MirrorAction.SKIP_LOADED}

    # and again where rows have changed, are gone, and are new
    for day in (FIRST, LAST):
        store.change("swe", day, lambda rows: [row | {"kernel_set_key": "x", "swe_new": "1"} for row in rows[::-2]])
    crump()
    assert loaded(store, ours, "swe", crump_config=str(file)).summary["loaded"] == 2
    assert_same(pair, table, ordered=name not in UNORDERED)


@pytest.mark.parametrize("key", ["date", "timestamp(0)", "timestamptz", "text", "varchar(30)"])
@pytest.mark.parametrize("kind", ["timestamp", "text"])
def test_a_table_of_their_own_making(
    store: Store, postgresql_url: str, written: Callable[[str], Path], key: str, kind: str
) -> None:
    """Whose key may be coarser than the job has it: then the last row of a day counts."""
    file = written(f"""
    jobs:
      own:
        target_table: own
        id_mapping: {{time_utc: {{db_column: at, type: {kind}}}}}
        columns: {{swe_normalized_counts_1: {{db_column: c, type: bigint}}}}
        {BY_DAY}
    """)
    for schema in ("crumps", "ours"):
        execute(postgresql_url, f"CREATE SCHEMA {schema}")
        execute(postgresql_url, f"CREATE TABLE {schema}.own (at {key} PRIMARY KEY, c bigint, day date)")
    theirs, ours = in_schema(postgresql_url, "crumps"), in_schema(postgresql_url, "ours")
    job, values = job_for(file, store.path("swe"))
    sync_file_to_db(store.path("swe"), job, theirs, values)
    report = mirror(
        MirrorOptions(
            datastore=str(store.folder), database=ours, instrument="swe", start=FIRST, end=FIRST,
            crump_config=str(file),
        )
    )  # fmt: skip
    assert [outcome.error for outcome in report.outcomes] == [None]
    assert content(ours, "own") == content(theirs, "own")
    assert len(content(ours, "own")) == (1 if key == "date" else 120)


# --- whatever a configuration and a file hold -------------------------------------------------------------------------

CELLS = [
    *["", "0", "1"] * 6,
    "-7",
    "007",
    "1_0",
    "1.5",
    "-0.0",
    "1e400",
    "3000000000",
    "99999999999999999999",
    "True",
    "no",
]
CELLS += ["active", "abc", " ", "x" * 5, "é€", 'a,"b"', "two\nlines", "2026-01-01", "2026-01-01 12:00:00", "NaN"]
KINDS = [None, "integer", "bigint", "float", "text", "varchar(3)", "boolean", "date", "timestamp"]
NUMBERS = itertools.count()


def mappings() -> st.SearchStrategy[dict[str, Any]]:
    """A column of a job. Most are as crump takes them at once; some it looks up or computes."""
    kinds = st.sampled_from(KINDS).map(lambda kind: {} if kind is None else {"type": kind})
    nulls = st.sampled_from([{}, {"nullable": True}, {"nullable": True}, {"nullable": False}])
    lookups = st.sampled_from([{}, {}, {}, {"lookup": {"1": "one", "abc": 2, "no": None}}])
    return st.tuples(kinds, nulls, lookups).map(lambda some: some[0] | some[1] | some[2])


def configurations() -> st.SearchStrategy[dict[str, Any]]:
    def made(columns: list[dict[str, Any]], key: str, mode: str, has_day: bool) -> dict[str, Any]:
        job: dict[str, Any] = {
            "target_table": "drawn",
            "failure_mode": mode,
            "id_mapping": {"time_utc": {"db_column": "at", "type": key}},
            "columns": {f"c{number}": it | {"db_column": f"d{number}"} for number, it in enumerate(columns)},
        }
        if has_day:
            day = {"db_column": "day", "type": "date", "use_to_delete_old_rows": True}
            job["filename_to_column"] = {"regex": "_(?P<date>[0-9]{8})[.]csv$", "columns": {"date": day}}
        return {"jobs": {"drawn": job}}

    some = st.lists(mappings(), min_size=1, max_size=3)
    keys = st.sampled_from(["timestamp", "timestamp", "text", "date"])
    return st.builds(made, some, keys, st.sampled_from(["strict", "permissive"]), st.booleans())


def files() -> st.SearchStrategy[bytes]:
    """A day with three columns, some of them in no job; times may come twice and in any order."""
    times = st.integers(0, 5).map(lambda second: f"2026-01-01T00:00:0{second}")
    rows = st.lists(st.tuples(times, *[st.sampled_from(CELLS)] * 3), min_size=1, max_size=6)

    def text(rows: list[tuple[str, ...]]) -> bytes:
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows([("time_utc", "c0", "c1", "c3"), *rows])
        return lines.getvalue().encode()

    return rows.map(text)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(configuration=configurations(), first=files(), second=files())
def test_whatever_crump_makes_of_it(
    pair: Pair, tmp_path: Path, configuration: dict[str, Any], first: bytes, second: bytes
) -> None:
    file = tmp_path / "crump.yaml"
    file.write_text(yaml.safe_dump(configuration))
    path = tmp_path / "imap_ialirt_swe_20260101.csv"
    theirs, ours = pair
    for database in pair:
        execute(database, "DROP TABLE IF EXISTS drawn")
    for content_now in (first, second):
        path.write_bytes(content_now)
        before = content(ours, "drawn") if content_now is second else []
        job, values = job_for(file, path)
        try:
            rows = sync_file_to_db(path, job, theirs, values)
        except Exception:
            with pytest.raises(MirrorError):
                load_drawn(ours, file, path)
            if content_now is second:
                assert content(ours, "drawn") == before
            return
        assume(rows)  # where it takes none crump leaves the old ones
        assert load_drawn(ours, file, path) == rows
        assert content(ours, "drawn") == content(theirs, "drawn")
    assert made(ours) == made(theirs)


def load_drawn(database: str, configuration: Path, path: Path) -> int:
    jobs, instrument = TeamJobs(str(configuration)), INSTRUMENTS["swe"]
    place = jobs.place(instrument, FIRST, path)
    assert place is not None
    decision = MirrorDecision(instrument, FIRST, path, 0, place, MirrorAction.LOAD, "drawn")
    Path(database.removeprefix("sqlite:///")).touch() if database.startswith("sqlite") else None
    with DatabaseSession(DatabaseAddress(database)) as session:
        return load_day(session, jobs, decision, history=False).records
