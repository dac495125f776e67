"""Who may connect to NATS: keys, the files that hold them, and what is written for the server about them."""
