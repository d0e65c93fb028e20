"""A team's own crump configuration: which job takes which file, and what is said where that cannot be told."""

from __future__ import annotations

import logging
import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cli
from ialirt_backfill.exceptions import MirrorError, UsageError
from ialirt_backfill.mirror.events import MirrorAction, MirrorReport
from ialirt_backfill.options import MirrorOptions
from tests.mirror.samples import FIRST, LAST, Mirror, execute
from tests.support.stores import Store

BY_DAY = '{regex: "_(?P<d>[0-9]{8})[.]csv", columns: {d: {db_column: day, type: date, use_to_delete_old_rows: true}}}'
TWO = f"""
    jobs:
      ions:
        target_table: ions
        id_mapping: {{time_utc: {{db_column: at, type: timestamp}}}}
        filename_match: "*_hit_*"
        filename_to_column: {BY_DAY}
      electrons:
        target_table: electrons
        id_mapping: {{time_utc: {{db_column: at, type: timestamp}}}}
        filename_match: "ialirt/2026/../imap_ialirt_swe_"
        filename_to_column: {BY_DAY}
"""

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> str:
        path = tmp_path / "crump.yaml"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return str(path)

    return written


def loaded(report: MirrorReport) -> set[str]:
    assert report.exit_code == 0, report.outcomes
    return {f"{it.decision.instrument.name} {it.decision.place.table}" for it in report.outcomes}


