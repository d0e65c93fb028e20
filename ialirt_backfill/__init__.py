"""Keeps every UTC day of IMAP's I-ALiRT telemetry complete: what a run is."""

__version__ = "0.1.0"
