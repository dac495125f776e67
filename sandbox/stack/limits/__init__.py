"""Under which limits it runs, and what it uses."""
