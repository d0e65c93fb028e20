"""The API key: where a person has put it."""

from __future__ import annotations

import os
from pathlib import Path

from ialirt_backfill.exceptions import UsageError
from ialirt_backfill.options import AskOptions


def read_key(options: AskOptions) -> str | None:
    """The API key from the file that the options name, else from the environment; None where there is none."""
    if options.api_key_file is None:
        return (os.environ.get("IALIRT_API_KEY") or "").strip() or None
    try:
        key = Path(options.api_key_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--api-key-file {options.api_key_file} cannot be read: {error}") from error
    if not key:
        raise UsageError(f"--api-key-file {options.api_key_file} is empty")
    return key
