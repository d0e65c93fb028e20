"""Prefect around the plain core."""
