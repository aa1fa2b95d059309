"""HTTP: one module per resource. Translates, and decides nothing. Nothing else knows FastAPI."""
