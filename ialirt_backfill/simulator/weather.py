"""Made-up space weather: for each instrument, the values of its records, as JSON text ready to be sent.

Time is cut into episodes of 200 minutes. An episode has a mood, from quiet to storm, drawn from the seed and common to
all instruments. For each mood an instrument has one table with the values of a whole episode, built when first needed;
an episode runs through it forwards or backwards. Every table begins and ends in the same undisturbed state, so that
episodes join without a jump, and since no whole number of them makes a day, each day begins and goes differently.

The instruments of the default catalogue have a weather of their own here. What another catalogue adds, an instrument or
a field of a known one, has that of `unfamiliar`.
"""

# ruff: noqa: S311 - the random numbers here are weather, not secrets

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

from ialirt_backfill.instruments import INSTRUMENTS, ColumnKind, Field, Instrument, Shape
from ialirt_backfill.instruments.stored import stored_size
from ialirt_backfill.simulator.signals import Values, lose, rotated, sent, swell_of, vector, wave_of
from ialirt_backfill.simulator.unfamiliar import has_times, values_of, with_times

EPISODE = 12_000
"""Seconds of an episode: a multiple of every cadence that is known here, and not a divisor of a day."""


KERNELS = "kernel_set_key"
"""Says when a record was made: not weather, and not of every instrument that may have it."""


class Mood(Enum):
    """How disturbed the solar wind is: the value is the strength of everything that varies."""

    QUIET = 0.4
    ORDINARY = 1.0
    DISTURBED = 1.8
    STORM = 3.0


_FREQUENCY = {Mood.QUIET: 4, Mood.ORDINARY: 6, Mood.DISTURBED: 3, Mood.STORM: 1}


@dataclass(frozen=True, slots=True)
class ValueTable:
    """The values of one episode, record by record.

    ``texts`` holds JSON from the comma before the first field to the closing brace; ``sizes`` the bytes these fields
    take up in the server's store. ``has_times``: there are marks in them, see `unfamiliar`.
    """

    texts: tuple[str, ...]
    sizes: tuple[int, ...]
    has_times: bool = False

    def reversed(self) -> ValueTable:
        return ValueTable(self.texts[::-1], self.sizes[::-1], self.has_times)


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch of one mood; ``fraction`` is the part of a second (in ns) at which mag measures."""

    mood: Mood
    backwards: bool
    fraction: int


@lru_cache(maxsize=4096)
def episode(seed: int, number: int) -> Episode:
    """The episode that begins at ``number * EPISODE`` Unix seconds."""
    rng = random.Random(f"{seed}/episode/{number}")
    mood = rng.choices(list(_FREQUENCY), list(_FREQUENCY.values()))[0]
    return Episode(mood, backwards=rng.random() < 0.5, fraction=rng.randrange(184_000_001, 1_000_000_000, 10))


def hidden_fields(instrument: Instrument, scopes: Collection[str]) -> frozenset[str]:
    """The fields of an instrument that a key with these scopes is not shown."""
    return frozenset(
        field.name
        for field in instrument.fields
        if any(column.scopes and not set(column.scopes) & set(scopes) for column in field.columns)
    )


@lru_cache(maxsize=96)
def table(seed: int, instrument: Instrument, mood: Mood, backwards: bool, left_out: frozenset[str]) -> ValueTable:
    """The table of an instrument, without the fields that are ``left_out``."""
    if backwards:
        return table(seed, instrument, mood, False, left_out).reversed()
    cadence = int(instrument.cadence.total_seconds())
    length = -(-EPISODE // cadence)
    rng = random.Random(f"{seed}/{instrument.name}/{mood.name}")
    own = _SIGNALS.get(instrument.name)
    records: list[Values] = own(rng, length, mood.value) if own else [{} for _ in range(length)]
    for entry in _added(instrument, has_own=own is not None):
        if entry.name not in left_out:
            of_field = random.Random(f"{seed}/{instrument.name}/{mood.name}/{entry.name}")
            _add(records, entry, values_of(of_field, entry, length, mood.value, cadence))
    if own is not None:
        _take_away(records, instrument)
    known: dict[str, tuple[str, int]] = {}  # housekeeping repeats itself: records that are alike share one text
    texts, sizes = [], []
    for values in records:
        for name in left_out & values.keys():
            del values[name]
        text = f", {json.dumps(values)[1:]}" if values else "}"
        if text not in known:
            known[text] = text, _stored(values, text)
        text, size = known[text]
        texts.append(text)
        sizes.append(size)
    return ValueTable(tuple(texts), tuple(sizes), any(map(has_times, known)))


def _stored(values: Values, text: str) -> int:
    """What a record takes up in the server's store; times in it all take up the same."""
    if has_times(text):
        values = json.loads(with_times(json.dumps(values), _some_nanoseconds, _some_time))
    return stored_size(values)


