"""The API key: where a person has put it."""

from __future__ import annotations

import os
from pathlib import Path

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options import ReachOptions
from ialirt_backfill.options.texts import read_text, unquoted


def read_key(options: ReachOptions) -> str | None:
    """The API key from the file that the options name, else from the environment; None where there is none."""
    if options.api_key_file is None:
        return _as_meant("environment variable IALIRT_API_KEY", os.environ.get("IALIRT_API_KEY") or "") or None
    name = f"--api-key-file {options.api_key_file}"
    try:
        key = _as_meant(name, read_text(Path(options.api_key_file)))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else None
        raise UsageError(f"{name} cannot be read: {why or error}") from error
    if not key:
        raise UsageError(f"{name} is empty")
    return key


def _as_meant(name: str, text: str) -> str:
    try:
        return unquoted(text)
    except UsageError as error:
        raise UsageError(f"{name} {error}") from None
