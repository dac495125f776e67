"""The service over HTTP: calls, and the documents that come back."""
