"""One connection to NATS: what goes over it, and what comes."""
