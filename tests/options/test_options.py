"""The forms that options come in, what is refused, and the way through the command line's parser."""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argparse_dataclass import ArgumentParser

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import INSTRUMENTS, LAUNCH
from ialirt_backfill.options import (
    DEFAULT_URL,
    BackfillOptions,
    RangeOptions,
    StoreOptions,
    parse_day,
    parse_duration,
    parse_instruments,
    parse_time,
)
from ialirt_backfill.options.typed import command_line
from ledger import Ledger

FIRST = date(2026, 1, 1)


def options(**given: Any) -> BackfillOptions:
    return BackfillOptions(**{"instrument": "hit", "start": FIRST, **given})


def parsed(*words: str) -> BackfillOptions:
    parser: ArgumentParser[BackfillOptions] = ArgumentParser(BackfillOptions, allow_abbrev=False)
    read: BackfillOptions = parser.parse_args(["--instrument", "hit", "--start", "2026-01-01", *words])
    return read


# --- forms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["2026-02-01", "20260201", "2026/02/01", "2026.02.01", "2026-2-1", "2026-032", "2026-02", " 2026-02-01 "]
)
def test_a_day(text: str) -> None:
    assert parse_day(text) == date(2026, 2, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-02-30",
        "1.2.2026",
        "noon",
        "2026-02-01T00:00",
        "../../x",
        "2026-13",
        "2026-366",
        "2026-000",
        "-9999999d",
    ],
)
def test_no_day(text: str) -> None:
    with pytest.raises(UsageError, match=r"write (it|one) as 2026-02|write 2026-02-01"):
        parse_day(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-01T14:00:00Z",
        "2026-02-01T14:00:00",
        "2026-02-01T14:00",
        "2026-02-01 14:00:00",
        "20260201T140000Z",
        "2026-02-01T15:00:00+01:00",
        "2026-02-01T08:30:00-05:30",
    ],
)
def test_a_time(text: str) -> None:
    moment = parse_time(text)
    assert moment == datetime(2026, 2, 1, 14, tzinfo=UTC)
    assert moment.tzinfo is UTC


def test_a_time_may_be_a_day() -> None:
    assert parse_time("2026-02-01") == datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "noon", "2026-02-01T25:00", "0001-01-01T00:00:00+05:00", "9999-12-31T23:00-05:00"]
)
def test_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time: write it as 2026-02-01T14:00:00Z"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h", 3600),
        ("1d", 86400),
        ("2 weeks", 1_209_600),
        ("0s", 0),
        ("1.5h", 5400),
        ("PT5M", 300),
        ("PT90S", 90),
        ("PT0.5S", 0.5),
        ("P1D", 86400),
        ("P1DT2H3M4S", 93784),
        ("pt1h", 3600),
    ],
)
def test_a_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "5", "m", "-5m", "5 moons", "1h30m", "P", "PT", "P1Y", "PT5", "1e3s", "\u0665m", "99999999999d", "inf"],
)
def test_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a duration: |is too long a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("hit", ["hit"]),
        ("mag,hit", ["mag", "hit"]),
        (" mag , hit,,mag", ["mag", "hit"]),
        ("all", list(INSTRUMENTS)),
        ("hit,all", list(INSTRUMENTS)),
    ],
)
def test_instruments(text: str, names: list[str]) -> None:
    assert [instrument.name for instrument in parse_instruments(text)] == names


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("hitt", "hit"),
        ("HITT", "hit"),
        ("mag-hk", "mag_hk"),
        ("codice", "codice_lo"),
        ("space craft", "spacecraft"),
        ("aal", "all"),
        ("mag,swappi", "swapi"),
        ("all,swappi", "swapi"),
    ],
)
def test_an_unknown_instrument_suggests_the_nearest(text: str, near: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_instruments(text)
    message = str(caught.value)
    assert f"Did you mean {near!r}?" in message
    assert all(name in message for name in INSTRUMENTS)


@pytest.mark.parametrize("text", ["../../x", "/etc/passwd", "mag\n", "mag;rm"])
def test_what_is_no_instrument(text: str) -> None:
    if text.strip() in INSTRUMENTS:
        assert parse_instruments(text) == (INSTRUMENTS[text.strip()],)
        return
    with pytest.raises(UsageError, match="unknown instrument"):
        parse_instruments(text)


def test_hostile_names_suggest_nothing() -> None:
    with pytest.raises(UsageError) as caught:
        options(instrument="../../x")
    assert str(caught.value) == f"unknown instrument '../../x'. Known: {', '.join(INSTRUMENTS)}, or all"


@pytest.mark.parametrize("text", [",", " ", " , "])
def test_no_instrument(text: str) -> None:
    with pytest.raises(UsageError, match="no instrument given: choose from mag, mag_hk"):
        parse_instruments(text)


# --- ranges and bounds ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"instrument": None}, "--instrument is missing: choose from mag,"),
        ({"instrument": ""}, "--instrument is missing"),
        ({"start": None}, "--start is missing"),
        ({"end": date(2025, 12, 31)}, "--end 2025-12-31 lies before --start 2026-01-01"),
        ({"start": date(2025, 9, 23)}, "--start 2025-09-23: IMAP was launched on 2025-09-24, there is nothing before"),
        ({"end": date(2025, 9, 23)}, "--end 2025-09-23: IMAP was launched on 2025-09-24, there is nothing before"),
        ({"end": date(9999, 12, 31)}, "--end 9999-12-31: later than 2099"),
        ({"jobs": 0}, "--jobs 0: between 1 and 64"),
        ({"jobs": -1}, "--jobs -1: between 1 and 64"),
        ({"jobs": 65}, "--jobs 65: between 1 and 64"),
        ({"max_rate": 0.0}, "--max-rate 0.0: more than 0"),
        ({"max_rate": -1.0}, "--max-rate -1.0: more than 0"),
        ({"max_rate": float("nan")}, "--max-rate nan: more than 0"),
        ({"max_rate": float("inf")}, "--max-rate inf: more than 0"),
        ({"timeout": timedelta(0)}, "--timeout 0s: more than 0 and at most 30 minutes"),
        ({"timeout": timedelta(minutes=31)}, "--timeout 1860s: more than 0 and at most 30 minutes"),
        ({"settle": timedelta(seconds=-1)}, "--settle -1 day, 23:59:59: between 0 and 3650 days"),
        ({"settle": timedelta.max}, "between 0 and 3650 days"),
        ({"overlap": timedelta(seconds=-1)}, "--overlap -1 day, 23:59:59: between 0 and 1 day"),
        ({"overlap": timedelta(days=2)}, "--overlap 2 days, 0:00:00: between 0 and 1 day"),
        ({"min_availability": -0.1}, "--min-availability -0.1: between 0 and 100"),
        ({"min_availability": 100.1}, "--min-availability 100.1: between 0 and 100"),
        ({"min_availability": float("nan")}, "--min-availability nan: between 0 and 100"),
        ({"limit_days": 0}, "--limit-days 0: at least 1"),
        ({"limit_days": -3}, "--limit-days -3: at least 1"),
        ({"datastore": ""}, "--datastore is empty"),
        ({"datastore": "  "}, "--datastore is empty"),
    ],
)
def test_what_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        options(**given)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {"start": LAUNCH, "end": LAUNCH},
        {"jobs": 1},
        {"jobs": 64},
        {"max_rate": 0.001},
        {"timeout": timedelta(minutes=30)},
        {"settle": timedelta(0), "overlap": timedelta(0)},
        {"overlap": timedelta(days=1), "settle": timedelta(days=3650)},
        {"min_availability": 0.0},
        {"min_availability": 100.0},
        {"limit_days": 1},
    ],
)
def test_what_is_just_allowed(given: dict[str, Any]) -> None:
    assert options(**given) == replace(options(), **given)


