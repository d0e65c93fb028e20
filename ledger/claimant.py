"""Whose claim a day is, and whether that process still lives.

A process is known by host, boot, process-id namespace, process id and the moment it started, so that neither a reboot,
nor a reused process id, nor two containers that share a host name are taken for one another. Only a process of this
very host, boot and namespace can be judged dead; any other is trusted until its claim lapses by time.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import uuid
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Claimant:
    """The process and run that claimed a day; `token` is different for every claim, `since` is when it was taken."""

    host: str
    boot_id: str | None
    pid_namespace: str | None
    pid: int
    process_start: int | None
    run_id: str
    token: str
    since: datetime

    @classmethod
    def this_process(cls, run_id: str, since: datetime, token: str) -> Claimant:
        """This process, claiming a day with a token that nobody else has."""
        host, boot_id, pid_namespace, pid, process_start = _this_process(os.getpid())
        return cls(host, boot_id, pid_namespace, pid, process_start, run_id, token, since)

    @classmethod
    def from_text(cls, text: str) -> Claimant:
        """The claimant written as `text`; ValueError or TypeError where it is none."""
        values = json.loads(text)
        return cls(**{**values, "since": datetime.fromisoformat(values["since"])})

    @property
    def text(self) -> str:
        """Compact JSON, in the order of the fields."""
        return _text(self)

    def describe(self) -> str:
        """For people: ``process 123 on host x since 2026-01-01 10:00:00Z``."""
        return f"process {self.pid} on host {self.host} since {self.since:%Y-%m-%d %H:%M:%S}Z"

    def is_known_dead(self) -> bool:
        """Whether this machine can tell for certain that the process has ended."""
        host, boot_id, pid_namespace, _, _ = _this_process(os.getpid())
        if (self.host, self.boot_id, self.pid_namespace) != (host, boot_id, pid_namespace):
            return False
        return _has_ended(self.pid, self.process_start)

    def is_living(self, until: datetime, now: datetime) -> bool:
        """Whether a claim that lapses at `until` still holds at `now`."""
        return now < until and not self.is_known_dead()


@lru_cache
def _text(claimant: Claimant) -> str:
    """Kept, for every statement about a claimed day names its claimant."""
    values = {field.name: getattr(claimant, field.name) for field in fields(claimant)}
    return json.dumps(values, separators=(",", ":"), default=datetime.isoformat)


@cache
def _this_process(pid: int) -> tuple[str, str, str | None, int, int | None]:
    """Asked for by process id, because a forked child must not speak for its parent."""
    return socket.gethostname(), _boot_id(), _pid_namespace(), pid, _stat(pid)[1]


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"{uuid.getnode():012x}"  # elsewhere the machine's own address at least keeps equal host names apart


def _pid_namespace() -> str | None:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None


def _stat(pid: int) -> tuple[str | None, int | None]:
    """State letter and start (clock ticks since boot) of a process, or None for what this system does not tell."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return after_name[0], int(after_name[19])
    except (OSError, IndexError, ValueError):
        return None, None


def _has_ended(pid: int, process_start: int | None) -> bool:
    """Whether a process of this very host has ended for certain; its id may have been given to another one since."""
    if sys.platform == "win32":
        return False  # there os.kill(pid, 0) would end the process instead of asking for it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        pass  # it exists and belongs to someone else
    state, start = _stat(pid)
    if state in {"Z", "X"}:
        return True  # ended, and not yet waited for by its parent
    return None not in (start, process_start) and start != process_start
