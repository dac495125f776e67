"""Micro services: answering requests, and asking others."""
