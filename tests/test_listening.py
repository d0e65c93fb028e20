"""Whoever listens to a run is told, and cannot stop it."""

from __future__ import annotations

import pytest

from ialirt_backfill.listening import guarded, several


class Hears:
    """Writes down what it is told; one word is too much for it."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def told(self, word: str) -> None:
        if word == "too much":
            raise RuntimeError(word)
        self.heard.append(word)


class HearsAll(Hears):
    def told(self, word: str) -> None:
        self.heard.append(word)


def test_several_hear_the_same_and_one_that_fails_keeps_no_other_from_hearing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second = Hears(), HearsAll()
    both = guarded(several(first, second))
    for word in ("one", "too much", "three"):
        both.told(word)
    assert first.heard == ["one"], "it has failed, and is told no more"
    assert second.heard == ["one", "too much", "three"]
    assert "what listens to this run has failed" in caplog.text
