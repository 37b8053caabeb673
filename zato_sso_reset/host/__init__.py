"""The `zato` program: an extensible CLI that knows nothing of SSO."""
