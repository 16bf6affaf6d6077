"""Media in, log-mel spectrograms out."""

SAMPLE_RATE = 16_000
"""Samples per second of everything downstream of the decoder."""
