"""What runs: started, watched, started again, stopped."""
