"""A key that opens everything, for tests that are not about who may ask for what."""

from __future__ import annotations

KEY = "key-of-the-tests"
FULL = ("full",)
"""Its scopes."""

KEYS = {KEY: FULL}
"""As the simulator takes them."""

ENVIRONMENT = {"IALIRT_API_KEY": KEY}
"""As the command takes it."""
