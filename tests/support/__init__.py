"""Servers, databases and other helpers of the tests."""
