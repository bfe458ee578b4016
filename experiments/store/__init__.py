"""A run's records: one trial a line, written once, read any time."""
