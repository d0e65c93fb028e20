"""Days made up by formulas, the same on every machine: a storm, gaps, and an instrument that is off."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.collections import PolyCollection

from ialirt_backfill.instruments import INSTRUMENTS

FIRST = date(2026, 2, 1)
DAYS = 3
STORM = 40 * 3600.0
"""When the storm begins, in seconds since the first day began."""

Gap = tuple[float, float]
GAPS: Mapping[str, Sequence[Gap]] = {
    "mag": [(20_000, 27_000), (150_000, 150_300)],
    "swapi": [(20_000, 27_000)],
    "hit": [(20_000, 27_000), (100_000, 118_000)],
}
"""Seconds since the first day began."""


def at(day: date, second: float = 0.0) -> datetime:
    """So many seconds after a day began."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=second)


def write(
    datastore: Path, instrument: str, day: date, seconds: Sequence[float], columns: Mapping[str, Sequence[Any]]
) -> Path:
    """The file of a day; None is an empty cell."""
    path = datastore / INSTRUMENTS[instrument].path(day)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = sorted(columns)
    lines = [",".join(["time_utc", *names])]
    for row, second in enumerate(seconds):
        cells = [
            "" if (it := columns[name][row]) is None else it if isinstance(it, str) else repr(it) for name in names
        ]
        lines.append(",".join([f"{at(day, second):%Y-%m-%dT%H:%M:%S}", *cells]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def heights(area: PolyCollection) -> list[float]:
    """Of all corners of what is drawn."""
    return [float(y) for path in area.get_paths() for y in np.asarray(path.vertices)[:, 1]]


def storm_of(t: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """From 0 where it is quiet to 1 where the storm is strongest."""
    return np.where(t > STORM, np.exp(-(t - STORM) / 30_000.0), 0.0)


def three_days(datastore: Path) -> Path:
    """Three days of all instruments; CoDICE-Lo is off from the second on."""
    for number in range(DAYS):
        day, begin = FIRST + timedelta(days=number), number * 86_400.0
        for instrument, make in _MAKERS.items():
            if instrument == "codice_lo" and number:
                continue
            cadence = INSTRUMENTS[instrument].cadence.total_seconds()
            seconds = np.arange(0.0, 86_400.0, cadence)
            t = begin + seconds
            kept = np.ones(len(t), bool)
            for since, until in GAPS.get(instrument, ()):
                kept &= (t < since) | (t >= until)
            columns = make(t[kept])
            write(datastore, instrument, day, list(seconds[kept]), columns)
    return datastore


def _rounded(values: np.ndarray[Any, Any]) -> list[float]:
    return [float(it) for it in np.round(values, 3)]


def _mag(t: np.ndarray[Any, Any]) -> Mapping[str, Sequence[Any]]:
    size = 5.0 + np.sin(t / 4_000.0) + 15.0 * storm_of(t)
    phi = (135.0 + 40.0 * np.sin(t / 9_000.0) + 150.0 * storm_of(t) * np.sin(t / 1_500.0)) % 360.0
    z = size * np.where(storm_of(t) > 0.0, -0.8 * np.cos((t - STORM) / 8_000.0), 0.3 * np.sin(t / 3_000.0))
    flat = np.sqrt(size**2 - z**2)
    x, y = flat * np.cos(np.radians(phi)), flat * np.sin(np.radians(phi))
    found = {
        f"mag_B_{frame}_{part}": _rounded(it)
        for frame in ("GSE", "GSM")
        for part, it in zip("xyz", (x, y, z), strict=True)
    }
    return {**found, "mag_B_magnitude": _rounded(size), "mag_phi_B_GSM": _rounded(phi)}


def _mag_hk(t: np.ndarray[Any, Any]) -> Mapping[str, Sequence[Any]]:
    supplies = [
        f"mag_hk_{name}{c}_{level}"
        for name in ("hk1v5", "hk1v8", "hk2v5", "hkp8v5")
        for c in ("", "c")
        for level in ("danger", "warn")
    ]
    flags: dict[str, Sequence[Any]] = {name: ["False"] * len(t) for name in supplies}
    flags["mag_hk_hk2v5_warn"] = [str(bool(it)) for it in (t > 90_000) & (t < 90_100)]
    slow = np.sin(t / 20_000.0)
    return {
        **flags,
        "mag_hk_fib_range": [2] * len(t),
        "mag_hk_fob_range": [2 if it < 130_000 else 3 for it in t],
        "mag_hk_fib_saturated": ["False"] * len(t),
        "mag_hk_fob_saturated": ["False"] * len(t),
        "mag_hk_multbit_errs": [str(bool(it)) for it in t % 50_000 == 40],
        "mag_hk_pri_isvalid": ["True"] * len(t),
        "mag_hk_sec_isvalid": [str(not 200_000 <= it < 203_000) for it in t],
        "mag_hk_mode": ["Config" if 60_000 <= it < 65_000 else "Normal" for it in t],
        "mag_hk_hk3v3": _rounded(3.35 + 0.002 * slow),
        "mag_hk_hk3v3_current": _rounded(128.0 + slow),
        "mag_hk_hkn8v5": _rounded(-8.53 + 0.004 * slow),
        "mag_hk_hkn8v5_current": _rounded(151.0 + slow),
        "mag_hk_fib_temp": _rounded(-5.0 + slow),
        "mag_hk_fob_temp": _rounded(-7.0 + slow),
        "mag_hk_icu_temp": _rounded(19.0 + 2 * slow),
    }


def _swapi(t: np.ndarray[Any, Any]) -> Mapping[str, Sequence[Any]]:
    return {
        "swapi_pseudo_proton_density": _rounded(5.0 * np.exp(0.4 * np.sin(t / 5_000.0) + 1.5 * storm_of(t))),
        "swapi_pseudo_proton_speed": _rounded(400.0 + 20.0 * np.sin(t / 20_000.0) + 300.0 * storm_of(t)),
        "swapi_pseudo_proton_temperature": _rounded(90_000.0 * np.exp(0.3 * np.sin(t / 7_000.0) + storm_of(t))),
    }


def _swe(t: np.ndarray[Any, Any]) -> Mapping[str, Sequence[Any]]:
    levels = (84_873_600, 54_747_200, 34_620_800, 19_944_000, 10_368_000, 4_241_600, 1_688_012, 588_800)
    counts = {
        f"swe_normalized_counts_{place}": [
            int(it) for it in level * np.exp(0.3 * np.sin(t / 6_000.0 + place) + storm_of(t))
        ]
        for place, level in enumerate(levels, start=1)
    }
    return {**counts, "swe_counterstreaming_electrons": [int(it > 0.5) for it in storm_of(t)]}


def _hit(t: np.ndarray[Any, Any]) -> Mapping[str, Sequence[Any]]:
    names = (
        "hit_e_a_side_low_en",
        "hit_e_a_side_med_en",
        "hit_h_omni_low_en",
        "hit_h_omni_med_en",
        "hit_h_a_side_high_en",
        "hit_he_omni_low_en",
        "hit_he_omni_high_en",
    )
    return {
        name: _rounded(np.floor((1 + place) * (1.0 + np.sin(t / (700.0 + 90 * place))) * np.exp(4.0 * storm_of(t))))
        for place, name in enumerate(names)
    }


def _codice_lo(t: np.ndarray[Any, Any]) -> Mapping[str, Sequence[Any]]:
    ratios = {
        "codice_lo_c_over_o_abundance": 0.68,
        "codice_lo_mg_over_o_abundance": 0.14,
        "codice_lo_fe_over_o_abundance": 0.12,
        "codice_lo_c_plus_6_over_c_plus_5": 0.95,
        "codice_lo_o_plus_7_over_o_plus_6": 0.24,
        "codice_lo_fe_low_over_fe_high": 1.3,
    }
    return {name: _rounded(ratio * np.exp(0.3 * np.sin(t / 6_000.0 + 9 * ratio))) for name, ratio in ratios.items()}


J2000 = 946_728_000 - 69
"""Unix seconds less this, and 184 ms, are Terrestrial Time since J2000."""


def _codice_hi(t: np.ndarray[Any, Any]) -> Mapping[str, Sequence[Any]]:
    start = int(at(FIRST).timestamp()) - J2000
    epochs, cells = [], []
    for second in t:
        tt = (start + int(second)) * 10**9 + 184_000_000
        epochs.append(f'"{json.dumps([tt + k * 60 * 10**9 for k in range(4)], separators=(",", ":"))}"')
        cells.append(f'"{json.dumps(intensities(second), separators=(",", ":"))}"')
    return {"codice_hi_epoch": epochs, "codice_hi_h": cells}


def intensities(second: float) -> list[Any]:
    """4 epochs x 15 energies x 4 sectors x 4 elevations; zeros at the highest energy while it is quiet."""
    time = second + 60.0 * np.arange(4)[:, None, None, None]
    energy, sector, polar = np.arange(15)[:, None, None], np.arange(4)[:, None], np.arange(4)
    values = (
        200.0
        * np.exp(-0.4 * energy + 2.0 * storm_of(time) + 0.3 * np.sin(time / 8_000.0))
        * (1 + 0.1 * sector + 0.05 * polar)
    )
    values = np.where((energy == 14) & (storm_of(time) == 0.0), 0.0, values)
    found: list[Any] = np.round(values, 3).tolist()
    return found


def _spacecraft(t: np.ndarray[Any, Any]) -> Mapping[str, Sequence[Any]]:
    turn = t / 86_400.0 / 20.0
    return {
        "sc_position_GSE_x": _rounded(1.48e6 + 9.0e4 * np.sin(turn)),
        "sc_position_GSE_y": _rounded(2.9e5 * np.cos(turn)),
        "sc_position_GSE_z": _rounded(1.1e5 * np.sin(turn + 0.5)),
    }


_MAKERS = {
    "mag": _mag,
    "mag_hk": _mag_hk,
    "swapi": _swapi,
    "swe": _swe,
    "hit": _hit,
    "codice_lo": _codice_lo,
    "codice_hi": _codice_hi,
    "spacecraft": _spacecraft,
}
