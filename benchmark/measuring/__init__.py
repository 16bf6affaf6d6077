"""Timing inside a child process: stages, layers, throughput, energy, noise."""
