"""The commands, one module each: its arguments, what it does, and the examples in its help.

Those that become another program are in `programs`.
"""
