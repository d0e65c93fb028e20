"""`ialirt-backfill serve` as a person has it, in a process of its own."""

from __future__ import annotations

import http.client
import json
import re
import signal
import urllib.request
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.serve.cores import DAYS
from tests.serve.serving import Start

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_lets_the_answers_in_flight_end(start: Start, whole: Path, number: int) -> None:
    serving = start("--datastore", str(whole))
    path = "/data?dataset=mag&start=2026-02-02&stop=2026-02-04&format=json"
    expected = serving.get(path)
    address = urlsplit(serving.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    connection.request("GET", f"/hapi{path}")
    answer = connection.getresponse()
    begun = answer.read(10)
    serving.process.send_signal(number)
    assert begun + answer.read() == expected
    connection.close()
    assert serving.ended()[0] == 0


def test_it_writes_nothing_and_leaves_nothing(start: Start, whole: Path) -> None:
    def found() -> dict[Path, int]:  # but for SQLite's own list of who reads, which every reader marks
        return {path: path.stat().st_mtime_ns for path in whole.rglob("*") if not path.name.endswith("-shm")}

    before = found()
    serving = start("--datastore", str(whole))
    for id_ in serving.ids():
        serving.get(f"/data?dataset={id_}&start=2026-02-02&stop=2026-02-02T01")
    assert serving.end()[0] == 0
    assert found() == before


def test_beyond_this_machine_it_says_that_there_is_no_login_and_keeps_back_what_is_restricted(
    start: Start, whole: Path
) -> None:
    serving = start("--datastore", str(whole), "--host", "0.0.0.0")
    assert not {it for it in serving.ids() if it.startswith(("mag_hk", "spacecraft_status"))}
    assert "there is no login" in serving.end()[1]
    serving = start("--datastore", str(whole), "--host", "0.0.0.0", "--restricted")
    assert "mag_hk" in serving.ids(Host="data.example.org")


def test_a_prefix_stands_before_every_path(start: Start, whole: Path) -> None:
    serving = start("--datastore", str(whole), "--prefix", "/imap/realtime/")
    assert serving.url.endswith("/imap/realtime/hapi")
    assert "mag" in serving.ids()
    assert "mag_hk" not in serving.ids()


def test_json_tells_where_it_answers_and_verbose_what_was_asked(start: Start, whole: Path) -> None:
    serving = start("--datastore", str(whole), "--json", "-v")
    assert json.loads(f'{{"url": "{serving.url}"}}') == json.loads(serving.process.said)
    serving.get("/about?")
    code, complained = serving.end()
    assert code == 0
    assert re.search(r"GET '/hapi/about\?': 200, \d+ bytes", complained)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--port", "70000"], "--port 70000: between 0 and 65535"),
        (["--prefix", "ialirt"], "--prefix 'ialirt': a path that begins with /"),
        (["--prefix", "/a?b"], "--prefix '/a?b'"),
        (["--host", ""], "--host is empty"),
        (["--host", "no.such.host.invalid"], "--host no.such.host.invalid"),
        (["--contact", " "], "--contact is empty"),
        (["--demo", "--ledger", "sqlite:///x.sqlite"], "--ledger does not go with --demo"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(start: Start, words: list[str], complaint: str) -> None:
    serving = start(*words)
    code, complained = serving.ended()
    assert code == 2
    assert complained.splitlines()[-1].startswith(f"ialirt-backfill: {complaint}")


# --- memory -----------------------------------------------------------------------------------------------------------


def _peak_kb(pid: int) -> int:
    """The most memory that a process has had."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a process's memory is told otherwise here")
def test_a_fortnight_takes_the_memory_of_a_day(start: Start, whole: Path, tmp_path: Path) -> None:
    source = (whole / f"ialirt/2026/02/imap_ialirt_{DAYS[0]:%Y%m%d}.csv").read_text(encoding="utf-8")
    for number in range(14):
        day = date(2026, 2, 1) + timedelta(days=number)
        path = tmp_path / "fortnight" / f"ialirt/2026/02/imap_ialirt_{day:%Y%m%d}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source.replace(f"{DAYS[0]}T", f"{day}T"), encoding="utf-8")
    serving = start("--datastore", "fortnight", "--quiet", "--json")
    peaks = []
    for days in (*[1] * 8, 14):  # every thread has had a day
        for format_ in ("binary", "json"):
            query = f"dataset=mag&start=2026-02-01&stop={date(2026, 2, 1) + timedelta(days=days)}&format={format_}"
            with urllib.request.urlopen(f"{serving.url}/data?{query}", timeout=120) as answer:
                while answer.read(1 << 20):
                    pass
        peaks.append(_peak_kb(serving.process.pid))
    assert peaks[-1] - peaks[-2] < 35_000, peaks
