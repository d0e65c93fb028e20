"""Files that add to the catalogue and change it: what they do, and what is said of those that are wrong."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pytest

from ialirt_backfill.exceptions import CatalogueError, UsageError
from ialirt_backfill.instruments import (
    FILL_VALUE,
    INSTRUMENTS,
    SCOPES,
    Catalogue,
    ColumnKind,
    ColumnType,
    Instrument,
    Shape,
    default_catalogue,
    definition_of,
    vounit,
)
from ialirt_backfill.instruments.catalogue import line_of

DAY = date(2026, 2, 1)
EUV = """
[euv]
title = "EUV"
cadence = "10s"

[euv.axes.line]
labels = ["He II", "Fe IX", "Fe XV"]

[euv.fields]
euv_epoch = { like = "ttj2000ns" }
euv_flux = { list = "line", unit = "W.m**-2", label = "Flux of the sun's lines", valid = [0, 1] }
""".replace("Flux of the sun's lines", "Flux")


def known(*files: str) -> Catalogue:
    found = default_catalogue()
    for number, text in enumerate(files, start=1):
        found = found.with_file(text, f"{number}.toml")
    return found


def wrong(text: str) -> list[str]:
    with pytest.raises(CatalogueError) as caught:
        known(text)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)


# --- what a file adds -------------------------------------------------------------------------------------------------


def test_an_instrument_is_added_with_sensible_defaults() -> None:
    catalogue = known(EUV)
    assert list(catalogue.instruments) == [*INSTRUMENTS, "euv"]
    euv = catalogue.instruments["euv"]
    assert (euv.name, euv.title, euv.cadence) == ("euv", "EUV", timedelta(seconds=10))
    assert (euv.window, euv.longest_pause, euv.irregular) == (timedelta(hours=1), timedelta(seconds=25), False)
    assert (euv.progress_key, str(euv.path(DAY))) == ("EUV_IALIRT", "ialirt/2026/02/imap_ialirt_euv_20260201.csv")
    assert (euv.scopes, euv.optional, euv.public_since) == ((), False, datetime(2026, 2, 1, tzinfo=UTC))
    assert list(euv.columns) == [
        "time_utc", "ttj2000ns", "kernel_set_key", "euv_epoch", "euv_flux_1", "euv_flux_2", "euv_flux_3",
    ]  # fmt: skip
    flux = euv.columns["euv_flux_2"]
    assert (flux.type, flux.kind, flux.unit) == (ColumnType.MEASUREMENT, ColumnKind.MEASUREMENT, "W.m**-2")
    assert (flux.label, flux.description, flux.valid_min, flux.valid_max) == ("Flux 2", "line Fe IX", 0, 1)
    assert euv.columns["euv_epoch"].is_time
    assert euv.columns["euv_epoch"].kind is ColumnKind.TIME
    assert catalogue.of_file("imap_ialirt_euv_20260201.csv") == (euv, DAY)
    assert default_catalogue().of_file("imap_ialirt_euv_20260201.csv") is None


def test_what_is_not_named_in_a_file_is_the_very_same() -> None:
    catalogue = known(EUV)
    assert all(catalogue.instruments[name] is INSTRUMENTS[name] for name in INSTRUMENTS)


def test_every_key_of_an_instrument() -> None:
    text = """
    [x]
    title = "X"
    sentence = "What X measures."
    cadence = "1.5m"
    irregular = true
    longest_pause = "10m"
    window = "90m"
    progress_key = "MY_X"
    folder = "other/place"
    file_name = "imap_x-1.0_YYYYMMDD.csv"
    other_file_names = ["imap_x_YYYYMMDD.csv", "imap_old_x_YYYYMMDD.csv"]
    public_since = 2026-03-01T12:00:00+01:00
    scopes = ["full"]
    optional = true
    [x.fields]
    ttj2000ns = false
    x_on = { type = "boolean" }
    x_state = { codes = { 0 = "off", -1 = "broken" }, scopes = ["read"] }
    x_raw = { polynomial = [1, 2.5], unit = "V" }
    [x.fields.x_hk]
    prefix = "xh_"
    description = "housekeeping"
    [x.fields.x_hk.members]
    a = { type = "integer" }
    b = { like = "a", kind = "flag" }
    """
    found = known(text).instruments["x"]
    assert found.sentence == "What X measures."
    assert (found.cadence, found.longest_pause) == (timedelta(seconds=90), timedelta(minutes=10))
    assert (found.irregular, found.window, found.progress_key) == (True, timedelta(minutes=90), "MY_X")
    assert [str(path) for path in found.paths(DAY)] == [
        "other/place/2026/02/imap_x-1.0_20260201.csv",
        "other/place/2026/02/imap_x_20260201.csv",
        "other/place/2026/02/imap_old_x_20260201.csv",
    ]
    assert found.public_since == datetime(2026, 3, 1, 11, tzinfo=UTC)
    assert (found.scopes, found.optional) == (("full",), True)
    columns = found.columns
    assert list(columns) == ["time_utc", "kernel_set_key", "x_on", "x_state", "x_raw", "xh_a", "xh_b"]
    assert columns["x_on"].kind is ColumnKind.FLAG
    assert columns["x_state"].type is ColumnType.TEXT
    assert dict(columns["x_state"].codes) == {0: "off", -1: "broken"}
    assert columns["x_state"].scopes == ("read",)
    assert columns["x_raw"].polynomial == (1, 2.5)
    assert (columns["xh_a"].kind, columns["xh_b"].kind) == (ColumnKind.COUNT, ColumnKind.FLAG)
    assert found.fields[-1].members == ("a", "b")


def test_an_array() -> None:
    text = """
    [y]
    title = "Y"
    cadence = "4m"
    [y.axes]
    energy = { unit = "keV", values = [1, 10, 100], minus = [0.5, 5, 50], plus = [1, 10, 100] }
    sector = { size = 2 }
    [y.coordinates.angle]
    axes = ["energy", "sector"]
    unit = "deg"
    values = [[1, 2], [3, 4], [5, 6]]
    [y.fields]
    y_flux = { cell = ["energy", "sector"], unit = "count.s**-1" }
    y_other = { like = "y_flux", cell = ["sector"] }
    """
    flux, other = known(text).instruments["y"].fields[-2:]
    assert (flux.shape, flux.depth, flux.columns[0].type) == (Shape.CELL, 2, ColumnType.JSON)
    assert [(axis.name, len(axis)) for axis in flux.axes] == [("energy", 3), ("sector", 2)]
    assert [it.name for it in flux.coordinates] == ["angle"]
    assert (other.depth, other.coordinates, other.columns[0].unit) == (1, (), "count.s**-1")


# --- what a file changes ----------------------------------------------------------------------------------------------


def test_a_field_may_be_taken_away_by_two_files() -> None:
    away = "[mag.fields]\nmag_B_RTN = false\nttj2000ns = false"
    assert known(away, away).instruments["mag"] is known(away).instruments["mag"]


def test_single_keys_of_a_known_instrument_are_changed_and_no_other() -> None:
    text = """
    [mag]
    window = "2h"
    [mag.fields]
    mag_B_RTN = false
    mag_B_GSE.label = "B field"
    mag_new = { unit = "nT" }
    """
    mag, before = known(text).instruments["mag"], INSTRUMENTS["mag"]
    assert mag.window == timedelta(hours=2)
    assert (mag.title, mag.cadence, mag.progress_key, mag.file_prefix, mag.other_file_prefixes) == (
        before.title, before.cadence, before.progress_key, before.file_prefix, before.other_file_prefixes,
    )  # fmt: skip
    gone = {f"mag_B_RTN_{axis}" for axis in "rtn"}
    assert mag.columns.keys() == before.columns.keys() - gone | {"mag_new"}
    assert (mag.columns["mag_B_GSE_x"].label, mag.columns["mag_B_GSE_x"].unit) == ("B field x", "nT")
    assert mag.columns["mag_B_GSM_x"].label == "B (GSM) x"
    assert [it.name for it in mag.fields][:4] == ["time_utc", "ttj2000ns", "kernel_set_key", "mag_epoch"]


def test_a_field_may_get_another_shape() -> None:
    swe = known('[swe.axes.bin]\nsize = 4\n[swe.fields.swe_normalized_counts]\ncell = ["bin"]').instruments["swe"]
    counts = swe.columns["swe_normalized_counts"]
    assert (counts.type, counts.unit) == (ColumnType.JSON, "count")


def test_what_stands_for_a_missing_value_may_be_stated() -> None:
    text = """
    [y]
    title = "Y"
    cadence = "1m"
    [y.axes.e]
    size = 2
    [y.fields]
    plain = {}
    stated = { fill = -999 }
    whole = { type = "integer", fill = 0, valid = [1, 9] }
    word = { type = "text", fill = "N/A" }
    named = { codes = { 1 = "on" }, fill = "255" }
    many = { list = "e", fill = -1.5 }
    nested = { cell = ["e"], fill = -2 }
    times = { cell = ["e"], unit = "ns", fill = -3 }
    alike = { like = "whole", label = "alike" }
    another = { like = "whole", type = "measurement" }
    usual = { like = "stated", fill = false }
    [y.fields.hk.members]
    a = { fill = 7 }
    """
    columns = known(text).instruments["y"].columns
    assert {name: column.fill for name, column in columns.items()} == {
        "time_utc": None, "kernel_set_key": None, "ttj2000ns": -(2**63), "plain": FILL_VALUE, "stated": -999.0,
        "whole": 0, "word": "N/A", "named": "255", "many_1": -1.5, "many_2": -1.5, "nested": -2.0, "times": -3,
        "alike": 0, "another": FILL_VALUE, "usual": FILL_VALUE, "hk_a": 7.0,
    }  # fmt: skip


def test_a_fill_changes_no_file() -> None:
    text = "[mag.fields]\nmag_B_magnitude.fill = -999\nmag_epoch.fill = 0"
    mag = known(text).instruments["mag"]
    assert mag.columns["mag_B_magnitude"].fill == -999.0
    assert definition_of(mag) == definition_of(INSTRUMENTS["mag"])


def test_another_type_has_neither_the_fill_nor_the_range_of_numbers() -> None:
    flag = known('[swe.fields]\nswe_counterstreaming_electrons = { type = "text", codes = { 0 = "no", 1 = "both" } }')
    column = flag.instruments["swe"].columns["swe_counterstreaming_electrons"]
    assert (column.fill, column.valid_min, column.kind) == (None, None, ColumnKind.FLAG)


def test_nanoseconds_that_are_no_times_are_numbers() -> None:
    text = '[mag.fields]\na = { unit = "ns" }\nb = { type = "integer", unit = "ns", kind = "measurement" }'
    columns = known(text).instruments["mag"].columns
    assert (columns["a"].is_time, columns["b"].is_time, columns["mag_epoch"].is_time) == (False, False, True)


def test_an_axis_may_be_without_its_times() -> None:
    text = "[codice_hi.axes.epoch]\nfield = false\n[codice_hi.fields]\ncodice_hi_epoch = false"
    [intensity] = [it for it in known(text).instruments["codice_hi"].fields if it.shape is Shape.CELL]
    assert (intensity.axes[0].field, len(intensity.axes[0])) == ("", 4)


def test_restrictions_can_be_lifted() -> None:
    hit = known("[hit.fields]\nhit_e_a_side_low_en.scopes = []\n[mag_hk]\nscopes = []").instruments
    assert hit["hit"].columns["hit_e_a_side_low_en"].scopes == ()
    assert hit["hit"].columns["hit_e_b_side_low_en"].scopes == SCOPES
    assert hit["mag_hk"].scopes == ()


def test_the_later_file_wins() -> None:
    catalogue = known(EUV, '[euv]\ntitle = "Other"\n[mag]\nwindow = "2h"', '[mag]\nwindow = "1h"')
    assert catalogue.instruments["euv"].title == "Other"
    assert catalogue.instruments["mag"].window == timedelta(hours=1)


def test_names_may_be_exchanged_in_one_file() -> None:
    swapped = known('[mag]\nprogress_key = "MAG_IALIRT_HK"\n[mag_hk]\nprogress_key = "MAG_IALIRT"').instruments
    assert swapped["mag"].progress_key == "MAG_IALIRT_HK"


# --- what is wrong ----------------------------------------------------------------------------------------------------

HEAD = '[x]\ntitle = "X"\ncadence = "2s"\n[x.fields]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[mag\n", "1.toml is not TOML: "),
        ("a = 1", "1.toml, line 1: a: write a table for an instrument"),
        ("[common.fields]", "1.toml, line 1: common: belongs to the program's own catalogue"),
        ("[x]", '1.toml, line 1: x: title is missing: write title = "…"'),
        ('[Mag]\ntitle = "X"', "1.toml, line 1: Mag: write the name as the API has it: at most 32 small letters"),
        ("[mag]\ncadence = 4", '1.toml, line 2: mag.cadence: write a time as "4s", "90m", "12h" or "1d"'),
        ('[mag]\ncadence = "0.5s"', "1.toml, line 2: mag.cadence: write whole seconds, from 1s to 1d"),
        ('[mag]\nwindow = "7h"', "1.toml, line 2: mag.window: a day is not a whole number of these"),
        ("[mag]\ntitle = 1", '1.toml, line 2: mag.title: write a text, as "1"'),
        ('[mag]\ntitle = ""', "1.toml, line 2: mag.title: write a text that is not empty"),
        ('[mag]\ntitle = "a\\nb"', "1.toml, line 2: mag.title: write a text of one line"),
        ('[mag]\nirregular = "yes"', "1.toml, line 2: mag.irregular: write true or false"),
        (f'[mag]\nprogress_key = "{"X" * 33}"', "1.toml, line 2: mag.progress_key: write at most 32 characters"),
        ('[mag]\nprogress_key = "HIT_IALIRT"', "1.toml, line 2: mag.progress_key: HIT_IALIRT is that of hit already"),
        ('[mag]\nfolder = "../x"', "1.toml, line 2: mag.folder: write a folder below the datastore"),
        ('[mag]\nfolder = "/x"', "1.toml, line 2: mag.folder: write a folder below the datastore"),
        ('[mag]\nfile_name = "mag.csv"', '1.toml, line 2: mag.file_name: write the name as "imap_ialirt_hit_YYYYMMDD'),
        ('[mag]\nfile_name = "imap_a/b_YYYYMMDD.csv"', "1.toml, line 2: mag.file_name: write the name as"),
        (
            '[mag]\nfile_name = "imap_ialirt_hit_YYYYMMDD.csv"',
            "1.toml, line 2: mag.file_name: imap_ialirt_hit_YYYYMMDD.csv is a file of hit already",
        ),
        (
            '[mag]\nother_file_names = ["imap_ialirt_hit_YYYYMMDD.csv"]',
            "1.toml, line 2: mag.other_file_names: imap_ialirt_hit_YYYYMMDD.csv is a file of hit already",
        ),
        ("[mag]\nother_file_names = 1", "1.toml, line 2: mag.other_file_names: write a list that is not empty"),
        ('[mag]\npublic_since = "soon"', "1.toml, line 2: mag.public_since: write a time, as 2026-02-01T00:00:00Z"),
        ("[mag]\npublic_since = 2026-02-01", "1.toml, line 2: mag.public_since: write a time, as 2026-02-01T00:00:00Z"),
        ("[mag]\nscopes = [1]", '1.toml, line 2: mag.scopes: write a text, as "1"'),
        ('[mag]\nwindw = "3h"', "1.toml, line 2: mag.windw: there is no key windw. Did you mean window?"),
        ("[mag]\nfields = 1", "1.toml, line 2: mag.fields: write a table"),
        ("[mag]\nfields.a = 1", "1.toml, line 2: mag.fields.a: write a table: { … }"),
        (
            "[mag.fields]\nmag_epok = false",
            "1.toml, line 2: mag.fields.mag_epok: there is no field mag_epok to take away. Did you mean mag_epoch?",
        ),
        ("[mag.fields]\nqqq = false", "there is no field qqq to take away. Known: kernel_set_key, mag_"),
        (HEAD + "ttj200ns = false", "line 5: x.fields.ttj200ns: there is no field ttj200ns to take away. Did you mean"),
        ("[mag.fields]\ntime_utc = false", "1.toml, line 2: mag.fields.time_utc: every record has a time_utc"),
        ('[mag.fields]\nx = { unit = "nt" }', "line 2: mag.fields.x.unit: 'nt' is no unit: VOUnit knows no 'nt'"),
        ('[mag.fields]\nx = { unit = "furlong" }', "If it must be, in quotes: \"'furlong'\""),
        ('[mag.fields]\nx = { unit = "m/s/s" }', "write one / at most"),
        ('[mag.fields]\nx = { unit = "m/s.kg" }', "write what is below the / in parentheses"),
        ('[mag.fields]\nx = { unit = "km s-1" }', "write a product with dots and powers with **"),
        (f'[mag.fields]\nx.label = "{"l" * 21}"', "line 2: mag.fields.x.label: 21 characters: write at most 20"),
        ("[mag.fields]\nx.valid = [2, 1]", "1.toml, line 2: mag.fields.x.valid: write the least and the greatest"),
        ("[mag.fields]\nx.valid = [1]", "1.toml, line 2: mag.fields.x.valid: write the least and the greatest"),
        ('[mag.fields]\nx.valid = ["a", 1]', "1.toml, line 2: mag.fields.x.valid: 'a' is not a number"),
        ("[mag.fields]\nx.valid = [nan, 1]", "1.toml, line 2: mag.fields.x.valid: nan is not a number"),
        ('[mag.fields]\nx.type = "float"', "mag.fields.x.type: write one of integer, measurement, boolean, text, json"),
        ('[mag.fields]\nx.kind = "x"', "mag.fields.x.kind: write one of measurement, count, time, flag, text"),
        ('[mag.fields]\nx.type = "json"', 'mag.fields.x.type: "json" is the type of an array: write its axes'),
        ('[mag.fields]\nx = { type = "integer", codes = { 1 = "a" } }', 'x.type: names are texts: write "text"'),
        ("[mag.fields]\nx.codes = { a = 'b' }", "mag.fields.x.codes: write a table of whole numbers and their names"),
        (
            '[mag.fields]\nx = { type = "integer", polynomial = [1] }',
            "mag.fields.x.type: what is converted is a measurement",
        ),
        ("[mag.fields]\nx.fill = 'none'", "1.toml, line 2: mag.fields.x.fill: 'none' is not a number"),
        ("[mag.fields]\nx.fill = nan", "mag.fields.x.fill: nan is not a number"),
        ("[mag.fields]\nx = { type = 'integer', fill = 1.5 }", "x.fill: 1.5 is not a whole number of 64 bits"),
        (f"[mag.fields]\nx = {{ type = 'integer', fill = {2**63} }}", "is not a whole number of 64 bits"),
        ("[mag.fields]\nx = { type = 'text', fill = 1 }", 'x.fill: write a text, as "1"'),
        ("[mag.fields]\nx = { type = 'boolean', fill = 1 }", "x.fill: true and false have none"),
        ("[mag.fields]\nx = { polynomial = [1], fill = 1 }", "x.fill: what is converted is a fill no longer"),
        ("[mag.fields]\nx = { valid = [0, 1], fill = 1 }", "x.fill: it may be true, as it is within valid"),
        ("[mag.fields]\ntime_utc.fill = 'none'", "mag.fields.time_utc: every record has a time_utc"),
        ("[mag.fields]\ntime_utc.type = 'integer'", "mag.fields.time_utc: every record has a time_utc"),
        (f"[mag.fields]\nx.valid = [0, 1{'0' * 400}]", "x.valid: write a number that a float has room for"),
        (f"[mag.fields]\nx.valid = [0, 1{'0' * 5000}]", "1.toml is not TOML: "),
        (f"[mag]\ntitle = {'[' * 3000}", "1.toml is not TOML: "),
        ('[mag]\n"a\\nb\\u001b" = 1', "mag.a?b?: there is no key a?b?"),
        (f'[mag]\ncadence = "{"9" * 400}d"', "1.toml, line 2: mag.cadence: write whole seconds, from 1s to 1d"),
        ("[mag]\npublic_since = 9999-12-31T23:00:00-10:00", "line 2: mag.public_since: write a time"),
        ('[mag]\nprogress_key = " A"', "line 2: mag.progress_key: write it without blanks at its ends"),
        (f'[mag]\nfolder = "{"x" * 201}"', "line 2: mag.folder: write a folder below the datastore"),
        ('[mag]\nfile_name = "imap_YYYYMMDD_YYYYMMDD.csv"', "line 2: mag.file_name: write the name as"),
        ("[[mag]]\nwindow = '2h'", "1.toml, line 1: mag: write a table for an instrument"),
        ("[[board.b.panels]]\nlines = ['x']\n[[board.b.panels]]\ninstrument = 'x'\nlines = ['x']",
         "1.toml, line 4: board.b.panels.2.instrument: "),
        ("[mag.fields]\nx.codes = { 01 = 'a' }", "mag.fields.x.codes: write a table of whole numbers and their names"),
        (f"[mag.fields]\nx.codes = {{ {2**63} = 'a' }}", "mag.fields.x.codes: write a table of whole numbers"),
        ("[mag.fields]\nx = { type = 'text', kind = 'count' }", "x.kind: text can only be time or flag or text"),
        ("[mag.fields]\nx = { type = 'boolean', kind = 'time' }", "x.kind: boolean can only be flag"),
        ("[mag.fields]\nx = { type = 'text', valid = [1, 2] }", "x.valid: text has no range: leave it out"),
        ("[mag.fields]\nextra.unit = 'd'", "mag.fields.extra: its column extra is one of the program"),
        ("[mag.fields]\ntime.unit = 'd'", "mag.fields.time: its column time is one of the program"),
        ("[mag.fields]\nmag_epoch_count.unit = 'd'", "mag_epoch_count is called like a number that stands beside"),
        ("[mag.fields]\nmag_records.unit = 'd'", "mag_records is called like a number that stands beside means"),
        ("[mag.axes.e]\nsize = 2\n[mag.fields]\nx.list = 'e'\nx_1.list = 'e'",
         "1.toml, line 5: mag.fields.x_1: it is called like a column of x"),
        ("[mag.axes.B_magnitude]\nsize = 2", "line 1: mag.axes.B_magnitude: give it another name: in a Dataset"),
        ("[swe.axes.s]\nsize = 1\n[swe.coordinates.epoch]\naxes = ['s', 'energy']\nvalues = [[1,2,3,4,5,6,7,8]]",
         "1.toml, line 3: swe.coordinates.epoch: give it another name"),
        ("[mag.axes.e]\nsize = 1000000000", "mag.axes.e.size: write a whole number from 1 to 100,000"),
        ("[mag.fields]\nx.list = 'e'\n[mag.axes.e]\nsize = 2000", "mag.fields.x.list: more than 1,000 columns"),
        ("[mag.fields]\n" + "".join(f"x{n} = {{}}\n" for n in range(1000)), "mag.fields: more than 1,000 columns"),
        ("[mag.fields]\nx.cell = ['e', 'e']\n[mag.axes.e]\nsize = 2", "mag.fields.x.cell: write each axis once"),
        ("[mag.axes.e]\nsize = 2\nfield = 'x'", "line 3: mag.axes.e.field: write a field with the times along"),
        ("[mag.axes.e]\nvalues = [1]\nfield = 'x'", "mag.axes.e.field: only an axis with a size has its times in"),
        ("[codice_hi.fields]\ncodice_hi_epoch = false", "1.toml, line 1: codice_hi.axes.epoch.field: write a field"),
        ('[mag.axes."a b"]\nsize = 2', "1.toml, line 1: mag.axes.a b: write a name of letters, digits and _"),
        ("[mag.axes.e]\nvalues = [1, 2]\nminus = [1, 1]", "mag.axes.e.minus: write both or neither of minus and plus"),
        ("[mag.axes.e]\nvalues = [1]\nminus = [-1]\nplus = [1]", "mag.axes.e.minus: -1: write a distance, 0 or more"),
        ("[swe.axes]\nenergy = false", "1.toml, line 1: swe.fields.swe_normalized_counts.list: there is no axis"),
        ("[mag.fields]\nx.polynomial = []", "mag.fields.x.polynomial: write a list that is not empty"),
        ('[mag.fields]\nx.vector = "XYZ"', "mag.fields.x.vector: write a letter for each component"),
        ('[mag.fields]\nx.list = "energy"', "mag.fields.x.list: there is no axis 'energy': write a table for it"),
        ('[mag.fields]\nx.cell = ["e"]', "mag.fields.x.cell: there is no axis 'e': write a table for it, [mag.axes.e]"),
        ('[mag.fields]\nx = { vector = "xyz", list = "e" }', "mag.fields.x.list: write one of vector and list"),
        ("[mag.fields]\nx.prefix = 'x_'", "mag.fields.x.members: write a table for each of its members"),
        ('[mag.fields]\nx.like = "y"', "1.toml, line 2: mag.fields.x.like: it cannot be like 'y', which is not here."),
        ('[mag.fields]\nx.like = "x"', "1.toml, line 2: mag.fields.x.like: it cannot be like itself."),
        ("[mag.fields]\nx.like = 1", "1.toml, line 2: mag.fields.x.like: it cannot be like 1, which is not here."),
        (
            '[mag.fields]\na.like = "b"\nb.like = "a"',
            "1.toml, line 3: mag.fields.b.like: it cannot be like itself.",
        ),
        ("[mag.fields]\n'a b'.unit = 'nT'", "1.toml, line 2: mag.fields.a b: write a name of letters, digits and _"),
        ("[mag.fields]\nMAG_EPOCH.unit = 'nT'", "mag.fields.MAG_EPOCH: its column MAG_EPOCH is one of mag_epoch"),
        ("[mag.fields]\nmag_B_GSE_x.unit = 'nT'", "mag.fields.mag_B_GSE_x: its column mag_B_GSE_x is one of mag_B_GSE"),
        ("[mag.fields]\nfile_date.unit = 'd'", "mag.fields.file_date: its column file_date is one of the program"),
        (f"[mag.fields]\n{'x' * 64}.unit = 'd'", "has more than 63 characters"),
        ("[mag.axes.e]\nunit = 'eV'", "1.toml, line 1: mag.axes.e: write its values, its labels or its size"),
        ("[mag.axes.e]\nsize = 0", "1.toml, line 2: mag.axes.e.size: write a whole number from 1 to"),
        ("[mag.axes.e]\nvalues = [1, 2]\nplus = [1]", "line 3: mag.axes.e.plus: write as many as there are"),
        ("[mag.coordinates.a]\naxes = ['e', 'f']\nvalues = [[1]]", "line 2: mag.coordinates.a.axes: write two axes of"),
        (
            "[swe.axes.s]\nsize = 1\n[swe.coordinates.a]\naxes = ['s', 'energy']\nvalues = [[1]]",
            "1.toml, line 5: swe.coordinates.a.values: write 1 lists of 8 numbers",
        ),
        (f'[{"x" * 26}]\ntitle = "X"\ncadence = "1s"', "progress_key is missing"),
        (HEAD + "ttj2000ns = false\nkernel_set_key = false", "1.toml, line 4: x.fields: there are no fields"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line_and_what_to_write(text: str, message: str) -> None:
    problems = wrong(text)
    assert any(message in problem for problem in problems), problems


def test_what_is_nested_deeply_is_refused_in_a_sentence() -> None:
    """How deep is too deep is for Python to say: later ones go so deep, and find that there is no such key."""
    [problem] = wrong(f"[mag]\n{'.'.join('a' * 3000)} = 1")
    told = ("1.toml, line 1: mag: it is nested too deeply", "1.toml, line 2: mag.a: there is no key a. Known: axes, ")
    assert problem.startswith(told)


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_the_lines() -> None:
    text = '[hit]\nwindow = "7h"\n\n[mag]\ncadence = 4\nx = 1\nfields.mag_B_GSE.unit = "nt"\n[mag.axes.e]\n'
    assert [problem.split(":")[0] for problem in wrong(text)] == [f"1.toml, line {n}" for n in (2, 5, 6, 7, 8)]


def test_a_wrong_catalogue_is_wrong_usage() -> None:
    assert issubclass(CatalogueError, UsageError)


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("a",), 2),
        (("a", "x"), 3),
        (("a", "b", "c"), 5),
        (("a", "b", "c", "d"), 5),
        (("a", "b", "e f"), 6),
        (("a", "b", "g"), 4),
        (("a", "q", "r"), 2),
        (("h", "i"), 8),
        (("z",), None),
    ],
)
def test_where_something_stands(place: tuple[str, ...], line: int | None) -> None:
    text = '# a = 1\n[a]\nx = 1\n[ a.b ] # z = 1\nc = { d = 1 }\n"e f" = 2\n[h]\ni.j = 3\n'
    assert line_of(text, place) == line


# --- in other processes -----------------------------------------------------------------------------------------------


def again(value: object) -> object:
    return pickle.loads(pickle.dumps(value))


def test_what_is_defined_alike_is_one_and_the_same_instrument() -> None:
    euv = known(EUV).instruments["euv"]
    assert known(EUV).instruments["euv"] is euv
    assert again(euv) is euv
    assert all(again(it) is it for it in INSTRUMENTS.values())
    changed = known('[mag]\nwindow = "2h"').instruments["mag"]
    assert changed is not INSTRUMENTS["mag"]
    assert again(changed) is changed


def test_a_catalogue_goes_along_whole() -> None:
    catalogue = known(EUV, '[mag]\nwindow = "2h"')
    found = again(catalogue)
    assert isinstance(found, Catalogue)
    assert dict(found.instruments) == dict(catalogue.instruments)
    more = found.with_file('[x]\ntitle = "X"\ncadence = "1s"\nfields.y.unit = ""', "x")
    assert list(more.instruments["x"].columns) == [
        "time_utc", "ttj2000ns", "kernel_set_key", "y",
    ]  # fmt: skip
    assert again(default_catalogue()) is default_catalogue()


def described(instrument: Instrument) -> str:
    columns = [(it.name, it.type.value, it.unit, it.label) for it in instrument.columns.values()]
    return f"{instrument.name} {instrument.window} {columns}"


def test_another_process_makes_the_instrument_from_what_it_is_sent() -> None:
    sent = [known(EUV).instruments["euv"], known('[mag]\nwindow = "2h"').instruments["mag"], INSTRUMENTS["mag"]]
    code = (
        "import pickle, sys\n"
        "from tests.instruments.test_files import described\n"
        "found = pickle.load(sys.stdin.buffer)\n"
        "assert pickle.loads(pickle.dumps(found[0])) is found[0]\n"
        "print('\\n'.join(map(described, found)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(sent), capture_output=True, check=True)
    assert done.stdout.decode().splitlines() == [described(it) for it in sent]


# --- units ------------------------------------------------------------------------------------------------------------

UNITS = [
    "", "nT", "km/s", "cm**-3", "count.cm**-2.sr**-1.s**-1.MeV**-1", "count/(cm**2.sr.s.MeV)", "'degC'", "m**+2", "deg",
    "mm", "mmm", "nt", "m/s/s", "m/s.kg", "degrees", "counts", "m^2", "m**", "m**x", ".m", "m.", "m ", "pct", "%", "/s",
    "K", "kK", "uA", "1/cm3", "10m", "mag", "ms", "min", "mmin2", "'", "''", "ph.s**-1", "ct", "km.s**-1", "m.s**-1/kg",
]  # fmt: skip


@pytest.mark.interop
@pytest.mark.parametrize("text", UNITS)
def test_what_is_taken_for_a_unit_is_one_to_astropy(text: str) -> None:
    """Not the other way round: what is hardly ever needed, as a scale or a square root, is refused here."""
    units = pytest.importorskip("astropy.units")
    if not vounit.complaint(text):
        units.Unit(text, format="vounit", parse_strict="raise")


@pytest.mark.interop
def test_every_unit_that_is_known_is_one_to_astropy() -> None:
    units = pytest.importorskip("astropy.units")
    for unit in sorted(vounit.UNITS):
        units.Unit(unit, format="vounit", parse_strict="raise")


def test_units_that_are_taken_and_not() -> None:
    assert [text for text in UNITS[:9] if vounit.complaint(text)] == []
    assert all(vounit.complaint(text) for text in ("nt", "m/s/s", "m/s.kg", "counts", "m^2", ".m", "%", "1/cm3", "'"))
