"""What the documentation and the benchmarks promise."""
