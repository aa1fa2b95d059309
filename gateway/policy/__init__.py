"""The sharing policy: one readable file, and the pure engine that decides by it."""
