"""The field's own client reads what the day files hold, cell for cell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hapiclient import hapi

from ialirt_backfill.instruments import INSTRUMENTS
from ialirt_backfill.serve.server import Server
from tests.serve.cores import Core, Make
from tests.serve.days import rows_of, value_of

START, STOP = "2026-02-02T00:00:00Z", "2026-02-04T00:00:00Z"


@pytest.fixture
def server(few_core: Core) -> Iterator[Server]:
    with Server(few_core.hapi, "127.0.0.1", 0) as running:
        yield running


def read(server: Server, dataset: str, parameters: str = "", stop: str = STOP, **how: Any) -> tuple[Any, Any]:
    data, meta = hapi(server.url, dataset, parameters, START, stop, cache=False, usecache=False, **how)
    return data, meta


def as_python(values: np.ndarray[Any, Any]) -> list[Any]:
    return [_text(it) for it in values.tolist()]


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return [_text(it) for it in value]
    return value.decode() if isinstance(value, bytes) else value


@pytest.mark.parametrize("format_", ["csv", "binary"])
@pytest.mark.parametrize("name", INSTRUMENTS)
def test_it_reads_every_dataset_cell_for_cell(few_core: Core, server: Server, name: str, format_: str) -> None:
    data, meta = read(server, name, format=format_)
    rows = rows_of(*few_core.files(name))
    for parameter in meta["parameters"]:
        expected = [value_of(parameter, row) for row in rows]
        assert as_python(data[parameter["name"]]) == expected, parameter["name"]


def test_it_reads_each_parameter_by_itself(few_core: Core, server: Server) -> None:
    whole, meta = read(server, "mag")
    for parameter in meta["parameters"][1:]:
        data, less = read(server, "mag", parameter["name"])
        assert [it["name"] for it in less["parameters"]] == ["Time", parameter["name"]]
        assert np.array_equal(data[parameter["name"]], whole[parameter["name"]])


@pytest.mark.parametrize("name", ["mag", "hit_1h"])
def test_it_reads_in_chunks_what_it_reads_at_once(server: Server, name: str) -> None:
    stop = "2026-02-03T23:59:59Z"
    at_once, _ = read(server, name, stop=stop)
    in_chunks, _ = read(server, name, stop=stop, dt_chunk="P1D")
    assert len(at_once) > 0
    assert np.array_equal(at_once, in_chunks)


def test_it_reads_nothing_where_there_is_nothing(whole: Any, make: Make) -> None:
    core = make(whole, now=datetime(2026, 2, 5, tzinfo=UTC))
    with Server(core.hapi, "127.0.0.1", 0) as server:
        data = hapi(server.url, "mag", "", "2026-02-04T12", "2026-02-04T13", cache=False, usecache=False)[0]
    assert len(data) == 0


def test_it_lists_the_datasets(few_core: Core, server: Server) -> None:
    assert [it["id"] for it in hapi(server.url)["catalog"]] == few_core.ids
