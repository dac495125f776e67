"""What the vitals are. Pure: no I/O, no clock, no log."""
