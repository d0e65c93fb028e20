"""How fast, how flat: figures measured side by side with the floor. See README.md here."""
