"""What the ledger says of the days, as data."""
