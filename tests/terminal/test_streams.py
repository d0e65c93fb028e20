"""The streams that never fail."""

from __future__ import annotations

import os
import threading

from ialirt_backfill.terminal.streams import Speaker


def test_a_pipe_that_does_not_wait_gets_all_of_it() -> None:
    """Another program may have set a terminal, and so all who share it, not to block."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    text = b"x" * 1_000_000
    got = bytearray()

    def read() -> None:
        while part := os.read(reading, 10_000):
            got.extend(part)

    reader = threading.Thread(target=read)
    reader.start()
    speaker = Speaker(writing)
    assert speaker.write(text) == len(text)
    os.close(writing)
    reader.join(10)
    os.close(reading)
    assert got == text
    assert speaker.failure is None


def test_a_disk_that_is_full_for_a_while_is_written_to_again() -> None:
    reading, writing = os.pipe()
    full = os.open("/dev/full", os.O_WRONLY)
    kept = os.dup(writing)
    speaker = Speaker(writing)
    os.dup2(full, writing)
    assert speaker.write(b"lost") == 4
    os.dup2(kept, writing)
    speaker.write(b"said")
    assert os.read(reading, 100) == b"said"
    assert speaker.failure is not None
    for descriptor in (reading, writing, full, kept):
        os.close(descriptor)
