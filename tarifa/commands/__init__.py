"""The commands, a file each: what it is told, what it does, how its help teaches it.

Those that become another program are together in `programs`.
"""
