"""Prefect around the plain core: the same poll and the same backfill as scheduled, observable, distributable flows."""
