"""Settling is the story of a payment, Pump says when the next one begins, ports is what they need of the world."""
