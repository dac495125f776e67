"""Where the vitals come from, and who is sent them."""
