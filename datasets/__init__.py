"""Dataset cards and the small tables they need; no code lives here."""
