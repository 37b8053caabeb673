"""Real faults: connections that break, databases that hang."""
