"""How long to wait for I-ALiRT, and how often to ask it again."""

from __future__ import annotations

from dataclasses import dataclass

_LEAST_SILENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait and how often to ask again. All times in seconds.

    ``answer`` bounds one try from connecting to the last byte; ``silence`` how long the server may say nothing (None:
    half of that, but no less than half a minute). No try for a window begins later than ``in_all`` after the first one
    (None: only ``tries`` counts).
    """

    answer: float = 60.0
    silence: float | None = None
    tries: int = 5
    first_pause: float = 0.5
    longest_pause: float = 30.0
    longest_told_pause: float = 120.0
    in_all: float | None = None

    @property
    def longest_silence(self) -> float:
        """How long the server may say nothing, in seconds."""
        silence = max(_LEAST_SILENCE_SECONDS, self.answer / 2) if self.silence is None else self.silence
        return min(silence, self.answer)
