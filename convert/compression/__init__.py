"""Compression: recipes, calibration, NNCF, and the checks a compressed artifact has to pass."""
