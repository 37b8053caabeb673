"""The commands of `zato sso`, one module each."""
