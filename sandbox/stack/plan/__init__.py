"""What is to run, and what was asked for. Pure but for the search for free ports."""
