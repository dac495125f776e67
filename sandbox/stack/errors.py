"""The one way in which the stack gives up."""


class StackError(Exception):
    """The stack cannot start or cannot go on. The text is the sentence for whoever started it; the exit code is 1."""
