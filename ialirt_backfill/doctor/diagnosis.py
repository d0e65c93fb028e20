"""The doctor: asks, looks around, and tells all that was found."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from ialirt_backfill.ask.secrets import without_key
from ialirt_backfill.doctor import here, instruments, server
from ialirt_backfill.doctor.asking import Answers, ask
from ialirt_backfill.doctor.findings import Diagnosis, Finding
from ialirt_backfill.doctor.recording import keep, prepare
from ialirt_backfill.options import DoctorOptions


def diagnose(options: DoctorOptions, commands: Collection[type[Any]] = ()) -> Diagnosis:
    """What is found of the server, of the instruments and of this place. ``commands`` are the options of all commands,
    to look for settings that belong to none. Nothing is changed; the answers are kept where the options say so. No
    finding holds the key, whatever the server says.

    Raises UsageError.
    """
    began = time.monotonic()
    if options.record is not None:
        prepare(options.record)
    answers = ask(options)
    not_kept = keep(options.record, answers) if options.record is not None else ()
    found = (*of_answers(answers), *here.examine(options, commands, answers.now), *not_kept)
    return Diagnosis(found, options.demo, answers.requests, seconds=round(time.monotonic() - began, 2))


def of_answers(answers: Answers) -> list[Finding]:
    """What the answers tell of the server and of each instrument."""
    found = server.examine(answers.server, answers.now)
    for asked in answers.asked:
        found += instruments.examine(asked, answers.now)
    return [
        replace(it, seen=without_key(answers.key, it.seen), advice=without_key(answers.key, it.advice)) for it in found
    ]