def test_every_group_checks_its_own() -> None:
    with pytest.raises(UsageError, match="--datastore"):
        StoreOptions(datastore="")
    with pytest.raises(UsageError, match="--end"):
        RangeOptions(start=date(2026, 2, 1), end=FIRST)


def test_both_ends_of_a_range_are_included() -> None:
    noon = datetime(2026, 2, 1, 12, tzinfo=UTC)
    assert len(options(end=date(2026, 2, 1)).days(noon)) == 32
    assert options(end=FIRST).days(noon) == [FIRST]
    assert options().days(noon)[-1] == date(2026, 2, 1)
    assert options(end=date(2026, 3, 1)).days(noon)[-1] == date(2026, 3, 1)
    assert RangeOptions().days(noon)[0] == LAUNCH
    with pytest.raises(UsageError, match=r"--start 2026-02-02 lies after today, 2026-02-01 \(UTC\)"):
        options(start=date(2026, 2, 2)).days(noon)


def test_a_range_that_names_no_instrument_means_all() -> None:
    assert RangeOptions().instruments == tuple(INSTRUMENTS.values())


@pytest.mark.parametrize(
    ("datastore", "url"),
    [
        ("./ialirt-data", "sqlite:///./ialirt-data/ledger.sqlite"),
        ("data/", "sqlite:///data/ledger.sqlite"),
        ("/data", "sqlite:////data/ledger.sqlite"),
        ("/", "sqlite:////ledger.sqlite"),
        ("/my data/ä", "sqlite:////my data/ä/ledger.sqlite"),
        ("50%?", "sqlite:///50%?/ledger.sqlite"),
    ],
)
def test_the_ledger_lies_in_the_datastore(datastore: str, url: str) -> None:
    assert options(datastore=datastore).ledger_url == url
    assert options(datastore=datastore, ledger="postgresql://x/y").ledger_url == "postgresql://x/y"