def test_the_job_is_chosen_by_the_files_name(
    load: Mirror, write: Write, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = write(TWO)
    with caplog.at_level(logging.INFO):
        assert loaded(load(database, "all", crump_config=file)) == {"hit ions", "swe electrons"}
    assert f"no job of {file} takes 2 of the files of mag\n" in caplog.text
    assert execute(database, "SELECT count(*) FROM ions") == [(240,)]
    with pytest.raises(UsageError, match=r"--instrument mag: no job of .* takes 2 of the files of mag"):
        load(database, "hit,mag", crump_config=file)


def test_the_rest_is_as_with_tables_of_ones_own(load: Mirror, store: Store, write: Write, database: str) -> None:
    """Remembered, loaded again when the rows are lost, emptied with the file; a column that comes late."""
    file = write(TWO)
    load(database, crump_config=file)
    again = load(database, crump_config=file)
    assert {decision.action for decision in again.plan} == {MirrorAction.SKIP_LOADED}
    execute(database, f"DELETE FROM ions WHERE day = '{FIRST:%Y%m%d}'")
    assert load(database, crump_config=file).plan[0].reason == "the table has no row of it"
    store.change("hit", FIRST, lambda rows: [row | {"hit_new": "x"} for row in rows])
    assert load(database, crump_config=file).summary["loaded"] == 1
    assert execute(database, "SELECT count(hit_new) FROM ions") == [(120,)]
    store.change("hit", FIRST, lambda rows: [])
    assert load(database, crump_config=file).outcomes[0].deleted == 120
    assert load(database, crump_config=file).summary["skipped_loaded"] == 2
    execute(database, "DROP TABLE ions")
    assert load(database, crump_config=file).plan[1].reason == "the table has no row of it"
    assert execute(database, "SELECT count(*) FROM ions") == [(120,)]


def test_synthetic_days_stay_apart_here_too(load: Mirror, synthetic_store: Store, write: Write, database: str) -> None:
    file = write(TWO)
    load(database, crump_config=file)
    with pytest.raises(MirrorError, match="ions whose days are real, as far as is known"):
        load(database, crump_config=file, datastore=str(synthetic_store.folder))


ONLY = """
    jobs:
      only:
        target_table: only
        id_mapping: {time_utc: at}
"""


def test_an_only_job_takes_what_it_says(load: Mirror, write: Write, sqlite_target: str) -> None:
    """crump takes an only job for every file, whatever its filename_match."""
    file = write(ONLY + '        filename_match: "*_hit_*"\n')
    assert loaded(load(sqlite_target, "all", crump_config=file)) == {"hit only"}
    file = write(ONLY.replace("only", "second") + f"        filename_to_column: {BY_DAY.replace('_(', '_swe_(')}\n")
    assert loaded(load(sqlite_target, "all", crump_config=file)) == {"swe second"}


def test_an_only_job_that_says_nothing_takes_one_instrument(load: Mirror, write: Write, sqlite_target: str) -> None:
    file = write(ONLY)
    with pytest.raises(UsageError, match="job only would take the files of mag and of hit: give it a filename_match"):
        load(sqlite_target, "mag,hit", crump_config=file)
    assert loaded(load(sqlite_target, "hit", crump_config=file)) == {"hit only"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("jobs: [1, 2]", "it is not made as crump wants it"),
        ("jobs: {a: }", "it is not made as crump wants it"),
        ("other: 1", "Config file must contain 'jobs' section"),
        ("jobs: {a: {target_table: a}}", "Job 'a' missing 'id_mapping'"),
        ("jobs: {a: [", "it is no YAML: while parsing"),
        (TWO.replace("[0-9]{8})", "[0-9]{8}"), "missing )"),
        (TWO.replace('"_(?P<d>', '"_x(?P<d>'), "job ions takes imap_ialirt_hit_20260101.csv, but its filename_to_col"),
    ],
)
def test_a_configuration_that_is_none(load: Mirror, write: Write, sqlite_target: str, text: str, says: str) -> None:
    with pytest.raises(UsageError) as raised:
        load(sqlite_target, crump_config=write(text))
    assert says in str(raised.value)
    assert "crump.yaml: " in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(load: Mirror, sqlite_target: str, tmp_path: Path) -> None:
    for name, says in (("none.yaml", "there is no such file"), ("", "Is a directory")):
        with pytest.raises(UsageError, match=f"--crump-config {tmp_path / name}: {says}"):
            load(sqlite_target, crump_config=str(tmp_path / name))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"table_prefix": "p_"}, "there the tables have their names, without --table-prefix"),
        ({"action": "views"}, "there is no views: that is for the mirror's own tables"),
        ({"action": "config"}, "there is no config: that is for the mirror's own tables"),
    ],
)
def test_what_does_not_go_with_it(given: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        MirrorOptions(crump_config="x.yaml", **given)


def test_it_may_stand_in_the_environment(
    store: Store, write: Write, sqlite_target: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("IALIRT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("IALIRT_MIRROR_CRUMP_CONFIG", write(TWO))
    words = ["--datastore", str(store.folder), "--database", sqlite_target, "--end", str(LAST), "--quiet"]
    assert cli.main(["mirror", *words]) == 0
    assert execute(sqlite_target, "SELECT count(*) FROM electrons") == [(240,)]


# --- what a job cannot do ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ('~: {db_column: x, expression: "1 / 0", input_columns: [hit_epoch]}', "Failed to evaluate expression '1 / 0'"),
        ("~: {db_column: x, function: no.such, input_columns: [hit_epoch]}", "Failed to execute function 'no.such'"),
        ('~: {db_column: x, expression: "1", input_columns: [none]}', "Input column 'none' for custom function"),
        ("none: {db_column: x, nullable: false}", "All 120 row(s) were rejected"),
    ],
)
def test_a_job_that_fails_fails_its_day(load: Mirror, write: Write, database: str, columns: str, says: str) -> None:
    text = TWO.replace("target_table: ions", f"target_table: ions\n        columns: {{{columns}}}")
    file = write(text.replace("target_table: ions", "failure_mode: strict\n        target_table: ions"))
    report = load(database, "hit,swe", end=FIRST, crump_config=file)
    assert (report.summary["failed"], report.summary["loaded"]) == (1, 1)
    [said] = [outcome.error for outcome in report.outcomes if outcome.error]
    assert f"hit {FIRST} was not loaded: crump refuses imap_ialirt_hit_20260101.csv (job ions): " in said
    assert says in said


def test_a_cell_that_no_column_takes_is_named(load: Mirror, store: Store, write: Write, postgresql_url: str) -> None:
    text = TWO.replace(
        "target_table: ions", "target_table: ions\n        columns: {kernel_set_key: {db_column: k, type: double}}"
    )
    report = load(postgresql_url, end=FIRST, crump_config=write(text))
    [row, *_] = store.rows("hit")
    said = str(report.outcomes[0].error)
    assert f"k is '{row['kernel_set_key']}' at {row['time_utc']}, which the database refuses (invalid input" in said


@pytest.mark.parametrize(
    ("database", "made"),
    [
        *[("postgresql", made) for made in ("{1: 2}", "[{1: 2}]", "1j")],
        *[("sqlite", made) for made in ("{1: 2}", "[1, 2]", "(1, 2)", "1j", "10**30", "-(2**63) - 1")],
    ],
    indirect=["database"],
)
def test_what_a_database_has_no_type_for_is_named(
    load: Mirror, write: Write, database: str, made: str, caplog: pytest.LogCaptureFixture
) -> None:
    column = f'~: {{db_column: k, type: float, expression: "{made}", input_columns: [hit_epoch]}}'
    file = write(TWO.replace("target_table: ions", f"target_table: ions\n        columns: {{{column}}}"))
    report = load(database, "hit,swe", end=FIRST, crump_config=file)
    assert (report.summary["failed"], report.summary["loaded"]) == (1, 1)
    [said] = [outcome.error for outcome in report.outcomes if outcome.error]
    assert f"hit {FIRST} was not loaded: k is {eval(made)!r} where at is" in said
    assert said.endswith(": let the job make a text of it, or another number")
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ('type: double, lookup: {"1": "one"}', "k is '{key}' where at is {time}, which "),
        (r"""expression: "'a\\0b'", input_columns: [hit_epoch]""", r"k is 'a\x00b' where at is {time}, which "),
    ],
)
def test_a_cell_of_crumps_making_is_named_too(
    load: Mirror, store: Store, write: Write, postgresql_url: str, column: str, says: str
) -> None:
    text = TWO.replace(
        "target_table: ions", f"target_table: ions\n        columns: {{kernel_set_key: {{db_column: k, {column}}}}}"
    )
    report = load(postgresql_url, end=FIRST, crump_config=write(text))
    [row, *_] = store.rows("hit")
    said = str(report.outcomes[0].error)
    assert says.format(key=row["kernel_set_key"], time=row["time_utc"]) in said
    assert "the database refuses (" in said
