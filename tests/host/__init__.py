"""The `zato` program: commands from plugins, hand-over to a stock `zato`."""
