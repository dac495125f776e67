"""One connection to NATS: messages, requests, and which servers are fit."""
