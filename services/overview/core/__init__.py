"""The vitals. Pure: no I/O, no clock, no log."""
