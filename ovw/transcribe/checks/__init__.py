"""Checks of the arithmetic that runs: rows of a batch, distance to f32, and what each approximation costs."""
