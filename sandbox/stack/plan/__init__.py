"""What was asked for, and what is to run. Pure but for the search for free ports."""
