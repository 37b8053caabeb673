"""The documentation, the man pages and the benchmarks."""
