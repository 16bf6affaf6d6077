"""Small files that ship with the package: the self-test clip, and speech to calibrate with and to score on."""
