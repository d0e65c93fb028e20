"""pySPEDAS keeps what it reads: vectors, spectra, and arrays in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ialirt_backfill.serve.server import Server
from tests.serve.cores import Core
from tests.serve.days import rows_of, value_of

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("default")]  # what it warns of is its own affair
SPAN = ["2026-02-02T00:00:00", "2026-02-04T00:00:00"]
SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "mag": {"mag_B_GSE": (3,), "mag_B_magnitude": (), "mag_epoch": (), "kernel_set_key": ()},
    "swe": {"swe_normalized_counts": (8,), "swe_counterstreaming_electrons": ()},
    "codice_hi": {"codice_hi_h_1": (15, 4, 4), "codice_hi_h_4": (15, 4, 4), "codice_hi_epoch": (4,)},
    "spacecraft": {"sc_position_GSM": (3,)},
}


@pytest.fixture
def server(few_core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # its client keeps a copy of all it reads
    with Server(few_core.hapi, "127.0.0.1", 0) as running:
        yield running


@pytest.mark.parametrize("name", SHAPES)
def test_it_keeps_every_parameter(few_core: Core, server: Server, name: str) -> None:
    pyspedas = pytest.importorskip("pyspedas")
    kept = pyspedas.hapi(trange=SPAN, server=server.url, dataset=name)
    parameters = few_core.info(name)["parameters"]
    assert kept == [it["name"] for it in parameters[1:]]
    rows = rows_of(*few_core.files(name))
    for parameter in parameters:
        if parameter["name"] not in SHAPES[name]:
            continue
        found = pyspedas.get_data(parameter["name"])
        assert found.y.shape == (len(rows), *SHAPES[name][parameter["name"]])
        expected = np.array([value_of(parameter, row) for row in rows])
        if parameter["type"] == "double":
            expected = np.where(expected == float(parameter["fill"]), np.nan, expected)
            assert np.array_equal(found.y, expected, equal_nan=True)
        elif parameter["type"] != "integer":
            assert found.y.tolist() == expected.tolist()
