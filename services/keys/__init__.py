"""API keys of HTTP clients: what a key is, the file that holds their hashes, and the program that changes it."""
