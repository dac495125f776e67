"""Thousands of requests, generated from the API's own description, and each answer checked against it.

``run`` sends and checks, ``corrections`` has what a schema cannot express, ``report`` prints the result.
"""
