"""ovw's runner and its peers behind one protocol, and sessions on other runtimes, for scoring and benchmarks alike."""
