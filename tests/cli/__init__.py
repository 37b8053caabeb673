"""The commands, through CliRunner and as processes."""
