"""`verify`: which files are not what the ledger recorded, and `--fix`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ialirt_backfill.options import VerifyOptions
from ialirt_backfill.plan.coverage import day_span
from ialirt_backfill.simulator import Answer, Simulator, Times
from ialirt_backfill.upkeep.verify import FileFault, Verification, verify
from ledger import Ledger
from tests.support.access import FULL, KEY
from tests.support.clock import NOW
from tests.support.commands import Ended
from tests.support.places import DAY, Place
from tests.support.reference import assert_file_holds

LAST = DAY + timedelta(days=1)


def look(place: Place, **more: object) -> Verification:
    options = VerifyOptions(
        datastore=str(place.datastore),
        url=place.simulator.url,
        as_of=place.clock.now,
        **more,  # type: ignore[arg-type]
    )
    place.simulator.forget_requests()
    return verify(options, key=KEY)


def shift_digit(path: Path) -> None:
    """Another value, in as many bytes."""
    data = bytearray(path.read_bytes())
    data[-2] = ord("1") if data[-2] != ord("1") else ord("2")
    path.write_bytes(bytes(data))


def swap_rows(path: Path) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:10], lines[11], lines[10], *lines[12:]]))


def take_row(path: Path) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:10], *lines[11:]]))


def put_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, tuple[Callable[[Path], object], set[FileFault]]] = {
    "gone": (lambda path: path.unlink(), {FileFault.MISSING}),
    "one digit": (shift_digit, {FileFault.CHECKSUM}),
    "two rows swapped": (swap_rows, {FileFault.CHECKSUM, FileFault.ORDER}),
    "a row less": (take_row, {FileFault.SIZE, FileFault.CHECKSUM, FileFault.ROWS}),
    "half a line": (
        lambda path: path.write_bytes(path.read_bytes()[:-30]),
        {FileFault.SIZE, FileFault.CHECKSUM, FileFault.HALF_LINE, FileFault.ROWS},
    ),
    "emptied": (
        lambda path: path.write_bytes(b""),
        {FileFault.SIZE, FileFault.CHECKSUM, FileFault.HALF_LINE, FileFault.ROWS},
    ),
    "not a table": (lambda path: path.write_bytes(bytes(900)), {FileFault.UNREADABLE}),
    "a folder": (put_folder, {FileFault.MISSING}),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_is_wrong_is_said_and_mended(place: Place, name: str) -> None:
    damage, faults = DAMAGE[name]
    place.run("hit,codice_lo", DAY, LAST)
    assert look(place) == Verification(4, ())
    damage(place.file())
    found = look(place)
    assert found.exit_code == 1
    [finding] = found.findings
    assert (finding.instrument.name, finding.day, set(finding.faults)) == ("hit", DAY, faults)
    assert place.simulator.requests == []

    mended = look(place, fix=True)
    if name in {"not a table", "a folder"}:  # not ours to throw away
        assert mended.exit_code == 1
        assert len(mended.left) == 1
        return
    assert place.asked == ["hit 02T00:00:00 02T23:59:59"]
    assert (mended.exit_code, mended.left) == (0, ())
    place.assert_right()
    assert look(place) == Verification(4, ())


def test_what_only_the_file_has_is_kept_by_fix(place: Place) -> None:
    place.run()
    lines = place.file().read_text().splitlines(keepends=True)
    foreign = "2026-02-02T00:00:01" + "," * lines[0].count(",") + "\n"
    place.file().write_text("".join([lines[0], foreign, *lines[2:]]))
    assert look(place, fix=True).exit_code == 0
    assert place.file().read_text() == "".join([lines[0], foreign, *lines[1:]])


def test_a_fix_that_the_server_does_not_allow_is_a_failure(place: Place) -> None:
    place.run()
    take_row(place.file())
    place.simulator.faults = Times(9, Answer(403))
    found = look(place, fix=True)
    assert found.exit_code == 1
    assert found.repair is not None
    assert "403" in found.repair.plan[0].reason
    place.simulator.faults = ()
    place.run(retry_failed=True)
    place.assert_right()


def test_a_day_in_work_is_left_alone(place: Place) -> None:
    place.run()
    take_row(place.file())
    with Ledger.open(place.ledger_url) as ledger:
        claim = ledger.claim("HIT_IALIRT", DAY, seen_version=place.row().version, run_id="another")
        assert claim is not None
        assert look(place).findings == ()


def test_a_file_that_the_ledger_does_not_know(place: Place) -> None:
    place.clock.set("2026-02-02T00:01:00")
    place.run()
    assert place.row().size_bytes is None
    place.file().parent.mkdir(parents=True)
    place.file().write_text("time_utc,mine\n2026-02-02T00:00:01,1\n")
    [finding] = look(place).findings
    assert finding.faults == (FileFault.UNRECORDED,)
    place.clock.set(NOW)
    assert look(place, fix=True).exit_code == 0
    assert "\n2026-02-02T00:00:01,,," in place.file().read_text()


def test_the_command(main: Callable[..., Ended], simulator: Simulator) -> None:
    missing = main("verify")
    assert missing.code == 2
    assert "no ledger yet" in missing.err
    args = ("--instrument", "hit", "--start", str(DAY), "--end", str(LAST), "--as-of", NOW)
    assert main(*args).code == 0
    well = main("verify", *args)
    assert (well.code, well.out) == (0, "2 files: all are what the ledger recorded.\n")
    path = Path("ialirt-data") / "ialirt/2026/02/imap_ialirt_hit_20260202.csv"
    take_row(path)
    wrong = main("verify", *args)
    assert wrong.code == 1
    assert "1,439 rows, recorded 1,440" in wrong.out
    assert "--fix" in wrong.out
    assert main("verify", *args[2:], "--instrument", "swe").code == 0
    as_json = main("verify", *args, "--json")
    assert as_json.code == 1
    [finding] = as_json.json["findings"]
    assert finding == {
        "instrument": "hit",
        "day": str(DAY),
        "path": str(path.relative_to("ialirt-data")),
        "faults": ["size", "checksum", "rows"],
        "detail": finding["detail"],
    }
    fixed = main("verify", *args, "--fix", "--json")
    assert fixed.code == 0, fixed.err
    assert fixed.json["left"] == []
    assert [result["status"] for result in fixed.json["results"]] == ["downloaded"]
    assert_file_holds(path, simulator.records("hit", day_span(DAY).start, day_span(DAY).end, scopes=FULL))
    assert main("verify", *args).code == 0
    history = main("history", "--instrument", "hit", "--day", str(DAY))
    assert "verify --fix" in history.out
