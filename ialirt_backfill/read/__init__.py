"""The daily files, read."""
