"""Damaged files for every reader: `make fuzz MINUTES=5`."""
