"""Dispatcher: each stored payment is charged at exactly one processor, once."""
