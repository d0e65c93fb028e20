"""Whether a text is a unit by the standard VOUnit of the IVOA, as far as a catalogue of instruments needs it."""

from __future__ import annotations

import re

_PREFIXES = ("", "da", "d", "c", "m", "u", "n", "p", "f", "a", "z", "y", "h", "k", "M", "G", "T", "P", "E", "Z", "Y")
_WITH_PREFIX = re.findall(
    r"\w+",
    "A C D F H Hz J Jy K N Ohm Pa R Ry S T V W Wb a adu arcsec beam bin cd chan count ct eV g lm lx"
    " lyr m mag mol pc ph photon pix pixel rad s sr u voxel yr",
)
_WITHOUT = re.findall(r"\S+", "AU Sun arcmin d deg h mas min solLum solMass solRad")

UNITS = frozenset(_WITHOUT) | {prefix + unit for unit in _WITH_PREFIX for prefix in _PREFIXES} - {"pct", "pcount"}
"""What may stand alone; anything else in quotes."""

_TOKEN = re.compile(r"(?P<unit>'[A-Za-z]+'|[A-Za-z%]+)(?:\*\*[+-]?\d+)?", re.ASCII)


def complaint(text: str) -> str:
    """What is wrong with a unit, and empty where nothing is. The empty unit is one."""
    if not text:
        return ""
    above, slash, below = text.partition("/")
    if slash and (not below or "/" in below):
        return "write one / at most, as in count/(s.sr)"
    for part in (above, below) if slash else (above,):
        grouped = part.startswith("(") and part.endswith(")")
        factors = (part[1:-1] if grouped else part).split(".")
        if slash and part is below and len(factors) > 1 and not grouped:
            return "write what is below the / in parentheses, as in count/(s.sr)"
        for factor in factors:
            token = _TOKEN.fullmatch(factor)
            if token is None:
                return "write a product with dots and powers with **, as in count.cm**-2.s**-1"
            unit = token["unit"]
            if unit not in UNITS and not unit.startswith("'"):
                near = sorted(it for it in UNITS if it.lower() == unit.lower())
                hint = f" Did you mean {near[0]!r}?" if near else f" If it must be, in quotes: \"'{unit}'\""
                return f"VOUnit knows no {unit!r}.{hint}"
    return ""
