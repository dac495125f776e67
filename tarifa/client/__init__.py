"""The service over HTTP: calls, and the documents that it returns."""
