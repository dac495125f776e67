"""The one way in which what is stored fails its readers."""


class AwayError(Exception):
    """The streams do not answer now. Whether what was written is stored is not known; nothing else is."""
