"""The flows of the commands; ``ports`` is what they need.

auditing          an audit, which asks the processors through ``asking``, no faster than ``pace`` allows
reconciling       a comparison with a processor's statement
release_dialog    a release, with an operator at the terminal
exporting_traces  an export of traces
"""
