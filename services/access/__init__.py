"""Who may come onto the bus: keys, the files that hold them, and what is written for the server about them."""
