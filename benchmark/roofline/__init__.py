"""Peaks of the machine, and the share of them that a stage reaches."""
