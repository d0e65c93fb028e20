"""What the doctor finds, as frozen records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from ialirt_backfill.ending import EXIT_FAILED, EXIT_WELL


class Verdict(Enum):
    """How a finding is meant."""

    OK = "ok"
    NOTICE = "notice"
    """Not as expected, and a run copes with it by itself."""
    WRONG = "wrong"
    """Not as expected, and a person should do something about it."""


class Part(Enum):
    """Where a finding belongs."""

    SERVER = "server"
    INSTRUMENT = "instrument"
    HERE = "here"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is ``seen``, what was ``expected``, and what to do about it (``advice``; empty where it is nothing).

    ``about`` is the instrument, or what else was looked at; ``check`` names what of it.
    """

    part: Part
    about: str
    check: str
    verdict: Verdict
    seen: str
    expected: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that was found. ``synthetic`` says that the simulator was asked; ``requests`` is how many were made."""

    findings: tuple[Finding, ...]
    synthetic: bool = False
    requests: int = 0
    seconds: float = 0.0

    def of(self, verdict: Verdict) -> Sequence[Finding]:
        """The findings of one kind."""
        return [it for it in self.findings if it.verdict is verdict]

    @property
    def exit_code(self) -> int:
        return EXIT_FAILED if self.of(Verdict.WRONG) else EXIT_WELL
