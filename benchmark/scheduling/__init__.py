"""Child processes of a benchmark and the order they run in."""
