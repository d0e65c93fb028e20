"""A process to which the system refuses a call, as file systems do that have no such thing; by seccomp, for real."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FCNTL = {"x86_64": 72, "aarch64": 25}
_LOCKS = (5, 6, 7)  # F_GETLK, F_SETLK, F_SETLKW
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_LOAD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER, _SECOND_ARGUMENT = 0, 24
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000

is_possible = sys.platform == "linux" and platform.machine() in _FCNTL


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(_Instruction)))


def refuse_locks(number: int) -> None:
    """From now on no file can be locked in this process: the error is ``number``."""
    steps = [
        (_LOAD, 0, 0, _NUMBER),
        (_IF_EQUAL, 1, 0, _FCNTL[platform.machine()]),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _SECOND_ARGUMENT),
        *((_IF_EQUAL, len(_LOCKS) - place, 0, command) for place, command in enumerate(_LOCKS)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERROR | number),
    ]
    instructions = (_Instruction * len(steps))(*(_Instruction(*step) for step in steps))
    libc = ctypes.CDLL(None, use_errno=True)
    for words in (
        (_NO_NEW_PRIVILEGES, 1, 0, 0, 0),
        (_SECCOMP, _FILTER, ctypes.byref(_Program(len(steps), instructions)), 0, 0),
    ):
        if libc.prctl(*words):
            raise OSError(ctypes.get_errno(), "seccomp is not to be had")


def without_locks(
    error: str, code: str, words: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python ``code`` in a process in which every lock fails with this error, as ``ENOLCK``."""
    begin = f"from tests.support.refused import refuse_locks; refuse_locks({getattr(errno, error)})\n"
    return subprocess.run(
        [sys.executable, "-c", begin + code, *words],
        cwd=ROOT,
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
