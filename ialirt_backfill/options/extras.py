"""How to come by what not everybody needs."""

from __future__ import annotations


def installing(extra: str) -> str:
    """How an extra is installed. The package is on no index, so its name alone would find nothing."""
    return f"in a clone `pip install '.[{extra}]'`, with a wheel `pip install 'ialirt_backfill-….whl[{extra}]'`"
