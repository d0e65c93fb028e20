"""Which columns of which instruments go on one time axis."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.read.chosen import chosen, own_columns

COMMON = {"time_utc", "ttj2000ns", "kernel_set_key", "extra"}


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_an_instrument_has_all_of_its_columns_but_the_common_ones_for_itself(name: str) -> None:
    assert set(own_columns(INSTRUMENTS[name])) == INSTRUMENTS[name].columns.keys() - COMMON


def test_a_copy_of_an_instrument_has_its_columns_and_is_not_merged_with_it() -> None:
    swapi = INSTRUMENTS["swapi"]
    copy = replace(swapi, name="copy")
    assert own_columns(copy) == own_columns(swapi)
    with pytest.raises(UsageError, match="swapi and copy have a column 'swapi_epoch' each: read them one by one"):
        chosen([swapi, copy], None)


def test_an_instrument_without_a_column_that_is_named_is_not_there() -> None:
    swapi = INSTRUMENTS["swapi"]
    assert chosen([INSTRUMENTS["mag"], swapi], ["swapi_epoch", "time_utc", "swapi_epoch"]) == {
        swapi: ["swapi_epoch", "time_utc"],
        INSTRUMENTS["mag"]: ["time_utc"],
    }
    assert chosen([INSTRUMENTS["mag"], swapi], ["swapi_epoch"]) == {swapi: ["swapi_epoch"]}
    assert chosen([INSTRUMENTS["mag"], swapi], []) == {INSTRUMENTS["mag"]: []}
