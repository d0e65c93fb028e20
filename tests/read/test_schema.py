"""The one schema of an instrument."""

from __future__ import annotations

import pyarrow as pa
import pytest

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import INSTRUMENTS, Instrument
from ialirt_backfill.read.schema import projected, schema_of

MAG, HIT, SWE, CODICE_HI = (INSTRUMENTS[name] for name in ("mag", "hit", "swe", "codice_hi"))


@pytest.mark.parametrize("instrument", INSTRUMENTS.values(), ids=INSTRUMENTS)
def test_every_column_of_an_instrument_is_there_in_the_order_of_its_files(instrument: Instrument) -> None:
    names = schema_of(instrument).names
    assert (names[0], names[-1]) == ("time_utc", "extra")
    assert names[1:-1] == sorted(instrument.columns.keys() - {"time_utc"})


def test_types_are_those_that_other_programs_know() -> None:
    assert schema_of(MAG).field("time_utc").type == pa.timestamp("us", "UTC")
    assert schema_of(MAG).field("mag_epoch").type == pa.int64()
    assert schema_of(MAG).field("mag_B_GSE_x").type == pa.float64()
    assert schema_of(MAG).field("kernel_set_key").type == pa.string()
    assert schema_of(SWE).field("swe_normalized_counts_1").type == pa.int64()
    assert schema_of(INSTRUMENTS["mag_hk"]).field("mag_hk_pri_isvalid").type == pa.bool_()
    assert schema_of(CODICE_HI).field("codice_hi_epoch").type == pa.list_(pa.int64())
    deep = pa.list_(pa.list_(pa.list_(pa.list_(pa.float64()))))
    assert schema_of(CODICE_HI).field("codice_hi_h").type == deep
    assert schema_of(MAG).field("extra").type == pa.map_(pa.string(), pa.string())


def test_a_field_says_what_it_is() -> None:
    assert schema_of(MAG).field("mag_phi_B_GSE").metadata == {
        b"unit": b"deg",
        b"mission_unit": b"degrees",
        b"description": b"longitude of the magnetic field, GSE",
        b"label": b"B azimuth (GSE)",
        b"kind": b"measurement",
        b"fill": b"-1e+31",
        b"valid_min": b"0.0",
        b"valid_max": b"360.0",
    }
    epoch = schema_of(MAG).field("mag_epoch").metadata
    assert (epoch[b"unit"], epoch[b"kind"], epoch[b"valid_max"]) == (b"ns", b"time", b"3155716869184000000")
    assert epoch[b"fill"] == b"-9223372036854775808"
    assert b"fill" not in schema_of(MAG).field("kernel_set_key").metadata
    assert schema_of(MAG).metadata == {b"instrument": b"mag", b"title": b"Magnetometer"}


def test_a_field_says_who_is_shown_it() -> None:
    assert schema_of(HIT).field("hit_e_a_side_low_en").metadata[b"scopes"] == b"full,read"
    assert b"scopes" not in schema_of(HIT).field("hit_h_omni_low_en").metadata
    assert schema_of(INSTRUMENTS["mag_hk"]).field("mag_hk_mode").metadata[b"scopes"] == b"full,read"


def test_some_columns_come_after_the_time_in_the_order_given() -> None:
    some = projected(MAG, ["mag_epoch", "mag_B_GSE_z", "mag_epoch", "time_utc"])
    assert some.names == ["time_utc", "mag_epoch", "mag_B_GSE_z"]
    assert some.field("mag_B_GSE_z").equals(schema_of(MAG).field("mag_B_GSE_z"), check_metadata=True)


def test_a_vector_is_all_of_its_components() -> None:
    assert projected(MAG, ["mag_B_RTN"]).names == ["time_utc", "mag_B_RTN_r", "mag_B_RTN_t", "mag_B_RTN_n"]


@pytest.mark.parametrize(("name", "hint"), [("mag_B_GSE_w", "Did you mean 'mag_B_GSE_"), ("zzz", "Known: time_utc,")])
def test_a_column_that_is_not_there_is_refused(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"mag: there is no column '{name}'") as caught:
        projected(MAG, [name])
    assert hint in str(caught.value)
