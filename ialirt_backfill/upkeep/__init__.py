"""Looking after datastore and ledger: verify, adopt, prune."""
