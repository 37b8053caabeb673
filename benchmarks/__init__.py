"""What a command costs, as ratios to the least that the same work could cost."""
