"""Streams: created, written, read, followed, looked up."""