def _some_nanoseconds(_: int) -> str:
    return "823176086184000000"


def _some_time(_: int) -> str:
    return '"2026-02-01T00:00:17"'


# --- what a catalogue changes -----------------------------------------------------------------------------------------


def _added(instrument: Instrument, *, has_own: bool) -> Iterator[Field]:
    """The fields of an instrument, and the members of objects, that its own weather does not give in this shape."""
    given = {entry.name: entry for entry in INSTRUMENTS[instrument.name].fields} if has_own else {}
    for entry in instrument.fields:
        if entry.name == KERNELS:
            continue
        own = given.get(entry.name)
        if own is None or not _is_alike(own, entry) or entry.columns[0].kind is ColumnKind.TIME:
            yield entry
        elif new := [i for i, member in enumerate(entry.members) if member not in own.members]:
            columns = tuple(entry.columns[i] for i in new)
            yield replace(entry, columns=columns, members=tuple(entry.members[i] for i in new))


def _is_alike(own: Field, entry: Field) -> bool:
    """Whether the values of one field can stand for those of another."""
    return own.shape is entry.shape and (own.shape is Shape.OBJECT or len(own.columns) == len(entry.columns))


def _add(records: list[Values], entry: Field, made: list[Values]) -> None:
    for values, more in zip(records, made, strict=True):
        before, value = values.pop(entry.name, None), more.get(entry.name)
        if isinstance(before, dict) and isinstance(value, dict):
            values[entry.name] = before | value
        else:
            values.update(more)


def _take_away(records: list[Values], instrument: Instrument) -> None:
    """Leave out what the weather has and the catalogue has not."""
    fields = {entry.name: entry for entry in instrument.fields}
    gone = [entry.name for entry in INSTRUMENTS[instrument.name].fields if entry.name not in fields]
    fewer = [
        (entry.name, member)
        for entry in INSTRUMENTS[instrument.name].fields
        for member in entry.members
        if entry.name in fields and member not in fields[entry.name].members
    ]
    for values in records if gone or fewer else ():
        for name in gone:
            values.pop(name, None)
        for name, member in fewer:
            if isinstance(values.get(name), dict):
                values[name].pop(member, None)


# --- the instruments --------------------------------------------------------------------------------------------------


def _mag(rng: random.Random, length: int, strength: float) -> list[Values]:
    """Field of a few nT along a Parker spiral that wanders; up to some 30 nT in a storm."""
    size, longitude, latitude, tilt = (wave_of(rng, length, highest) for highest in (40, 60, 80, 2))
    swell = swell_of(length)
    records = []
    for i in range(length):
        magnitude = 5.0 * math.exp(0.25 * strength * (swell[i] + size[i])) * (1.0 + rng.gauss(0.0, 0.004))
        phi = math.radians(135.0 + 35.0 * strength * longitude[i] + rng.gauss(0.0, 0.3))
        theta = math.asin(math.sin(math.radians(5.0 + 18.0 * strength * latitude[i] + rng.gauss(0.0, 0.3))))
        x, y = (magnitude * math.cos(theta) * turn for turn in (math.cos(phi), math.sin(phi)))
        z = magnitude * math.sin(theta)
        y_gsm, z_gsm = rotated(y, z, 0.35 + 0.1 * tilt[i])
        values: Values = {
            "mag_B_GSE": vector(x, y, z),
            "mag_B_GSM": vector(x, y_gsm, z_gsm),
            "mag_B_RTN": vector(-x, -y, z),
            "mag_B_magnitude": sent(magnitude),
            "mag_phi_B_GSE": sent(math.degrees(phi) % 360.0),
            "mag_theta_B_GSE": sent(math.degrees(theta)),
            "mag_phi_B_GSM": sent(math.degrees(math.atan2(y_gsm, x)) % 360.0),
            "mag_theta_B_GSM": sent(math.degrees(math.asin(z_gsm / magnitude))),
        }
        lose(rng, values, 0.002)
        lose(rng, values, 0.001, *values)
        records.append(values)
    return records


_HK_FLAGS = tuple(
    f"{supply}{suffix}_{level}"
    for supply in ("hk1v5", "hk1v8", "hk2v5", "hkp8v5")
    for suffix in ("", "c")
    for level in ("danger", "warn")
)


