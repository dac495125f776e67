"""Decisions: values in, values out; no await, no clock, no log."""
