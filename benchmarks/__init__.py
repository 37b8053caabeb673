"""The cost of commands, relative to the least that the same work could cost."""
