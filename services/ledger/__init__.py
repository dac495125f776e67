"""Ledger: each settlement counts once, and a summary equals what the processors recorded."""
