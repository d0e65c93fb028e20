"""Under which definition of its instrument a day was written: what is remembered, told, and mended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ialirt_backfill import BackfillOptions, VerifyOptions, backfill
from ialirt_backfill.instruments import INSTRUMENTS, Catalogue, default_catalogue, definition_of
from ialirt_backfill.simulator import Simulator
from ialirt_backfill.terminal.consoles import make_console
from ialirt_backfill.terminal.verify import show_verification
from ialirt_backfill.upkeep.verify import FileFault, Verification, verify
from ledger import DayState, Ledger
from tests.support.access import ENVIRONMENT, KEYS

DAY, NEXT = date(2026, 2, 2), date(2026, 2, 3)
NOW = datetime(2026, 2, 10, tzinfo=UTC)
DOUBLED = "[hit.fields]\nhit_h_omni_low_en.polynomial = [0, 2]\n"
WORDS = "[hit]\ntitle = 'Other'\nwindow = '12h'\n[hit.fields]\nhit_h_omni_low_en = { label = 'x', description = 'y' }\n"


class Place:
    """I-ALiRT and a datastore."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self.simulator, self.folder = simulator, folder
        self.datastore = str(folder / "data")

    def catalogue(self, text: str) -> str | None:
        path = self.folder / "catalogue.toml"
        path.write_text(text)
        return str(path) if text else None

    def run(self, text: str = "", now: datetime = NOW, **others: object) -> None:
        options = BackfillOptions(
            instrument="hit", start=DAY, end=NEXT, datastore=self.datastore, url=self.simulator.url, as_of=now,
            catalogue=self.catalogue(text), **others,  # type: ignore[arg-type]
        )  # fmt: skip
        assert backfill(options).exit_code == 0

    def verify(self, text: str = "", *, fix: bool = False) -> Verification:
        options = VerifyOptions(
            instrument="hit", start=DAY, end=NEXT, datastore=self.datastore, url=self.simulator.url, as_of=NOW, fix=fix,
            catalogue=self.catalogue(text),
        )  # fmt: skip
        return verify(options)

    def row(self, day: date = DAY) -> DayState:
        with Ledger.open(f"sqlite:///{self.datastore}/ledger.sqlite") as ledger:
            found = ledger.day("HIT_IALIRT", day)
        assert found is not None
        return found

    def file(self, day: date = DAY) -> bytes:
        return (Path(self.datastore) / INSTRUMENTS["hit"].path(day)).read_bytes()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with Simulator(now=lambda: NOW, keys=KEYS) as simulator:
        yield Place(simulator, tmp_path)


def known(text: str) -> Catalogue:
    return default_catalogue().with_file(text, "x.toml")


def of_hit(text: str = "") -> str:
    return definition_of(known(text).instruments["hit"])


# --- the checksum -----------------------------------------------------------------------------------------------------


def test_what_shapes_a_file_changes_the_checksum_and_nothing_else() -> None:
    assert of_hit(WORDS) == of_hit()
    same = (
        "[hit]\nfile_name = 'imap_other_YYYYMMDD.csv'\nprogress_key = 'X'\nscopes = ['full']\ncadence = '2m'\n",
        "[hit.fields]\nhit_h_omni_low_en = { unit = 's', valid = [0, 1], kind = 'measurement', scopes = ['full'] }\n",
    )
    assert {of_hit(text) for text in same} == {of_hit()}
    other = (
        DOUBLED,
        "[hit.fields]\nhit_h_omni_low_en.polynomial = [0, 3]\n",
        "[hit.fields]\nhit_h_omni_low_en = { type = 'text', kind = 'text' }\n",
        "[hit.fields]\nhit_h_omni_low_en = { type = 'text', kind = 'text', codes = { 1 = 'a' } }\n",
        "[hit.fields]\nhit_h_omni_low_en.vector = 'xy'\n",
        "[hit.fields]\nhit_h_omni_low_en = false\n",
        "[hit.fields]\nhit_more = {}\n",
        "[hit.fields]\nhit_epoch.unit = 's'\n",
    )
    assert len({of_hit(text) for text in (*other, "")}) == len(other) + 1


def test_the_order_of_fields_and_members_shapes_nothing() -> None:
    two = (
        "[{name}]\ntitle = 'X'\ncadence = '1s'\n[{name}.fields]\n{first} = {{}}\n{second} = {{ members = {members} }}\n"
    )
    one = known(two.format(name="one", first="a", second="b", members="{ m = {}, n = { type = 'integer' } }"))
    other = known(
        "[two]\ntitle = 'Y'\ncadence = '2s'\n[two.fields]\nb = { members = { n = { type = 'integer' }, m = {} } }\n"
        "a = {}\n"
    )
    assert definition_of(one.instruments["one"]) == definition_of(other.instruments["two"])


def test_the_checksums_of_the_program_itself() -> None:
    """Days stand under them: a change here is one that `verify` tells everybody of."""
    assert {name: definition_of(instrument) for name, instrument in INSTRUMENTS.items()} == {
        "mag": "e51ab9abe7e11d02",
        "mag_hk": "2bcaf9082c59e334",
        "hit": "672f745ad3aa3c24",
        "swe": "cc1122ea8a174821",
        "swapi": "8756acfb0be6e806",
        "codice_lo": "32153de084bf8cd6",
        "codice_hi": "0f3c97f8340f83fa",
        "spacecraft": "4c547a3e99b4d7f3",
        "spacecraft_status": "83c3df7e983b1c3b",
    }


