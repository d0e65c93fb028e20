"""crump's configuration and the table of instruments say the same, and crump alone comes to the same tables."""

from __future__ import annotations

import fnmatch
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from crump import CrumpConfig, FailureMode

import cli
from ialirt_backfill.instruments import INSTRUMENTS, ColumnType, Instrument
from ialirt_backfill.mirror.configuration import path_pattern, yaml_text
from tests.mirror.samples import FIRST, LAST, Mirror, table
from tests.support.stores import Store

TYPES = {
    ColumnType.INTEGER: "bigint",
    ColumnType.MEASUREMENT: "float",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.TEXT: "text",
    ColumnType.JSON: "text",
}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "crump.yaml"
    path.write_text(yaml_text(INSTRUMENTS.values()), encoding="utf-8")
    return path


@pytest.mark.parametrize("instrument", INSTRUMENTS.values(), ids=lambda instrument: instrument.name)
def test_a_job_is_what_the_table_of_instruments_says(written: Path, instrument: Instrument) -> None:
    content: dict[str, Any] = yaml.safe_load(written.read_text(encoding="utf-8"))
    assert content["jobs"].keys() == {f"ialirt_{name}" for name in INSTRUMENTS}
    job = content["jobs"][f"ialirt_{instrument.name}"]
    assert job["target_table"] == f"ialirt_{instrument.name}"
    assert job["id_mapping"] == {"time_utc": {"db_column": "time_utc", "type": "datetime", "nullable": False}}
    assert job["columns"] == {
        column.name: {"db_column": column.name, "type": TYPES[column.type], "nullable": True}
        for column in instrument.columns.values()
        if column.name != "time_utc"
    }
    assert job["filename_to_column"]["columns"] == {
        "date": {"db_column": "file_date", "type": "date", "use_to_delete_old_rows": True}
    }
    assert job["failure_mode"] == "strict"
    parsed = CrumpConfig.from_yaml(written).jobs[f"ialirt_{instrument.name}"]
    assert parsed.failure_mode is FailureMode.STRICT
    assert [index.columns[0].column for index in parsed.indexes] == ["file_date"]


def test_each_file_belongs_to_one_job_and_one_pattern(written: Path) -> None:
    config = CrumpConfig.from_yaml(written)
    for instrument in INSTRUMENTS.values():
        path = instrument.path(date(2026, 2, 1))
        found = config.get_job_or_auto_detect(filename=f"/data/{path}")
        assert found is not None
        assert found[1] == f"ialirt_{instrument.name}"
        takers = {
            name: values
            for name, job in config.jobs.items()
            if (values := job.filename_to_column.extract_values_from_filename(Path(path)))
        }
        assert takers == {f"ialirt_{instrument.name}": {"date": "20260201"}}
        matching = [other.name for other in INSTRUMENTS.values() if fnmatch.fnmatch(str(path), path_pattern(other))]
        assert matching == [instrument.name]
        assert f'"{path_pattern(instrument)}"' in written.read_text(encoding="utf-8")


def test_crump_alone_loads_the_same(
    store: Store, load: Mirror, sqlite_target: str, written: Path, tmp_path: Path
) -> None:
    alone = f"sqlite:///{tmp_path}/alone.sqlite"
    for day in (FIRST, LAST):
        crump = [sys.executable, "-m", "crump.cli", "sync", str(store.path("hit", day))]
        code = "import sys; from crump.cli import main; sys.argv[0] = 'crump'; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, *crump[3:], "--config", str(written), "--db-url", alone],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    load(sqlite_target)
    assert table(alone, "ialirt_hit") == table(sqlite_target, "ialirt_hit")
    # and a mirror goes on where crump began
    store.change("hit", FIRST, lambda rows: rows[10:])
    assert load(alone).exit_code == 0
    assert len(table(alone, "ialirt_hit", FIRST)) == len(store.rows("hit", FIRST))


def test_mirror_config_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["mirror", "config", "--instrument", "hit,mag", "--table-prefix", "p_"]) == 0
    printed = capsys.readouterr().out
    assert printed == yaml_text([INSTRUMENTS["hit"], INSTRUMENTS["mag"]], "p_")
    assert yaml.safe_load(printed)["jobs"].keys() == {"p_ialirt_hit", "p_ialirt_mag"}
