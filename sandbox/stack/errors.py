"""The stack's only exception."""


class StackError(Exception):
    """The stack cannot start or continue. The text is a sentence for the user; the exit code is 1."""