def _mag_hk(rng: random.Random, length: int, strength: float) -> list[Values]:
    """Raw values that follow slow drifts of temperature; now and then a supply past its warning limit."""
    warm, load = wave_of(rng, length, 3), wave_of(rng, length, 4)
    records = []
    for i in range(length):
        status: Values = {
            "fib_range": 2,
            "fib_saturated": False,
            "fib_temp": 2460 + round(6 * warm[i]),
            "fob_range": 2,
            "fob_saturated": False,
            "fob_temp": 2468 + round(5 * warm[i]),
            "hk3v3": 2880 + round(2 * load[i]),
            "hk3v3_current": 1776 + round(4 * load[i]),
            "hkn8v5": 3680 - round(2 * load[i]),
            "hkn8v5_current": 1360 + round(3 * load[i]),
            "icu_temp": 2368 + round(4 * warm[i]),
            "mode": 5,
            "multbit_errs": rng.random() < 0.0002,
            "pri_isvalid": True,
            "sec_isvalid": rng.random() >= 0.0005,
            **dict.fromkeys(_HK_FLAGS, False),
        }
        if rng.random() < 0.0003 * strength:
            status["hk2v5_warn"] = True
        lose(rng, status, 0.0003)
        records.append({"mag_hk_status": status})
    return records


_HIT_RATES: Mapping[str, float] = {
    "hit_e_a_side_low_en": 6.0,
    "hit_e_a_side_med_en": 3.0,
    "hit_e_b_side_low_en": 5.0,
    "hit_e_b_side_med_en": 2.5,
    "hit_h_omni_low_en": 9.0,
    "hit_h_omni_med_en": 20.0,
    "hit_he_omni_low_en": 12.0,
    "hit_he_omni_high_en": 4.0,
    "hit_e_a_side_high_en": 1.0,
    "hit_e_b_side_high_en": 0.8,
    "hit_h_a_side_high_en": 1.5,
    "hit_h_b_side_high_en": 1.2,
}


def _hit(rng: random.Random, length: int, strength: float) -> list[Values]:
    """Counts that scatter as counts do, and rise a hundredfold in a storm."""
    wave, swell = wave_of(rng, length, 9), swell_of(length)
    records = []
    for i in range(length):
        gain = math.exp(max(0.0, strength - 1.0) * (1.8 * swell[i] + 0.5 * wave[i]))
        values: Values = {}
        for name, rate in _HIT_RATES.items():
            mean = rate * gain
            values[name] = max(0, round(mean + math.sqrt(mean) * rng.gauss(0.0, 1.0)))
        lose(rng, values, 0.01)
        records.append(values)
    return records


_SWE_COUNTS = (84_873_600, 54_747_200, 34_620_800, 19_944_000, 10_368_000, 4_241_600, 1_688_012, 588_800)


def _swe(rng: random.Random, length: int, strength: float) -> list[Values]:
    """Electron counts that fall with energy; strahl from both sides in some stretches."""
    waves = [wave_of(rng, length, 10) for _ in _SWE_COUNTS]
    both = wave_of(rng, length, 4)
    records = []
    for i in range(length):
        values: Values = {
            "swe_normalized_counts": [
                round(counts * math.exp(0.25 * strength * wave[i]))
                for counts, wave in zip(_SWE_COUNTS, waves, strict=True)
            ],
            "swe_counterstreaming_electrons": int(strength * both[i] > 1.2),
        }
        if rng.random() < 0.004:
            values["swe_normalized_counts"][rng.randrange(len(_SWE_COUNTS))] = None
        lose(rng, values, 0.003)
        records.append(values)
    return records


def _swapi(rng: random.Random, length: int, strength: float) -> list[Values]:
    """Slow wind of 400 km/s; in a storm some 700 km/s, hot and dense."""
    fast, dense, hot = (wave_of(rng, length, highest) for highest in (8, 20, 30))
    swell = swell_of(length)
    records = []
    for i in range(length):
        speed = 400.0 + 60.0 * strength * (0.8 * swell[i] + 0.5 * fast[i]) + rng.gauss(0.0, 1.5)
        values: Values = {
            "swapi_pseudo_proton_speed": sent(speed),
            "swapi_pseudo_proton_density": sent(5.0 * math.exp(0.35 * strength * dense[i] + rng.gauss(0.0, 0.02))),
            "swapi_pseudo_proton_temperature": sent(
                90_000.0 * (speed / 400.0) ** 2 * math.exp(0.2 * strength * hot[i] + rng.gauss(0.0, 0.02))
            ),
        }
        lose(rng, values, 0.004)
        lose(rng, values, 0.002, *values)
        records.append(values)
    return records


