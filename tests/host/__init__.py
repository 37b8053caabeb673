"""The `zato` program: plugins, and the hand-over to a stock `zato`."""
