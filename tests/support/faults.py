"""What a server may do to a request, and what is then said of it."""

from __future__ import annotations

import math

from ialirt_backfill.simulator import Answer, CutBody, CutJson, Fault, Reset, Silence, Simulator, Slow, Times, Trickle

SILENCE_SECONDS = 0.4
"""How long nothing may come, where the words below are to fit."""
SILENT = f"no whole answer in time (nothing came for {SILENCE_SECONDS} s)"

FAULTS: dict[str, tuple[Fault, str]] = {
    "429": (Answer(429), "HTTP 429 Too Many Requests"),
    "500": (Answer(500, '{"message": "the kernels are on strike"}'), "HTTP 500 Internal Server Error: the kernels"),
    "502": (Answer(502, "<html>Bad   gateway\n</html>", "text/html"), "502 Bad Gateway: <html>Bad gateway </html>"),
    "503": (Answer(503), "HTTP 503 Service Unavailable"),
    "504": (Answer(504), "HTTP 504 Gateway Timeout: Endpoint request timed out"),
    "507": (Answer(507), "HTTP 507 Insufficient Storage"),
    "520": (Answer(520, "<html>the origin said nothing</html>", "text/html"), "HTTP 520 Unknown: <html>the origin"),
    "408": (Answer(408), "HTTP 408"),
    "500 without words": (Answer(500, b""), "HTTP 500 Internal Server Error"),
    "500 in no encoding": (Answer(500, b"\xff\xfe"), "HTTP 500 Internal Server Error"),
    "500 in a list": (Answer(500, '["sorry"]'), 'HTTP 500 Internal Server Error: ["sorry"]'),
    "500 nested too deeply": (Answer(500, "[" * 50_000), "HTTP 500 Internal Server Error: [["),
    "reset": (Reset(), "the connection broke (ConnectionResetError"),
    "reset inside": (Reset(after_bytes=500), "the connection broke (ConnectionResetError"),
    "cut body": (CutBody(), "the answer was cut short after"),
    "cut JSON": (CutJson(), "the answer is not JSON but begins '{\"meta\""),
    "HTML": (Answer(200, "<html>Sign in</html>", "text/html"), "not JSON but begins '<html>Sign in</html>'"),
    "empty": (Answer(200, b""), "the answer is not JSON but begins ''"),
    "null": (Answer(200, "null"), "the answer holds no list of records but null"),
    "{}": (Answer(200, "{}"), "the answer holds no list of records but {}"),
    "a string": (Answer(200, '"later"'), 'the answer holds no list of records but "later"'),
    "no data key": (Answer(200, '{"message": "busy"}'), 'no list of records but {"message": "busy"}'),
    "data is null": (Answer(200, '{"meta": {"count": 0}, "data": null}'), "the answer holds no list of records"),
    "data is an object": (Answer(200, '{"data": {"a": 1}}'), "the answer holds no list of records"),
    "fewer than counted": (Answer(200, '{"meta": {"count": 1200}, "data": [{}]}'), "1 of the 1,200 records"),
    "none of those counted": (Answer(200, '{"meta": {"count": 3}, "data": []}'), "0 of the 3 records"),
    "of another, empty": (Answer(200, '{"meta": {"instrument": "mag"}, "data": []}'), 'of "mag", not of hit'),
    "of another": (Answer(200, '{"meta": {"instrument": ["all"]}, "data": [{}]}'), 'of ["all"], not of hit'),
    "no encoding": (Answer(200, b"\xff\xfe"), "the answer cannot be read (UnicodeDecodeError"),
    "nested too deeply": (Answer(200, "[" * 50_000), "the answer cannot be read (RecursionError"),
    "an endless number": (Answer(200, f"[{'9' * 5000}]"), "the answer cannot be read (ValueError"),
    "silence": (Silence(), SILENT),
    "slow": (Slow(30), SILENT),
    "late": (Slow(1.0), SILENT),
    "trickling body": (Trickle(0.05), "no whole answer in time (it took too long)"),
    "trickling headers": (Trickle(0.05, headers=True), "no whole answer in time (it took too long)"),
}  # fmt: skip
"""Of every fault that may pass, by its name: what the server does, and words of the error where it does so for ever."""

REPRESENTATIVES = {name: FAULTS[name] for name in ("503", "reset inside", "silence")}
"""A status, a broken wire and a silence; `ask/test_faults.py` has them all."""

BEARERS = {
    "codice_lo": ("503", "HTTP 503 Service Unavailable"),
    "swe": ("reset inside", "the connection broke"),
    "hit": ("silence", "no whole answer in time"),
}
"""Which instrument is to bear which of them, and words of the error whatever the patience."""


def befall(simulator: Simulator) -> None:
    """Each representative befalls its bearer for ever; all other instruments are well."""
    simulator.faults = [Times(math.inf, FAULTS[fault][0], instrument=name) for name, (fault, _) in BEARERS.items()]
