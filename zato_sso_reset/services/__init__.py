"""The use cases of the commands."""
