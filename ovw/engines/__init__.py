"""ovw's runner and its peers behind one protocol, for scoring and benchmarks alike."""