_CODICE_LO_RATIOS: Mapping[str, float] = {
    "codice_lo_c_over_o_abundance": 0.68,
    "codice_lo_mg_over_o_abundance": 0.14,
    "codice_lo_fe_over_o_abundance": 0.12,
    "codice_lo_c_plus_6_over_c_plus_5": 0.95,
    "codice_lo_o_plus_7_over_o_plus_6": 0.24,
    "codice_lo_fe_low_over_fe_high": 1.3,
}


def _codice_lo(rng: random.Random, length: int, strength: float) -> list[Values]:
    """Ratios of abundances and of charge states, often missing when the wind is thin."""
    waves = {name: wave_of(rng, length, 9) for name in _CODICE_LO_RATIOS}
    records = []
    for i in range(length):
        values: Values = {
            name: sent(ratio * math.exp(0.3 * strength * waves[name][i] + rng.gauss(0.0, 0.05)))
            for name, ratio in _CODICE_LO_RATIOS.items()
        }
        for name in _CODICE_LO_RATIOS:
            lose(rng, values, 0.08 / strength, name)
        records.append(values)
    return records


def _codice_hi(rng: random.Random, length: int, strength: float) -> list[Values]:
    """Proton intensities that fall with energy, stronger in one spin sector: 4 epochs, 15 energies, 4 sectors and 4
    elevations."""
    wave, swell = wave_of(rng, length, 9), swell_of(length)
    spectrum = [180.0 * math.exp(-0.33 * energy) for energy in range(15)]
    sky = [
        1.0 + 0.4 * math.cos(0.5 * math.pi * sector + 0.3 * elevation) for sector in range(4) for elevation in range(4)
    ]
    records = []
    for i in range(length):
        gain = math.exp(0.5 * strength * (0.4 * swell[i] + wave[i]))
        scatter = [rng.lognormvariate(0.0, 0.1) for _ in range(97)]  # a prime, so that the directions differ
        intensities = [
            gain * spectrum[energy] * sky[k] * scatter[(time * 240 + energy * 16 + k) % 97]
            for time in range(4)
            for energy in range(15)
            for k in range(16)
        ]
        flat = [sent(float(f"{intensity:.4g}")) for intensity in intensities]
        rows = [flat[k : k + 4] for k in range(0, 960, 4)]
        sectors = [rows[k : k + 4] for k in range(0, 240, 4)]
        values: Values = {"codice_hi_h": [sectors[k : k + 15] for k in range(0, 60, 15)]}
        if rng.random() < 0.02:
            values["codice_hi_h"][rng.randrange(4)][rng.randrange(15)][rng.randrange(4)] = [None] * 4
        lose(rng, values, 0.01)
        records.append(values)
    return records


_SIGNALS: Mapping[str, Callable[[random.Random, int, float], list[Values]]] = {
    "mag": _mag,
    "mag_hk": _mag_hk,
    "hit": _hit,
    "swe": _swe,
    "swapi": _swapi,
    "codice_lo": _codice_lo,
    "codice_hi": _codice_hi,
}


def spacecraft(second: int) -> Values:
    """Where the spacecraft is at a Unix second: on a Lissajous orbit about L1, half a year a turn."""
    turn = math.tau / (178.0 * 86_400.0)
    phase = turn * second
    x, vx = 1.48e6 + 9.0e4 * math.sin(phase), 9.0e4 * turn * math.cos(phase)
    y, vy = 2.9e5 * math.cos(phase), -2.9e5 * turn * math.sin(phase)
    z, vz = 1.1e5 * math.sin(0.97 * phase), 1.1e5 * 0.97 * turn * math.cos(0.97 * phase)
    # The dipole turns with the Earth once a day and leans with the season.
    angle = 0.2 * math.sin(math.tau * second / 86_400.0) + 0.4 * math.sin(math.tau * second / 31_557_600.0)
    return {
        "sc_position_GSE": vector(x, y, z),
        "sc_position_GSM": vector(x, *rotated(y, z, angle)),
        "sc_velocity_GSE": vector(vx, vy, vz),
        "sc_velocity_GSM": vector(vx, *rotated(vy, vz, angle)),
    }


_STATUS_WORDS = (
    "swapi",
    "mag",
    "hit",
    "codice",
    "lo",
    "hi_45",
    "hi_90",
    "ultra_45",
    "ultra_90",
    "swe",
    "idex",
    "glows",
)


def spacecraft_status(second: int) -> Values:
    """What the spacecraft says of its instruments at a Unix second: 1 is on. Now and then one is off for an hour."""
    hour = second // 3600
    words = {f"sc_{name}_status": int((hour + 31 * i) % 97 != 0) for i, name in enumerate(_STATUS_WORDS)}
    return words | {"sc_autonomy_status": 0}
