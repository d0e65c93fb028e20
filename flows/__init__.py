"""Prefect around the plain core: the same poll and the same backfill as scheduled, observable, distributable flows."""

OWNER = "ialirt-backfill"
"""Whose package this is: others may have one of the same name."""
