"""Work in one process, in several, or on a cluster, with equal results."""
