"""What was requested, and what runs: options, ports, and each part's files, keys and flags."""