# --- what is remembered -----------------------------------------------------------------------------------------------


def test_a_new_day_is_under_the_definition_it_was_written_with(place: Place) -> None:
    place.run()
    assert place.row().definition == of_hit()
    assert place.verify() == Verification(2, ())


def test_a_day_asked_for_in_part_stays_under_the_older_definition(place: Place) -> None:
    place.run(now=datetime(2026, 2, 3, 12, tzinfo=UTC))
    place.run(DOUBLED)
    assert place.row(NEXT).definition == of_hit()
    assert [it.day for it in place.verify(DOUBLED).findings] == [DAY, NEXT]


def test_a_day_whose_first_part_is_of_an_earlier_version_stays_unknown(place: Place) -> None:
    place.run(now=datetime(2026, 2, 3, 12, tzinfo=UTC))
    with Ledger.open(f"sqlite:///{place.datastore}/ledger.sqlite") as ledger:
        forget(ledger)
    place.run()
    assert place.row(NEXT).definition is None
    assert place.verify(DOUBLED) == Verification(2, ())


def forget(ledger: Ledger) -> None:
    from sqlalchemy import text  # noqa: PLC0415

    ledger._database.write(lambda connection: connection.execute(text("UPDATE instrument_day SET definition = NULL")))


# --- what is told, and mended -----------------------------------------------------------------------------------------


def test_days_under_another_definition_are_told_of(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.run()
    assert place.verify(WORDS) == Verification(2, ())
    found = place.verify(DOUBLED)
    assert found.exit_code == 1
    assert [(it.day, it.faults, it.detail) for it in found.findings] == [
        (day, (FileFault.DEFINITION,), "it was written under another definition") for day in (DAY, NEXT)
    ]
    options = VerifyOptions(datastore=place.datastore)
    show_verification(found, options, make_console())
    assert "2 files: all are what the ledger recorded, 2 under another definition" in capsys.readouterr().out


@pytest.mark.parametrize("how", ["redownload", "fix"])
def test_redownload_and_fix_mend_them(place: Place, how: str, tmp_path: Path) -> None:
    place.run()
    before = place.file()
    if how == "redownload":
        place.run(DOUBLED, redownload=True)
    else:
        assert place.verify(DOUBLED, fix=True).exit_code == 0
    assert place.row().definition == of_hit(DOUBLED) != of_hit()
    assert place.verify(DOUBLED) == Verification(2, ())
    (tmp_path / "fresh").mkdir()
    fresh = Place(place.simulator, tmp_path / "fresh")
    fresh.run(DOUBLED)
    assert place.file() == fresh.file() != before
    place.run(redownload=True)
    assert place.file() == before
    assert place.verify() == Verification(2, ())


def test_a_plain_run_leaves_them(place: Place) -> None:
    place.run()
    before, asked = place.file(), len(place.simulator.requests)
    place.run(DOUBLED)
    assert (place.file(), len(place.simulator.requests)) == (before, asked)


def test_what_is_broken_besides_is_told_too(place: Place) -> None:
    place.run()
    path = Path(place.datastore) / INSTRUMENTS["hit"].path(DAY)
    path.write_bytes(path.read_bytes()[:-30])
    faults = {it.day: set(it.faults) for it in place.verify(DOUBLED).findings}
    assert faults[NEXT] == {FileFault.DEFINITION}
    assert faults[DAY] >= {FileFault.DEFINITION, FileFault.SIZE, FileFault.HALF_LINE}


def test_an_adopted_day_is_under_no_definition_that_is_known(place: Place) -> None:
    from ialirt_backfill import AdoptOptions  # noqa: PLC0415
    from ialirt_backfill.upkeep.adopt import adopt  # noqa: PLC0415

    place.run()
    for ledger in Path(place.datastore).glob("ledger.sqlite*"):
        ledger.unlink()
    adopt(AdoptOptions(instrument="hit", start=DAY, end=NEXT, datastore=place.datastore, as_of=NOW))
    assert place.row().definition is None
    assert place.verify(DOUBLED) == Verification(2, ())
    place.run(redownload=True)
    assert place.row().definition == of_hit()


def test_a_day_without_data_is_under_the_present_definition(place: Place) -> None:
    place.simulator.latency = 0
    options = BackfillOptions(
        instrument="codice_lo", start=date(2026, 1, 12), end=date(2026, 1, 12), datastore=place.datastore,
        url=place.simulator.url, as_of=NOW,
    )  # fmt: skip
    assert backfill(options).exit_code == 0
    with Ledger.open(f"sqlite:///{place.datastore}/ledger.sqlite") as ledger:
        row = ledger.day("CODICE_LO_IALIRT", date(2026, 1, 12))
    assert row is not None
    assert (row.records, row.definition) == (0, definition_of(INSTRUMENTS["codice_lo"]))
    assert row.asked_through == datetime(2026, 1, 12, tzinfo=UTC) + timedelta(days=1)
