"""Requests by the thousand, generated from the API's own description and each answer held against it.

``run`` sends and judges, ``mending`` makes good what a schema cannot say, ``report`` prints the result.
"""
