"""Tests of zato-sso-reset."""