@pytest.mark.parametrize("name", ["data", "my data ä#b", "50%?", "%20"])
def test_the_ledger_is_made_in_the_datastore_whatever_its_name(tmp_path: Path, name: str) -> None:
    datastore = tmp_path / name
    Ledger.open(options(datastore=str(datastore)).ledger_url).close()
    assert (datastore / "ledger.sqlite").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "given"),
    [
        ("", {}),
        ("--instrument mag,hit --start 2026-01-02 --end 2026-02-01",
         {"instrument": "mag,hit", "start": date(2026, 1, 2), "end": date(2026, 2, 1)}),
        ("--start-date 20260102 --end-date 20260201", {"start": date(2026, 1, 2), "end": date(2026, 2, 1)}),
        ("--retry-failed --redownload --newest-first --fail-fast --dry-run",
         dict.fromkeys(("retry_failed", "redownload", "newest_first", "fail_fast", "dry_run"), True)),
        ("--min-availability 99.5 --limit-days 7", {"min_availability": 99.5, "limit_days": 7}),
        ("--url http://127.0.0.1:8000 --api-key-file key", {"url": "http://127.0.0.1:8000", "api_key_file": "key"}),
        ("--jobs 8 --max-rate 2.5 --timeout 5s", {"jobs": 8, "max_rate": 2.5, "timeout": timedelta(seconds=5)}),
        ("--settle PT6H --overlap 5m", {"settle": timedelta(hours=6), "overlap": timedelta(minutes=5)}),
        ("--as-of 2026-02-01T14:00:00Z", {"as_of": datetime(2026, 2, 1, 14, tzinfo=UTC)}),
        ("--demo --json -v -q", {"demo": True, "json": True, "verbose": True, "quiet": True}),
        ("--verbose --quiet", {"verbose": True, "quiet": True}),
        ("--datastore d --ledger sqlite:///x", {"datastore": "d", "ledger": "sqlite:///x"}),
    ],
)  # fmt: skip
def test_round_trip(words: str, given: dict[str, Any]) -> None:
    assert parsed(*words.split()) == options(**given)


def test_defaults() -> None:
    plain = parsed()
    assert (plain.url, plain.jobs, plain.settle, plain.overlap) == (
        DEFAULT_URL, 4, timedelta(days=1), timedelta(minutes=10)
    )  # fmt: skip
    assert (plain.datastore, plain.ledger, plain.end, plain.as_of) == ("./ialirt-data", None, None, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--start noon", "--start/--start-date: 'noon' is not a day: write it as 2026-02-01"),
        ("--settle soon", "--settle: 'soon' is not a duration: write it as 90s, 5m, 1h, 1d or PT5M"),
        ("--as-of noon", "--as-of: 'noon' is not a time: write it as 2026-02-01T14:00:00Z"),
        ("--jobs many", "--jobs: 'many' is not a whole number"),
        ("--overlap 9999999999d", "--overlap: '9999999999d' is too long a duration"),
        ("--retry", "unrecognized arguments: --retry"),
        ("--api-key x", "unrecognized arguments: --api-key x"),
    ],
)
def test_the_parser_says_what_is_wrong(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(*words.split())
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_every_option_has_help() -> None:
    for field in fields(BackfillOptions):
        assert field.metadata["help"], field.name
        assert field.metadata["description"], field.name
        assert "%" not in field.metadata["help"].replace("%%", ""), field.name
    parser: ArgumentParser[BackfillOptions] = ArgumentParser(BackfillOptions, prog="x")
    shown = parser.format_help()
    assert all(f"--{field.name.replace('_', '-')}" in shown for field in fields(BackfillOptions))


def test_options_stand_in_the_order_a_person_looks_for_them() -> None:
    names = [field.name for field in fields(BackfillOptions)]
    assert names[:3] == ["instrument", "start", "end"]
    groups = ["instrument", "retry_failed", "url", "datastore"]
    assert sorted(groups, key=names.index) == groups
    assert all(field.kw_only for field in fields(BackfillOptions))


def test_there_is_no_place_for_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IALIRT_API_KEY", "very-secret")
    assert "very-secret" not in repr(parsed("--api-key-file", "key"))
    assert not {"key", "api_key"} & {field.name for field in fields(BackfillOptions)}


# --- commands to be typed ---------------------------------------------------------------------------------------------


def test_an_advised_command_calls_the_program_as_it_was_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for called, begins in (
        (".venv/bin/ialirt-backfill", ".venv/bin/ialirt-backfill"),
        ("./cli.py", f"{sys.executable} ./cli.py"),
        ("/usr/lib/python3/site-packages/pytest/__main__.py", "ialirt-backfill"),
    ):
        monkeypatch.setattr(sys, "argv", [called])
        assert command_line("status", "--datastore", "my days") == f"{begins} status --datastore 'my days'"
    (tmp_path / "ialirt-backfill").touch(0o755)
    for called, begins in (
        (f"{tmp_path}/ialirt-backfill", "ialirt-backfill"),
        ("/elsewhere/ialirt-backfill", "/elsewhere/ialirt-backfill"),
        ("./cli.py", "ialirt-backfill"),
    ):
        monkeypatch.setattr(sys, "argv", [called])
        assert command_line("status") == f"{begins} status"
