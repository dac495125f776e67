"""Streams: stored, read, followed, looked up."""
