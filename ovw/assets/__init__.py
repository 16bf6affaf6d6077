"""Small files that ship with the package: the self-test clip."""
