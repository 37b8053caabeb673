"""Real faults, invalid input and leaks; the rows are those of docs/faults.md."""
