"""The one way in which the streams fail their readers."""


class AwayError(Exception):
    """The streams do not answer now. Whether what was written is stored is not known; nothing else is."""
