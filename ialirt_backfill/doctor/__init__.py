"""Whether the server, what it sends, and this place are what we think: asks little, changes nothing."""
