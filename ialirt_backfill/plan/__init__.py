"""What to do with each day, decided from what is known. Pure: no I/O, no clock."""
